"""The differences that are on purpose: row of docs/migration.md, by its beginning, then case and aspects."""

from collections.abc import Mapping

BY_ROW: Mapping[str, Mapping[str, str]] = {
    "Under `Wait for Discover` a row that does not conform": {
        "syncs/policy_checked_wait_for_discover": "check read",
        "syncs/policy_wait_for_discover_conforming": "check",
        "syncs/policy_wait_for_discover_inferred": "read",
        "syncs/policy_wait_for_discover_jsonl": "read",
        "syncs/policy_wait_for_discover_nested": "read",
        "syncs/policy_wait_for_discover_new_column_beside_input_schema": "check",
        "syncs/policy_wait_for_discover_two_streams": "check read",
        "syncs/policy_wait_for_discover_wrong_type": "check read",
    },
    "Under `Skip Record` every column": {
        "syncs/policy_skip_record_nested": "records",
    },
    "Columns of Parquet, Avro and ORC files that the catalog lacks": {
        "parquet/a_column_appears_after_discover": "records",
    },
    "A column of nothing but nulls is text": {
        "csv/input_schema_all_types": "discover records",
        "parquet/type_null": "discover",
        "rows/avro_type_null": "discover",
        "rows/jsonl_all_types": "discover",
        "rows/jsonl_only_nulls": "discover",
    },
    "`check` reads the footer of a Parquet file": {
        "parquet/skip_full_check_on": "check",
    },
    "A column that holds objects or arrays in one row": {
        "rows/jsonl_array_and_text": "discover read",
        "rows/jsonl_object_and_text": "discover read",
    },
    "Integers are written digit by digit": {
        "rows/jsonl_large_numbers": "records",
    },
    "Avro fields of several types": {
        "rows/avro_type_absent": "discover read",
        "rows/avro_type_optional": "discover read",
        "rows/avro_type_time_micros": "discover",
        "rows/avro_type_time_millis": "discover",
        "rows/avro_type_union": "discover read",
    },
    "A stream whose zip archives match as a whole": {
        "selection/gz_in_capitals": "check discover read",
        "selection/zip_by_its_name": "check discover records",
    },
    "Values of version 3 that have no effect": {
        "version_3/block_size_nought": "check discover read",
        "version_3/jsonl_behavior_unknown": "check discover read",
        "version_3/start_date_odd": "check discover read",
    },
    "A bad row ends the stream with an error that names object and line": {
        "csv/encoding_wrong": "check discover",
        "csv/header_user_provided_too_short": "check discover",
        "csv/mismatch_fails": "discover",
        "csv/newline_outside_quotes": "check discover",
        "csv/quote_double": "discover",
        "csv/skip_no_rows_after_header": "check discover",
        "csv/skip_no_rows_before_header": "check discover",
        "csv/too_few_fields": "discover",
        "csv/too_many_fields": "discover",
        "csv/trailing_empty_header_with_values": "check discover",
        "rows/jsonl_array_line": "check",
        "rows/jsonl_broken_line": "read",
        "rows/jsonl_broken_line_in_the_middle": "read",
        "rows/jsonl_number_line": "discover",
        "version_3/jsonl_as_csv": "check discover",
    },
    "`ignore_errors_on_fields_mismatch` passes over rows": {
        "csv/mismatch_ignored": "discover read",
        "csv/quote_double": "read",
        "syncs/mismatch_too_few_ignored": "records",
        "syncs/mismatch_too_many_ignored": "records",
    },
    "An empty `quote_char` means no quotes": {
        "csv/encoding_blank": "check discover read",
        "csv/quote_none": "check discover read",
    },
    "A byte order mark is no part": {
        "csv/byte_order_mark": "discover records",
        "rows/jsonl_byte_order_mark": "check discover read",
    },
    "Two columns of one name in a CSV header": {
        "csv/duplicate_header": "check discover read",
    },
    "A quote that is never closed": {
        "csv/unclosed_quote": "read",
    },
    "Line breaks inside quoted values": {
        "csv/newline_in_value": "records",
    },
    "Column names of CSV files lose the spaces": {
        "csv/spaces": "records",
        "rows/jsonl_as_csv": "records",
    },
    "An `input_schema` that is no JSON object is refused": {
        "csv/input_schema_empty": "discover records",
        "csv/input_schema_no_json": "check discover read",
        "version_3/schema_no_json": "check discover read",
    },
    "An empty file, a file without rows": {
        "csv/empty_file": "check discover read",
        "csv/header_only": "discover read",
        "rows/jsonl_empty_file": "discover read",
    },
    "Prefixes of globs that begin with a wildcard": {
        "selection/globs_everything_and_a_folder": "records",
    },
    "`?`, `[…]` and `{…}` in globs": {
        "selection/globs_braces": "check discover records",
        "selection/globs_question_mark": "check discover records",
        "selection/globs_set": "check discover records",
    },
    "The offset of a `start_date`": {
        "selection/start_date_with_offset": "discover records",
    },
    "A stream without globs, a configuration without streams": {
        "selection/globs_empty": "discover read",
        "selection/no_streams": "discover read",
    },
    "Two streams of one name are refused": {
        "selection/two_streams_of_one_name": "check discover read",
    },
    "Several fields in `primary_key`": {
        "selection/primary_key_composite": "discover",
    },
    "Several ways to give the schema": {
        "selection/schema_of_recent_and_first_found": "check discover read",
        "selection/schemaless_and_input_schema": "check discover read",
    },
    "Binary columns of Parquet and Avro files": {
        "parquet/type_binary": "records",
        "parquet/type_binary_no_text": "check read",
        "parquet/type_fixed_size_binary": "records",
        "rows/avro_type_bytes": "records",
        "rows/avro_type_fixed": "records",
    },
    "A Parquet column of the type dictionary": {
        "parquet/type_dictionary": "discover",
    },
    "Dates, times and decimals inside the structs": {
        "parquet/struct_of_times_as_float": "read",
        "parquet/type_struct_of_times": "read",
    },
    "What is wrong with a document is told in words of ours": {
        "documents/damaged_docx": "records",
        "documents/damaged_pdf": "records",
        "documents/docx": "records",
        "documents/empty_text": "records",
        "documents/latin1_text": "records",
        "documents/picture": "records",
        "documents/some_damaged": "records",
        "documents/unknown_kind": "records",
        "documents/unknown_kind_fails": "discover",
    },
    "A document of which neither the bytes": {
        "documents/no_extension": "discover read",
    },
    "A stream of documents has its three fields": {
        "documents/input_schema": "discover",
        "documents/no_documents": "discover",
    },
    "More fields of documents are in the catalog": {
        "documents/damaged_docx": "discover",
        "documents/damaged_pdf": "discover",
        "documents/damaged_pdf_fails": "discover",
        "documents/docx": "discover",
        "documents/empty_text": "discover",
        "documents/input_schema": "discover",
        "documents/latin1_text": "discover",
        "documents/markdown": "discover",
        "documents/no_documents": "discover",
        "documents/no_extension": "discover",
        "documents/picture": "discover",
        "documents/primary_key": "discover",
        "documents/processing_local": "discover",
        "documents/some_damaged": "discover",
        "documents/strategy_fast": "discover",
        "documents/text": "discover",
        "documents/unknown_kind": "discover",
        "documents/unknown_kind_fails": "discover",
        "documents/upper_case_extension": "discover",
    },
    "The strategies `ocr_only` and `hi_res`": {
        "documents/strategy_hi_res": "discover read",
        "documents/strategy_ocr_only": "check discover read",
    },
    "`use_file_transfer` for a stream of documents": {
        "syncs/raw_of_documents": "discover",
    },
    "The state is an exact account of the objects read": {
        "syncs/days_negative": "check discover read",
        "syncs/incremental_changed_file_of_the_same_time": "records",
        "syncs/incremental_changed_file_with_an_older_time": "records",
        "syncs/incremental_full_history": "records",
        "syncs/incremental_history_with_a_later_time": "records",
    },
}
