"""The schema s3vl on a real PostgreSQL: installation, configuration, registry, and reading."""

import math

import psycopg
import pytest

from destination_s3vectors.emulator.faults import Rule
from tests.destination_s3vectors.sql_bridge.conftest import FUNCTION, Sql

X, Y = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


def fill(sql: Sql) -> None:
    for index in (sql.service.products, sql.service.places):
        sql.service.put(index, ("x", X, {"price": 3}), ("y", Y, {"price": 9}), ("far", [0.0, 4.0, 0.0], {}))


def test_the_configuration_is_kept_and_tried(sql: Sql) -> None:
    assert sql.rows(
        "SELECT lambda_arn, aws_region, timeout_seconds, last_validation_status FROM s3vl.get_config()"
    ) == [(FUNCTION, "us-east-1", 30, "valid")]
    ((valid, arn, region, message, milliseconds),) = sql.rows("SELECT * FROM s3vl.validate_config()")
    assert (valid, arn, region, message) == (True, FUNCTION, "us-east-1", None)
    assert 0 < milliseconds < 10_000


def test_a_function_that_does_not_answer_is_stored_with_a_warning(sql: Sql) -> None:
    notices: list[str] = []
    sql.connection.add_notice_handler(lambda notice: notices.append(f"{notice.severity}: {notice.message_primary}"))
    assert sql.value("SELECT s3vl.configure(%s, timeout_seconds => 5)", f"{FUNCTION}-none") is False
    assert "WARNING: s3vl.configure: stored, but the function does not answer" in notices[0]
    ((valid, message),) = sql.rows("SELECT is_valid, error_message FROM s3vl.validate_config()")
    assert not valid
    assert f"Function not found: {FUNCTION}-none" in message
    assert "(SQLSTATE 42704)" in message


def test_a_wrong_configuration_is_refused_with_a_real_sqlstate(sql: Sql) -> None:
    assert sql.error("SELECT s3vl.configure('s3vl')")[0] == "22023"
    assert sql.error("SELECT s3vl.configure(%s, timeout_seconds => 0)", FUNCTION)[0] == "22023"
    code, message = sql.error("SELECT s3vl.configure(%s, 'us-west-2')", FUNCTION)
    assert (code, message) == ("22023", "s3vl.configure: the region is us-west-2, that of the ARN us-east-1")
    for arn in (f"{FUNCTION}:LIVE", FUNCTION.replace("arn:aws:", "arn:aws-us-gov:")):
        assert sql.value("SELECT s3vl.configure(%s)", arn) is False
    sql.connection.execute("DELETE FROM s3vl.config")
    assert sql.error("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')")[0] == "55000"


def test_the_registry_names_indexes(sql: Sql) -> None:
    arn = sql.service.products
    assert sql.value("SELECT s3vl.resolve_index_arn('products')") == arn
    listed = sql.rows("SELECT index_name, index_arn, description, bucket_name, region, account_id, is_active "
                      "FROM s3vl.list_indexes()")  # fmt: skip
    assert listed[1] == ("products", arn, "what is sold", "shop", "us-east-1", "123456789012", True)
    assert [row[0] for row in listed] == ["places", "products"]
    assert sql.value("SELECT description FROM s3vl.get_index_info('products')") == "what is sold"
    assert sql.value("SELECT s3vl.deactivate_index('products')") is True
    assert sql.error("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')") == (
        "55000",
        "s3vl.query_vectors: the index products is not active",
    )
    assert sql.value("SELECT s3vl.activate_index('products')") is True
    assert sql.rows("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')") == []
    assert sql.value("SELECT s3vl.unregister_index('products')") is True
    for call in ("s3vl.resolve_index_arn('products')", "s3vl.get_index_info('products')",
                 "s3vl.activate_index('products')", "s3vl.unregister_index('products')"):  # fmt: skip
        assert sql.error(f"SELECT {call}")[0] == "42704"
    assert sql.error("SELECT s3vl.register_index('1st', %s)", arn)[0] == "22023"
    assert sql.error("SELECT s3vl.register_index('first', 'arn:aws:s3:::shop')")[0] == "22023"
    china = "arn:aws-cn:s3vectors:cn-north-1:123456789012:bucket/shop/index/products"
    assert sql.value("SELECT s3vl.register_index('china', %s)", china) is True
    assert sql.value("SELECT region FROM s3vl.get_index_info('china')") == "cn-north-1"


def test_the_nearest_come_with_distance_similarity_and_metadata(sql: Sql) -> None:
    fill(sql)
    rows = sql.rows("SELECT * FROM s3vl.query_vectors(ARRAY[1.0, 0.0, 0.0]::float8[], 'products', NULL, 2)")
    assert (rows[0][0], rows[0][3]) == ("x", {"price": 3})
    assert rows[0][1:3] == (pytest.approx(0), pytest.approx(1))
    assert rows[1][1:3] == (pytest.approx(1), pytest.approx(0))
    found = sql.rows(
        "SELECT vector_id, metadata FROM s3vl.query_vectors(%s, index_arn => %s, return_metadata => false,"
        ' metadata_filter => \'{"price": {"$gt": 5}}\')',
        X,
        sql.service.products,
    )
    assert found == [("y", None)]


def test_similarity_follows_the_metric_of_the_index(sql: Sql) -> None:
    fill(sql)
    rows = sql.rows("SELECT vector_id, distance, similarity_score FROM s3vl.query_vectors('{0,1,0}', 'places')")
    assert rows == [
        ("y", 0.0, 1.0),
        ("x", pytest.approx(math.sqrt(2)), pytest.approx(1 / (1 + math.sqrt(2)))),
        ("far", pytest.approx(3.0), pytest.approx(0.25)),
    ]


VECTORS = [
    "'{0,1,0}'",
    "'[0,1,0]'",
    "'[0,1,0]'::vector",
    "'[0,1,0]'::halfvec::vector",
    "'{0,1,0}'::real[]",
    "ARRAY[0, 1.0, 0]",
    "ARRAY[0, 1, 0]",
    "'{0,1,0}'::float8[]",
]


def test_vectors_of_any_type_are_taken(sql: Sql) -> None:
    fill(sql)
    sql.connection.execute("CREATE EXTENSION vector")
    for vector in VECTORS:  # one database for all: they change nothing
        query = f"SELECT vector_id FROM s3vl.query_vectors({vector}, 'places', top_k => 1)"
        assert sql.value(query) == "y", vector


def test_more_than_lambda_can_answer_at_once_comes_whole(sql: Sql) -> None:
    text = "x" * 1900
    for n in range(0, 4000, 500):
        sql.service.put(sql.service.products, *((f"k{k}", [1.0, k, 0.0], {"t": text}) for k in range(n, n + 500)))
    before = len(sql.aws_lambda.invoked)
    found = sql.rows(
        "SELECT count(*), count(DISTINCT vector_id), min(length(metadata->>'t'))"
        " FROM s3vl.query_vectors('{1,0,0}', 'products', top_k => 3900)"
    )
    assert found == [(3900, 3900, 1900)]
    assert len(sql.aws_lambda.invoked) == before + 2


def test_ids_that_are_not_there_keep_their_row(sql: Sql) -> None:
    fill(sql)
    assert sql.rows("SELECT * FROM s3vl.get_vectors('{no,x}', 'products')") == [
        ("no", None, None, False),
        ("x", X, {"price": 3}, True),
    ]
    assert sql.rows("SELECT * FROM s3vl.get_vectors('{x}', 'products', NULL, false, false)") == [
        ("x", None, None, True)
    ]
    assert sql.rows("SELECT * FROM s3vl.get_vectors('{}', 'products')") == []
    assert sql.error("SELECT * FROM s3vl.get_vectors(NULL, 'products')")[0] == "22004"


def test_a_listing_can_be_paged(sql: Sql) -> None:
    fill(sql)
    first = sql.rows("SELECT * FROM s3vl.list_vectors(index_name => 'products', max_results => 2, return_data => true)")
    assert {row[4] for row in first} == {None}
    (token,) = {row[3] for row in first}
    second = sql.rows("SELECT * FROM s3vl.list_vectors(index_name => 'products', next_token => %s)", token)
    assert sorted(row[0] for row in first + second) == ["far", "x", "y"]
    assert len(first[0][1]) == 3
    assert second[0][3] is None
    whole = sql.rows("SELECT response_next_token, total_count FROM s3vl.list_vectors(%s)", sql.service.products)
    assert whole == [(None, 3)] * 3


WRONG_CALLS = [
    ("query_vectors(NULL::float8[], 'products')", "22004"),
    ("query_vectors('{}', 'products')", "22023"),
    ("query_vectors('{1,NULL,0}', 'products')", "22023"),
    ("query_vectors('{1,NaN,0}', 'products')", "22023"),
    ("query_vectors('{{1,0,0}}', 'products')", "22023"),
    ("query_vectors('{1,0}', 'products')", "22023"),
    ("query_vectors('{1,x}', 'products')", "22P02"),
    ("query_vectors('{1,0,0}', 'products', top_k => 0)", "22023"),
    ("query_vectors('{1,0,0}', 'products', top_k => 10001)", "22023"),
    ("query_vectors('{1,0,0}', 'products', metadata_filter => '{\"a\": {\"$like\": 1}}')", "22023"),
    ("query_vectors('{1,0,0}')", "22023"),
    ("query_vectors('{1,0,0}', 'products', 'arn')", "22023"),
    ("query_vectors('{1,0,0}', 'nothing')", "42704"),
    ("query_vectors('{1,0,0}', index_arn => 'arn:aws:s3vectors:us-east-1:123456789012:bucket/a/index/b')", "42704"),
    ("list_vectors(index_name => 'products', max_results => 1001)", "22023"),
    ("query_among('{1,0,0}', '{x}', 'products', top_k => 0)", "22023"),
    ("query_text('x', 'products', top_k => 0)", "22023"),
    ("query_text('x', 'products')", "55000"),
    ("query_text('x')", "22023"),
    ("query_hybrid('', 'text', 'products')", "22023"),
    ("embed_text(NULL, 'products')", "22004"),
    ("embed_text('x', 'nothing')", "42704"),
    ("list_vectors(index_name => 'products', next_token => 'x')", "22023"),
]


def test_what_the_caller_does_wrong_has_a_real_sqlstate(sql: Sql) -> None:
    for call, code in WRONG_CALLS:
        assert sql.error(f"SELECT * FROM s3vl.{call}")[0] == code, call


def test_errors_of_the_service_are_raised(sql: Sql) -> None:
    query = "SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')"
    sql.connection.execute("UPDATE s3vl.config SET timeout_seconds = 1")
    for rule, code in (
        (Rule("deny", action="s3vectors:GetVectors"), "42501"),
        (Rule("throttle"), "53400"),
        (Rule("unavailable"), "58000"),
        (Rule("error", code="KmsNotFoundException", status=400), "55000"),
        (Rule("error", code="NewException", status=418), "38000"),
    ):
        sql.service.fail(rule)
        assert sql.error(query)[0] == code, rule
    sql.service.fail()
    sql.service.client.delete_index(indexArn=sql.service.products)
    assert sql.error(query)[0] == "42704"


@pytest.mark.parametrize(
    ("function", "code", "said"),
    [
        ("crash", "38000", "ZeroDivisionError"),
        ("large", "54000", "Response payload size exceeded"),
        ("strange", "38000", "the Lambda function failed: status 200"),
        ("brief", "38000", "the Lambda function failed: status 200"),  # it does not say that this is all
        ("slow", "57014", "Timeout was reached"),
        ("none", "42704", "Function not found"),
    ],
)
def test_a_failure_of_the_function_is_never_zero_rows(sql: Sql, function: str, code: str, said: str) -> None:
    sql.connection.execute("UPDATE s3vl.config SET timeout_seconds = 1, lambda_arn = %s", [f"{FUNCTION}-{function}"])
    for call in (
        "query_vectors('{1,0,0}', 'products')",
        "get_vectors('{x}', 'products')",
        "list_vectors(NULL, 'places')",
    ):
        if function == "slow" and call[0] != "q":
            continue
        state, message = sql.error(f"SELECT * FROM s3vl.{call}")
        assert (state, said in message) == (code, True), message


def test_a_join_makes_one_call_and_a_transaction_that_only_reads_is_enough(sql: Sql) -> None:
    fill(sql)
    sql.connection.execute(
        "CREATE TABLE product (id, price, in_stock) AS VALUES ('x', 10, true), ('y', 700, true), ('far', 5, false)"
    )
    sql.connection.execute("INSERT INTO product SELECT 'other' || n, n, true FROM generate_series(1, 5000) n")
    sql.connection.execute("ANALYZE product")
    before = len(sql.aws_lambda.invoked)
    with sql.connection.transaction():
        sql.connection.execute("SET TRANSACTION READ ONLY")
        rows = sql.rows(
            "SELECT p.id, p.price FROM s3vl.query_vectors('{1,0,0}', 'products') v JOIN product p ON p.id = v.vector_id"
            " WHERE p.in_stock AND p.price < 500 ORDER BY v.distance"
        )
    assert rows == [("x", 10)]
    assert len(sql.aws_lambda.invoked) == before + 1


def test_a_table_that_could_be_scanned_in_parallel_is_joined_too(sql: Sql) -> None:
    fill(sql)
    sql.connection.execute(
        "CREATE TABLE product AS SELECT 'other' || n AS id FROM generate_series(1, 20000) n UNION ALL SELECT 'x';"
        "ANALYZE product; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
        "SET min_parallel_table_scan_size = 0"
    )
    assert "Gather" in str(sql.rows("EXPLAIN SELECT FROM product WHERE id = 'x'"))
    query = "SELECT id FROM product p JOIN s3vl.query_vectors('{1,0,0}', 'products') v ON p.id = v.vector_id"
    assert sql.rows(query) == [("x",)]


def test_the_timeout_of_the_configuration_holds_for_the_call_alone(sql: Sql) -> None:
    with sql.connection.transaction():
        sql.connection.execute("SET LOCAL aws_lambda.request_timeout_ms = 1234")
        sql.rows("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')")
        assert sql.value("SHOW aws_lambda.request_timeout_ms") == "1234"
    assert sql.aws_lambda.invoked[-1]["timeout_ms"] == 30_000


def test_without_the_extension_the_error_says_so(sql: Sql) -> None:
    sql.connection.execute("DROP SCHEMA aws_lambda CASCADE")
    with pytest.raises(psycopg.errors.InvalidSchemaName) as caught:
        sql.rows("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')")
    assert "needs the extension aws_lambda" in str(caught.value)
