"""For users of AWS's sample: each function as they know it, and what was wrong there, one test for each defect.

https://github.com/aws-samples/sample-rds-lambda-s3vector-integration
"""

import re
import threading
import time
from typing import Any

import psycopg
import pytest

from tests.destination_s3vectors.sql_bridge.conftest import FUNCTION, Service, Sql, statements

X = [1.0, 0.0, 0.0]
QUERY = "SELECT vector_id FROM s3vl.query_vectors('{1,0,0}', 'products')"
# Names and types of the arguments, in order, and the names of the columns of the result.
SAMPLE = {
    "configure": ("lambda_arn text, aws_region text, timeout_seconds integer", ""),
    "validate_config": ("", "is_valid, lambda_arn, aws_region, error_message, response_time_ms"),
    "register_index": ("index_name_param text, index_arn_param text, description_param text", ""),
    "activate_index": ("index_name_param text", ""),
    "deactivate_index": ("index_name_param text", ""),
    "unregister_index": ("index_name_param text", ""),
    "resolve_index_arn": ("index_name_param text", ""),
    "query_vectors": (
        (
            "query_vector double precision[], index_name text, index_arn text, top_k integer, return_metadata boolean, "
            "metadata_filter jsonb"
        ),
        "vector_id, distance, similarity_score, metadata",
    ),
    "get_vectors": (
        "vector_ids text[], index_name text, index_arn text, include_vector_data boolean, include_metadata boolean",
        "vector_id, embedding, metadata, found",
    ),
    "list_vectors": (
        (
            "index_arn text, index_name text, max_results integer, next_token text, return_data boolean, "
            "return_metadata boolean"
        ),
        "vector_id, vector_data, metadata, response_next_token, total_count",
    ),
}


def test_the_functions_of_the_sample_are_called_as_there(sql: Sql) -> None:
    sql.connection.execute("SET search_path = s3vl, pg_catalog")
    found = {
        (name, re.sub(r" DEFAULT [^,]*", "", arguments)): columns
        for name, arguments, columns in sql.rows(
            "SELECT proname::text, pg_get_function_arguments(oid), array_to_string(ARRAY(SELECT n FROM"
            " unnest(proargnames, proargmodes) AS u (n, m) WHERE m = 't'), ', ') FROM pg_proc"
            " WHERE pronamespace = 's3vl'::regnamespace"
        )
    }
    for name, (arguments, columns) in SAMPLE.items():
        ours = [key[1] for key in found if key[0] == name and key[1].startswith(arguments)]
        assert ours, name
        assert columns == "" or found[name, ours[0]] == columns


def test_1_a_listing_gives_its_token(sql: Sql) -> None:
    sql.service.put(sql.service.products, ("a", X, {}), ("b", X, {}))
    page = "SELECT response_next_token FROM s3vl.list_vectors(index_name => 'products', max_results => 1)"
    assert sql.value(page) is not None


def test_2_every_sqlstate_is_one_that_postgresql_knows(sql: Sql) -> None:
    codes = set(re.findall(r"(?:ERRCODE = |THEN |ELSE )'([0-9A-Z]{5})'", statements("s3vl.sql")))
    assert len(codes) > 12
    names = set(re.findall(r"ERRCODE = '([^']*)'", statements("s3vl.sql")))
    assert names <= codes
    for code in codes:
        raised, _ = sql.error(f"DO $$ BEGIN RAISE 'x' USING ERRCODE = '{code}'; END $$")
        assert raised == code
        assert psycopg.errors.lookup(code), code
    assert sql.error("SELECT s3vl.configure('s3vl')")[0] == "22023"


def test_3_region_and_timeout_are_used(sql: Sql) -> None:
    elsewhere = sql.service.products.replace("us-east-1", "eu-west-3")
    sql.connection.execute("SELECT s3vl.register_index('paris', %s)", [elsewhere])
    sql.connection.execute("UPDATE s3vl.config SET timeout_seconds = 7")
    sql.rows("SELECT * FROM s3vl.list_vectors(NULL, 'products')")
    sql.error("SELECT * FROM s3vl.list_vectors(NULL, 'paris')")
    assert sql.service.regions == ["us-east-1", "eu-west-3"]
    assert {event["timeout_ms"] for event in sql.aws_lambda.invoked[-2:]} == {7000}


def test_4_the_similarity_of_euclidean_distances_is_no_1_minus_d(sql: Sql) -> None:
    sql.service.put(sql.service.places, ("near", X, {}), ("far", [9.0, 0.0, 0.0], {}))
    rows = sql.rows("SELECT vector_id, similarity_score FROM s3vl.query_vectors('{1,0,0}', 'places')")
    assert rows == [("near", 1.0), ("far", pytest.approx(1 / 9))]


def test_5_the_client_is_made_once(service: Service) -> None:
    for _ in range(5):
        service.result("list_vectors")
    assert service.regions == ["us-east-1"]


def test_6_more_than_a_page_is_not_cut_and_a_page_is_not_called_the_total(sql: Sql) -> None:
    sql.connection.execute(
        "SELECT s3vl.put_vectors(array_agg('k' || n), array_agg(ARRAY[1, n, 0]::float8[]), NULL, 'products')"
        " FROM generate_series(1, 1300) n"
    )
    assert len(sql.rows("SELECT FROM s3vl.query_vectors('{1,0,0}', 'products', top_k => 1250)")) == 1250
    assert sql.rows("SELECT DISTINCT total_count FROM s3vl.list_vectors(NULL, 'products')") == [(None,)]


@pytest.mark.parametrize("function", ["crash", "strange"])
def test_7_a_function_that_fails_is_no_empty_answer(sql: Sql, function: str) -> None:
    sql.connection.execute("UPDATE s3vl.config SET lambda_arn = %s", [f"{FUNCTION}-{function}"])
    assert sql.error(QUERY)[0] == "38000"


def test_8_other_partitions_have_arns_too(sql: Sql) -> None:
    for partition, region in (
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso-b", "us-isob-east-1"),
    ):
        function = f"arn:{partition}:lambda:{region}:123456789012:function:s3vl"
        index = f"arn:{partition}:s3vectors:{region}:123456789012:bucket/shop/index/products"
        assert sql.value("SELECT s3vl.configure(%s)", function) is False
        assert sql.value("SELECT aws_region FROM s3vl.get_config()") == region
        assert sql.value("SELECT s3vl.register_index('other', %s)", index) is True
        sql.service.answer("list_vectors", index_arn=index)
        assert sql.service.regions[-1] == region


def test_9_a_session_that_finds_the_function_busy_is_told_so(sql: Sql) -> None:
    """The sample reserves five at once, and its sixth session gets no rows."""
    refused, found = threading.Event(), list[int]()

    def answer(event: dict[str, Any]) -> Any:
        refused.wait(20)
        return sql.service.bridge.answer(event)

    def ask() -> None:
        with psycopg.connect(sql.database.dsn, autocommit=True) as connection:
            found.append(len(connection.execute(QUERY).fetchall()))

    sql.service.put(sql.service.products, ("a", X, {}))
    sql.aws_lambda.functions, sql.aws_lambda.concurrency = {FUNCTION: answer}, 5
    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while sql.aws_lambda.running < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sql.error(QUERY)[0] == "53400"
    refused.set()
    for thread in threads:
        thread.join()
    assert found == [1] * 5


def test_9_an_alias_can_be_called(sql: Sql) -> None:
    sql.aws_lambda.functions = {f"{FUNCTION}:LIVE": sql.service.bridge.answer}
    assert sql.value("SELECT s3vl.configure(%s)", f"{FUNCTION}:LIVE") is True
    assert sql.rows(QUERY) == []


def test_10_the_planner_is_told_and_the_public_may_nothing(sql: Sql) -> None:
    reading = sql.rows(
        "SELECT proname::text, procost, prorows FROM pg_proc WHERE pronamespace = 's3vl'::regnamespace"
        " AND provolatile = 's' AND proretset AND proname ~ '^(query|search|get_v|list_v|list_a)' AND procost >= 1e6"
    )
    assert len({row[0] for row in reading}) == 10
    assert all(rows > 0 for _, _, rows in reading)
    writing = "SELECT DISTINCT provolatile::text FROM pg_proc WHERE proname IN ('put_vectors', 'delete_vectors')"
    assert sql.rows(writing) == [("v",)]
    open_to_all = (
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 's3vl'::regnamespace AND"
        " (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) a WHERE a.grantee = 0))"
    )
    assert sql.rows(open_to_all) == []
    loose = (
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 's3vl'::regnamespace AND prosecdef"
        " AND NOT coalesce(array_to_string(proconfig, ' '), '') ~ 'search_path=pg_catalog, pg_temp'"
    )
    assert sql.rows(loose) == []
    by_arn = "SELECT * FROM s3vl.query_vectors('{1,0,0}', index_arn => %s)"
    assert sql.error(by_arn, sql.service.products + "-of-others")[0] == "42704"


def test_11_an_answer_above_lambdas_limit_comes_whole(sql: Sql) -> None:
    text = "x" * 1900
    for start in range(0, 3500, 500):
        sql.service.put(
            sql.service.products, *((f"k{n}", [1.0, n, 0.0], {"t": text}) for n in range(start, start + 500))
        )
    found = "SELECT count(*) FROM s3vl.query_vectors('{1,0,0}', 'products', top_k => 10000)"
    assert sql.value(found) == 3500
