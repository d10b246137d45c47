"""Each property of the peer's form, and two cases that differ in its value and in what the peer made of them.

A path names the properties from the top, and in a choice the chosen kind: `streams.format.csv.delimiter`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Pair(NamedTuple):
    """Two cases of a group. `same`: why the peer's outcomes are equal whatever the value is."""

    group: str
    one: str
    other: str
    same: str | None = None


def paths(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Of all properties below a node of the form, kinds of a choice included."""
    for name, inner in node.get("properties", {}).items():
        yield ".".join((*path, name))
        yield from paths(inner, (*path, name))
    for branch in node.get("oneOf", []):
        kind = next(inner["const"] for inner in branch["properties"].values() if "const" in inner)
        yield ".".join((*path, kind))
        rest = {name: inner for name, inner in branch["properties"].items() if "const" not in inner}
        yield from paths({**branch, "properties": rest}, (*path, kind))
    if "properties" in node.get("items", {}):
        yield from paths(node["items"], path)


CSV, STREAM, OLD = "streams.format.csv.", "streams.", "format.csv."
NO_USE = "The peer takes it and has no use for it; so do we, and the log says so."
PAIRS: Mapping[str, Pair] = {
    "start_date": Pair("selection", "start_date_none", "start_date_day"),
    "streams": Pair("selection", "no_streams", "globs_usual"),
    "bucket": Pair("selection", "access_user", "access_bucket_missing"),
    "endpoint": Pair("selection", "access_user", "access_endpoint_closed"),
    "region_name": Pair("selection", "access_user", "access_region_invalid"),
    "credentials": Pair("selection", "access_user", "access_unknown"),
    "credentials.iam_user": Pair("selection", "access_user", "access_default_without_keys"),
    "credentials.iam_user.aws_access_key_id": Pair("selection", "access_user", "access_user_without_key"),
    "credentials.iam_user.aws_secret_access_key": Pair("selection", "access_user", "access_user_without_secret"),
    "credentials.iam_role": Pair("selection", "access_role", "access_default_without_keys"),
    "credentials.iam_role.role_arn": Pair("selection", "access_role", "access_role_that_is_none"),
    "credentials.default_credentials": Pair("selection", "access_default_with_keys", "access_role_that_is_none"),
    "delivery_method": Pair("syncs", "raw_of_some", "raw_off"),
    "delivery_method.use_records_transfer": Pair("syncs", "raw_of_some", "raw_off"),
    "delivery_method.use_file_transfer": Pair("syncs", "raw_of_some", "raw_off"),
    "delivery_method.use_file_transfer.preserve_directory_structure": Pair("syncs", "raw_on", "raw_flat"),
    STREAM + "name": Pair("selection", "name", "name_usual"),
    STREAM + "globs": Pair("selection", "globs_usual", "globs_of_names"),
    STREAM + "legacy_prefix": Pair("selection", "globs_usual", "legacy_prefix"),
    STREAM + "validation_policy": Pair("syncs", "policy_emit_record_wrong_type", "policy_wait_for_discover_wrong_type"),
    STREAM + "input_schema": Pair("csv", "input_schema_none", "input_schema_fewer_columns"),
    STREAM + "primary_key": Pair("selection", "primary_key_none", "primary_key"),
    STREAM + "days_to_sync_if_history_is_full": Pair(
        "syncs", "incremental_full_history", "incremental_full_history_many_days"
    ),
    STREAM + "schemaless": Pair("csv", "not_schemaless", "schemaless"),
    STREAM + "recent_n_files_to_read_for_schema_discovery": Pair(
        "selection", "schema_of_recent_files", "schema_of_two_recent_files"
    ),
    STREAM + "use_first_found_file_for_schema_discovery": Pair(
        "selection", "start_date_none", "schema_of_first_found_file"
    ),
    STREAM + "skip_full_check_for_parquet": Pair("parquet", "skip_full_check_off", "skip_full_check_on"),
    STREAM + "format": Pair("selection", "globs_usual", "format_missing"),
    STREAM + "format.avro": Pair("rows", "avro_plain", "avro_as_csv"),
    STREAM + "format.avro.double_as_string": Pair("rows", "avro_double_as_number", "avro_double_as_string"),
    STREAM + "format.csv": Pair("parquet", "csv_as_parquet", "csv_as_csv"),
    STREAM + "format.jsonl": Pair("rows", "jsonl_plain", "jsonl_as_csv"),
    STREAM + "format.parquet": Pair("parquet", "csv_as_parquet", "csv_as_csv"),
    STREAM + "format.parquet.decimal_as_float": Pair("parquet", "type_decimal", "decimal_as_float"),
    STREAM + "format.excel": Pair("rows", "excel_plain", "excel_as_csv"),
    STREAM + "format.unstructured": Pair("documents", "text", "text_as_csv"),
    STREAM + "format.unstructured.skip_unprocessable_files": Pair("documents", "damaged_pdf", "damaged_pdf_fails"),
    STREAM + "format.unstructured.strategy": Pair("documents", "strategy_fast", "strategy_hi_res"),
    STREAM + "format.unstructured.processing": Pair("documents", "processing_local", "processing_unknown"),
    STREAM + "format.unstructured.processing.local": Pair("documents", "processing_local", "processing_unknown"),
    CSV + "delimiter": Pair("csv", "delimiter_comma", "delimiter_semicolon"),
    CSV + "quote_char": Pair("csv", "quote_usual", "quote_single"),
    CSV + "escape_char": Pair("csv", "escape_none", "escape_backslash"),
    CSV + "encoding": Pair("csv", "encoding_utf8", "encoding_latin1"),
    CSV + "double_quote": Pair("csv", "double_quote_on", "double_quote_off"),
    CSV + "null_values": Pair("csv", "null_values_none", "null_values"),
    CSV + "strings_can_be_null": Pair("csv", "null_values", "strings_can_be_null_off"),
    CSV + "skip_rows_before_header": Pair("csv", "skip_rows_before_header", "skip_no_rows_before_header"),
    CSV + "skip_rows_after_header": Pair("csv", "skip_rows_after_header", "skip_no_rows_after_header"),
    CSV + "header_definition": Pair("csv", "header_from_csv", "header_autogenerated"),
    CSV + "header_definition.From CSV": Pair("csv", "header_from_csv", "header_autogenerated"),
    CSV + "header_definition.Autogenerated": Pair("csv", "header_from_csv", "header_autogenerated"),
    CSV + "header_definition.User Provided": Pair("csv", "header_autogenerated", "header_user_provided"),
    CSV + "header_definition.User Provided.column_names": Pair(
        "csv", "header_user_provided", "header_user_provided_otherwise"
    ),
    CSV + "true_values": Pair("csv", "true_values_usual", "true_values"),
    CSV + "false_values": Pair("csv", "true_values_usual", "false_values"),
    CSV + "inference_type": Pair("csv", "inference_none", "inference_primitive"),
    CSV + "ignore_errors_on_fields_mismatch": Pair("syncs", "mismatch_too_few", "mismatch_too_few_ignored"),
    "dataset": Pair("version_3", "plain", "dataset_other"),
    "path_pattern": Pair("version_3", "plain", "path_pattern_star"),
    "schema": Pair("version_3", "plain", "schema_given"),
    "format": Pair("version_3", "plain", "format_missing"),
    "format.csv": Pair("version_3", "plain", "format_unknown"),
    "format.parquet": Pair("version_3", "parquet_plain", "parquet_as_jsonl"),
    "format.avro": Pair("version_3", "avro_plain", "avro_as_jsonl"),
    "format.jsonl": Pair("version_3", "jsonl_plain", "jsonl_as_csv"),
    OLD + "delimiter": Pair("version_3", "delimiter_comma", "delimiter_semicolon"),
    OLD + "infer_datatypes": Pair("version_3", "infer_datatypes_off", "reader_options_none"),
    OLD + "quote_char": Pair("version_3", "quote_char_usual", "quote_char_single"),
    OLD + "escape_char": Pair("version_3", "escape_char_none", "escape_char"),
    OLD + "encoding": Pair("version_3", "encoding_usual", "encoding_latin1"),
    OLD + "double_quote": Pair("version_3", "double_quote_usual", "double_quote_off"),
    OLD + "newlines_in_values": Pair("version_3", "newlines_in_values_on", "newlines_in_values_off", NO_USE),
    OLD + "additional_reader_options": Pair("version_3", "reader_options_none", "reader_options_nulls"),
    OLD + "advanced_options": Pair("version_3", "advanced_none", "advanced_names"),
    OLD + "block_size": Pair("version_3", "block_size", "block_size_nought"),
    "format.parquet.columns": Pair("version_3", "parquet_plain", "parquet_columns", NO_USE),
    "format.parquet.batch_size": Pair("version_3", "parquet_plain", "parquet_batch_size", NO_USE),
    "format.parquet.buffer_size": Pair("version_3", "parquet_plain", "parquet_buffer_size", NO_USE),
    "format.jsonl.newlines_in_values": Pair("version_3", "jsonl_plain", "jsonl_newlines_in_values", NO_USE),
    "format.jsonl.unexpected_field_behavior": Pair("version_3", "jsonl_plain", "jsonl_behavior_unknown"),
    "format.jsonl.block_size": Pair("version_3", "jsonl_plain", "jsonl_block_size", NO_USE),
    "provider": Pair("version_3", "plain", "provider_missing"),
    "provider.bucket": Pair("version_3", "plain", "bucket_missing"),
    "provider.aws_access_key_id": Pair("version_3", "plain", "key_left_out"),
    "provider.aws_secret_access_key": Pair("version_3", "plain", "secret_left_out"),
    "provider.role_arn": Pair(
        "version_3", "keys_in_environment", "role_alone", "The peer forgets the role of version 3; we assume it."
    ),
    "provider.path_prefix": Pair("version_3", "plain", "prefix"),
    "provider.endpoint": Pair("version_3", "plain", "endpoint_closed"),
    "provider.region_name": Pair("version_3", "plain", "region_other", "The peer forgets the region of version 3."),
    "provider.start_date": Pair("version_3", "start_date_before", "start_date_after"),
}
