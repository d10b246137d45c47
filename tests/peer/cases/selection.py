"""Which objects a stream reads, how it signs in, and from which files its schema is taken."""

from typing import Any

import pyarrow as pa

from tests.peer.case import Case, stream
from tests.peer.objects import At, Compressed, Parquet, Zip

TREE = {name: f"a\n{name}\n" for name in ("a.csv", "b.txt", "in/a.csv", "in/deep/b.csv", "in2/c.csv", "out/d.csv")}


def tree(name: str, **more: Any) -> Case:
    return Case(name, TREE, [stream(**more)])


GLOBS = [
    tree("globs_usual"),
    Case("globs_left_out", TREE, [{"name": "s", "format": {"filetype": "csv"}}]),
    tree("globs_one_star", globs=["*"]),
    tree("globs_of_names", globs=["*.csv"]),
    tree("globs_deep", globs=["**/*.csv"]),
    tree("globs_folder", globs=["in/*"]),
    tree("globs_folder_deep", globs=["in/**"]),
    tree("globs_several", globs=["in/*.csv", "out/*.csv"]),
    tree("globs_overlapping", globs=["in/**", "in/*.csv"]),
    tree("globs_everything_and_a_folder", globs=["**", "in/*"]),
    tree("globs_exact", globs=["in/a.csv"]),
    tree("globs_braces", globs=["{in,out}/*.csv"]),
    tree("globs_question_mark", globs=["in?/*.csv"]),
    tree("globs_set", globs=["[ab].*"]),
    tree("globs_leading_slash", globs=["/in/*"]),
    tree("globs_negated", globs=["!(in)/*.csv"]),
    tree("globs_none_match", globs=["*.parquet"]),
    tree("globs_empty", globs=[]),
    Case("globs_folder_markers", {"in/": "", "in/a.csv": "a\n1\n"}, [stream()]),
    Case("globs_hidden_files", {".a.csv": "a\n1\n", ".in/b.csv": "a\n2\n", "c.csv": "a\n3\n"}, [stream()]),
    Case("keys_with_odd_letters", {"a b+c%20é.csv": "a\n1\n", "x=1/ü.csv": "a\n2\n"}, [stream()]),
    tree("legacy_prefix", legacy_prefix="in"),
    tree("legacy_prefix_folder", legacy_prefix="in/", globs=["**/*.csv"]),
    tree("legacy_prefix_of_another", legacy_prefix="out/", globs=["in/*"]),
    Case("empty_bucket", {}, [stream()]),
]

AGES = {f"{year}.csv": At(f"{year}-06-05T03:54:07", f"a,y{year}\n1,2\n") for year in (2021, 2022, 2023)}


def since(name: str, start: str) -> Case:
    return Case(name, AGES, [stream()], {"start_date": start})


def sampled(name: str, **more: Any) -> Case:
    return Case(name, AGES, [stream(**more)])


TIMES = [
    Case("start_date_none", AGES, [stream()]),
    since("start_date_day", "2022-01-01"),
    since("start_date_seconds", "2022-06-05T03:54:07Z"),
    since("start_date_after_by_a_second", "2022-06-05T03:54:08Z"),
    since("start_date_microseconds", "2023-01-01T00:00:00.000000Z"),
    since("start_date_with_offset", "2022-06-05T05:54:07+02:00"),
    since("start_date_later_than_all", "2024-01-01T00:00:00.000000Z"),
    since("start_date_no_date", "yesterday"),
    sampled("schema_of_recent_files", recent_n_files_to_read_for_schema_discovery=1),
    sampled("schema_of_two_recent_files", recent_n_files_to_read_for_schema_discovery=2),
    sampled("schema_of_first_found_file", use_first_found_file_for_schema_discovery=True),
    sampled(
        "schema_of_recent_and_first_found",
        use_first_found_file_for_schema_discovery=True,
        recent_n_files_to_read_for_schema_discovery=1,
    ),
    sampled("schema_of_no_files", recent_n_files_to_read_for_schema_discovery=0),
    sampled("schemaless_and_input_schema", schemaless=True, input_schema='{"a": "string"}'),
    Case(
        "schema_of_twelve_files",
        {f"{n:02}.csv": At(f"2023-06-{n:02}T00:00:00", f"a,c{n}\n1,2\n") for n in range(1, 13)},
        [stream()],
    ),
]

KEY = [
    Case("primary_key_none", TREE, [stream()]),
    Case("primary_key", TREE, [stream(primary_key="a")]),
    Case("primary_key_composite", TREE, [stream(primary_key="a, b")]),
    Case("two_streams_of_one_name", TREE, [stream(), stream()]),
    Case("one_of_two_streams_has_no_files", TREE, [stream(globs=["in/*"]), stream(name="t", globs=["*.none"])]),
    Case("two_streams_fail", {"a.csv": "a,,b\n"}, [stream(), stream("parquet", "t")]),
    Case("no_streams", TREE, config={"streams": []}),
    Case("unknown_property", TREE, [stream(shrubbery=1)], {"unknown": 1}),
    Case("unknown_filetype", TREE, [stream("shrubbery")]),
    Case("format_missing", TREE, [{"name": "s"}]),
    Case("name_missing", TREE, [{"format": {"filetype": "csv"}}]),
    Case("name_usual", {"a.csv": "a\n1\n"}, [stream()]),
    Case("name", {"a.csv": "a\n1\n"}, [stream(name="other name")]),
]

PACKED = [
    Case("gz", {"a.csv.gz": Compressed("a\n1\n", "gz")}, [stream()]),
    Case("bz2", {"a.csv.bz2": Compressed("a\n1\n", "bz2")}, [stream()]),
    Case("gz_in_capitals", {"a.csv.GZ": Compressed("a\n1\n", "gz")}, [stream()]),
    Case("gz_without_name", {"a.csv": Compressed("a\n1\n", "gz")}, [stream()]),
    Case("zip", {"a.zip": Zip({"x.csv": "a\n1\n", "in/y.csv": "a\n2\n", "z.txt": "a\n3\n"})}, [stream()]),
    Case(
        "zip_by_member_names",
        {"a.zip": Zip({"x.csv": "a\n1\n", "in/y.csv": "a\n2\n", "z.txt": "a\n3\n"})},
        [stream(globs=["**/*.csv"])],
    ),
    Case("zip_by_its_name", {"in/a.zip": Zip({"x.csv": "a\n1\n"})}, [stream(globs=["in/*.zip"])]),
    Case("zip_beside_files", {"in/a.zip": Zip({"x.csv": "a\n1\n"}), "in/b.csv": "a\n2\n"}, [stream(globs=["in/**"])]),
    Case("zip_of_nothing", {"a.zip": Zip({}), "b.csv": "a\n2\n"}, [stream()]),
    Case("zip_of_jsonl", {"a.zip": Zip({"x.jsonl": '{"a": 1}\n'})}, [stream("jsonl")]),
    Case("zip_of_parquet", {"a.zip": Zip({"x.parquet": Parquet({"a": (pa.int64(), [1])})})}, [stream("parquet")]),
    Case("zip_that_is_none", {"a.zip": "no zip", "b.csv": "a\n2\n"}, [stream()]),
]

FILE = {"a.csv": "a\n1\n"}
KEYS = {"aws_access_key_id": "AKIALOOPBACKONLY0000", "aws_secret_access_key": "loopback"}
PLACE = {"bucket": "{bucket}", "endpoint": "{endpoint}", "region_name": "us-east-1"}
IN_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIALOOPBACKONLY0000", "AWS_SECRET_ACCESS_KEY": "loopback"}
STS = {**IN_ENVIRONMENT, "AWS_ENDPOINT_URL_STS": "{endpoint}", "AWS_DEFAULT_REGION": "us-east-1"}
ROLE = "arn:aws:iam::123456789012:role/reader"


def access(name: str, config: dict[str, Any], environment: dict[str, str] | None = None) -> Case:
    return Case(f"access_{name}", FILE, [stream()], {**PLACE, **config}, environment=environment or {}, signs_in=False)


def signed_in(auth_type: str, **more: str) -> dict[str, Any]:
    return {"credentials": {"auth_type": auth_type, **more}}


ACCESS = [
    access("user", signed_in("iam_user", **KEYS)),
    access("user_without_key", signed_in("iam_user", aws_secret_access_key="x")),
    access("user_without_secret", signed_in("iam_user", aws_access_key_id="x")),
    access("default_without_keys", signed_in("default_credentials")),
    access("default_with_keys", signed_in("default_credentials"), IN_ENVIRONMENT),
    access("role", signed_in("iam_role", role_arn=ROLE), STS),
    access("role_that_is_none", signed_in("iam_role", role_arn="reader"), STS),
    access("unknown", signed_in("shrubbery")),
    access("none", {}),
    access("none_with_keys_in_environment", {}, IN_ENVIRONMENT),
    access("keys_at_the_top", KEYS),
    access("one_key_at_the_top", {"aws_access_key_id": "x"}),
    access("role_at_the_top", {"role_arn": ROLE}, STS),
    access("role_and_keys_at_the_top", {"role_arn": ROLE, **KEYS}, STS),
    access("keys_at_the_top_and_credentials", {"aws_access_key_id": "x", **signed_in("iam_user", **KEYS)}),
    access("bucket_missing", {"bucket": "no-such-bucket-here", **signed_in("iam_user", **KEYS)}),
    access("bucket_invalid", {"bucket": "s3://{bucket}", **signed_in("iam_user", **KEYS)}),
    access("endpoint_closed", {"endpoint": "http://127.0.0.1:9", **signed_in("iam_user", **KEYS)}),
    access("endpoint_invalid", {"endpoint": "not an endpoint", **signed_in("iam_user", **KEYS)}),
    access("region_other", {"region_name": "eu-central-1", **signed_in("iam_user", **KEYS)}),
    access("region_invalid", {"region_name": "no region!", **signed_in("iam_user", **KEYS)}),
]

CASES = [*GLOBS, *TIMES, *KEY, *PACKED, *ACCESS]
