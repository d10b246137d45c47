"""Syncs after syncs, states of older versions, the validation policies, and files copied as they are."""

from typing import Any

from tests.peer.case import Case, stream
from tests.peer.objects import At

ONE, TWO = {"a.csv": "a\n1\n"}, {"b.csv": "a\n2\n"}
LATER = "2023-06-06T00:00:00"
USUAL = "2023-06-05T03:54:07.000000Z"


def incremental(name: str, again: dict[str, Any] | None = None, **more: Any) -> Case:
    return Case(f"incremental_{name}", {**ONE, **TWO}, [stream()], again=again, mode="incremental", **more)


def history(**times: str) -> dict[str, Any]:
    return {"history": {name.replace("_", "."): time for name, time in times.items()}}


FULL = {f"h{number}.csv": "2024-01-01T00:00:00.000000Z" for number in range(10_000)}

INCREMENTAL = [
    incremental("first"),
    incremental("nothing_new", {}),
    incremental("new_file", {"c.csv": At(LATER, "a\n3\n")}),
    incremental("new_file_with_an_older_time", {"c.csv": At("2020-01-01T00:00:00", "a\n3\n")}),
    incremental("changed_file", {"a.csv": At(LATER, "a\n9\n")}),
    incremental("changed_file_of_the_same_time", {"a.csv": "a\n9\n"}),
    incremental("changed_file_with_an_older_time", {"a.csv": At("2020-01-01T00:00:00", "a\n9\n")}),
    incremental("same_file_again_with_a_later_time", {"a.csv": At(LATER, "a\n1\n")}),
    Case("full_refresh_twice", ONE, [stream()], again=TWO),
    incremental("history_of_the_peer", state=history(a_csv=USUAL)),
    incremental("history_with_an_older_time", state=history(a_csv="2020-01-01T00:00:00.000000Z")),
    incremental("history_with_a_later_time", state=history(a_csv="2024-01-01T00:00:00.000000Z")),
    incremental("history_of_gone_files", state=history(gone_csv=USUAL, b_csv=USUAL)),
    incremental("history_empty", state={"history": {}}),
    incremental(
        "history_and_cursor",
        state={**history(a_csv=USUAL, b_csv=USUAL), "_ab_source_file_last_modified": f"{USUAL}_b.csv"},
    ),
    incremental(
        "state_of_version_3",
        state={"history": {"2023-06-05": ["a.csv"]}, "_ab_source_file_last_modified": "2023-06-05T03:54:07Z"},
    ),
    incremental(
        "state_of_version_3_later",
        state={"history": {"2023-06-07": ["a.csv"]}, "_ab_source_file_last_modified": "2023-06-07T03:54:07Z"},
    ),
    incremental(
        "state_of_version_3_migrated", state={**history(a_csv=USUAL), "v3_min_sync_date": "2023-06-05T03:00:00.000000Z"}
    ),
    incremental(
        "state_of_version_3_migrated_later",
        state={**history(a_csv=USUAL), "v3_min_sync_date": "2023-06-07T03:00:00.000000Z"},
    ),
    incremental("full_history", state={"history": FULL}),
    Case(
        "incremental_full_history_many_days",
        {**ONE, **TWO},
        [stream(days_to_sync_if_history_is_full=40_000)],
        state={"history": FULL},
        mode="incremental",
    ),
    Case("days_negative", ONE, [stream(days_to_sync_if_history_is_full=-1)], mode="incremental"),
]

POLICIES = ("Emit Record", "Skip Record", "Wait for Discover")
TYPES = '{"a": "integer", "b": "string"}'
CONFORM = {"a.csv": "a,b\n1,x\n2,y\n"}
MISFIT = {"b.csv": "a,b\nword,p\n3,q\n", "c.csv": "a,b\n4,z\n"}
MORE = {"b.csv": "a,b,c\n3,q,new\n", "c.csv": "a,b\n4,z\n"}
MISMATCH = {"b.csv": "a,b\n3,p\n4\n5,q\n", "c.csv": "a,b\n6,z\n"}
TOO_MANY = {"b.csv": "a,b\n3,p\n4,5,6\n5,q\n", "c.csv": "a,b\n6,z\n"}
IGNORED = {"ignore_errors_on_fields_mismatch": True}


def policy(name: str, late: dict[str, Any], *streams: dict[str, Any]) -> list[Case]:
    return [
        Case(
            f"policy_{kept.replace(' ', '_').lower()}_{name}",
            CONFORM,
            [{**stream, "validation_policy": kept} for stream in streams],
            late=late,
        )
        for kept in POLICIES
    ]


VALIDATION = [
    *policy("conforming", {}, stream(input_schema=TYPES)),
    *policy("wrong_type", MISFIT, stream(input_schema=TYPES)),
    *policy("new_column", MORE, stream()),
    *policy("new_column_beside_input_schema", MORE, stream(input_schema=TYPES)),
    *policy("missing_column", {"b.csv": "a\n3\n"}, stream()),
    *policy("schemaless", MORE, stream(schemaless=True)),
    *policy("inferred", MISFIT, stream(format={"inference_type": "Primitive Types Only"})),
    *policy("two_streams", MISFIT, stream(input_schema=TYPES), stream(name="t", globs=["a.csv"])),
    Case("policy_of_another_name", CONFORM, [stream(validation_policy="Shrug")]),
    *[
        Case(
            f"policy_checked_{kept.replace(' ', '_').lower()}",
            {"a.csv": "a,b\nx,y\n"},
            [stream(input_schema=TYPES, validation_policy=kept)],
        )
        for kept in POLICIES
    ],
    *[
        Case(
            f"policy_{kept.replace(' ', '_').lower()}_jsonl",
            {"a.jsonl": '{"a": 1, "b": "x"}\n'},
            [stream("jsonl", validation_policy=kept)],
            late={
                "b.jsonl": '{"a": 2}\n{"a": "word"}\n{"a": 3, "c": 1}\n{"a": null, "b": 5}\n{"a": 1.5}\n{"a": true}\n'
            },
        )
        for kept in POLICIES
    ],
    *[
        Case(
            f"policy_{kept.replace(' ', '_').lower()}_nested",
            {"a.jsonl": '{"o": {"x": 1}, "l": [1]}\n'},
            [stream("jsonl", validation_policy=kept)],
            late={
                "b.jsonl": '{"o": "text", "l": [2]}\n{"o": {}, "l": "text"}\n'
                '{"o": {"x": "y"}, "l": ["z"]}\n{"o": [1]}\n'
            },
        )
        for kept in POLICIES
    ],
    Case("mismatch_too_few", CONFORM, [stream()], late=MISMATCH),
    Case("mismatch_too_few_ignored", CONFORM, [stream(format=IGNORED)], late=MISMATCH),
    Case("mismatch_too_many", CONFORM, [stream()], late=TOO_MANY),
    Case("mismatch_too_many_ignored", CONFORM, [stream(format=IGNORED)], late=TOO_MANY),
    Case("broken_file_among_others", CONFORM, [stream()], late={"b.csv": b"a,b\n\xff\xfe,1\n", "c.csv": "a,b\n6,z\n"}),
    Case("empty_file_among_others", CONFORM, [stream()], late={"b.csv": "", "c.csv": "a,b\n6,z\n"}),
    Case(
        "one_stream_fails",
        {"a.csv": "a\n1\n", "b.csv": "a,b\n1,2\n"},
        [stream(globs=["a*"]), stream(name="t", globs=["b*"])],
        late={"a2.csv": "a\n1,2\n"},
    ),
]

RAW = {"delivery_method": {"delivery_type": "use_file_transfer"}}
FLAT = {"delivery_method": {"delivery_type": "use_file_transfer", "preserve_directory_structure": False}}
FILES = {"in/a.csv": "a\n1\n", "b.bin": bytes(range(256)), "in/deep/ü c.txt": "x"}


def copied(name: str, objects: dict[str, Any], config: dict[str, Any], **more: Any) -> Case:
    return Case(f"raw_{name}", objects, [stream(**more.pop("stream", {}))], config, **more)


RAW_COPY = [
    copied(
        "off", FILES, {"delivery_method": {"delivery_type": "use_records_transfer"}}, stream={"globs": ["**/*.csv"]}
    ),
    copied("on", FILES, RAW),
    copied("of_some", FILES, RAW, stream={"globs": ["**/*.csv"]}),
    copied("flat", FILES, FLAT),
    copied("flat_with_equal_names", {"x/a.csv": "1", "y/a.csv": "22"}, FLAT),
    copied("equal_names", {"x/a.csv": "1", "y/a.csv": "22"}, RAW),
    copied("empty_file", {"a.csv": ""}, RAW),
    copied("with_primary_key", FILES, RAW, stream={"primary_key": "file_name"}),
    copied("of_documents", {"a.md": "# x\n"}, RAW, stream={"filetype": "unstructured"}),
    copied("schemaless", FILES, RAW, stream={"schemaless": True}),
    copied("nothing_there", {}, RAW),
    copied("leading_slash", {"/a.csv": "1"}, RAW),
    copied("packed", {"a.csv.gz": "not really gz"}, RAW),
    copied("incremental", FILES, RAW, mode="incremental", again={"c.csv": At(LATER, "333")}),
    copied("unknown_method", FILES, {"delivery_method": {"delivery_type": "use_pigeons"}}),
]

CASES = [*INCREMENTAL, *VALIDATION, *RAW_COPY]
