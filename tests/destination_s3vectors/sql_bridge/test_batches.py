"""What s3vl does in few calls: whole listings, many queries, chosen ids, words, and writing."""

import random
import threading
from typing import Any

import psycopg
import pytest

from destination_s3vectors.emulator.faults import Rule
from tests.destination_s3vectors.sql_bridge.conftest import FUNCTION, Sql


def spread(sql: Sql, count: int) -> dict[str, list[float]]:
    """Vectors in all directions, in both indexes."""
    directions = random.Random(7)
    vectors = {f"k{n}": [round(directions.uniform(-1, 1), 3) for _ in range(3)] for n in range(count)}
    for index in ("products", "places"):
        put = "SELECT s3vl.put_vectors(%s::text[], %s::float8[], index_name => %s)"
        assert sql.value(put, list(vectors), list(vectors.values()), index) == count
    return vectors


def test_all_is_listed_in_few_calls(sql: Sql) -> None:
    spread(sql, 2300)
    before = len(sql.aws_lambda.invoked)
    assert sql.value("SELECT count(DISTINCT vector_id) FROM s3vl.list_all('products')") == 2300
    assert len(sql.aws_lambda.invoked) == before + 1
    assert (
        sql.value("SELECT count(*) FROM s3vl.list_all('products', return_data => true) WHERE vector_data[3] < 2")
        == 2300
    )


def test_many_queries_are_one_call_and_give_what_each_gives_alone(sql: Sql) -> None:
    vectors = spread(sql, 60)
    before = len(sql.aws_lambda.invoked)
    rows = sql.rows("SELECT * FROM s3vl.query_many(%s::float8[], 'products', top_k => 3)", list(vectors.values())[:20])
    assert len(sql.aws_lambda.invoked) == before + 1
    assert [row[0] for row in rows] == [1 + n // 3 for n in range(60)]
    assert [row[1] for row in rows[::3]] == list(vectors)[:20]
    alone = sql.rows("SELECT * FROM s3vl.query_vectors(%s, 'products', top_k => 3)", vectors["k19"])
    assert [row[1:] for row in rows[-3:]] == alone
    for wrong in ("'{1,2,3}'", "NULL", "'{{1,NaN,3}}'"):
        assert sql.error(f"SELECT * FROM s3vl.query_many({wrong}, 'products')")[0] == "22023"


def test_queries_that_one_answer_cannot_carry_follow(sql: Sql) -> None:
    text = "x" * 1900
    for start in range(0, 500, 250):
        sql.service.put(
            sql.service.products, *((f"k{k}", [1.0, k, 0.0], {"t": text}) for k in range(start, start + 250))
        )
    before = len(sql.aws_lambda.invoked)
    rows = sql.rows(
        "SELECT query_number, count(*) FROM s3vl.query_many(%s::float8[], 'products', top_k => 400)"
        " GROUP BY 1 ORDER BY 1",
        [[1.0, float(n), 0.0] for n in range(10)],
    )
    assert rows == [(n, 400) for n in range(1, 11)]
    assert len(sql.aws_lambda.invoked) == before + 2


@pytest.mark.parametrize("index", ["products", "places"])
def test_chosen_ids_are_ranked_by_the_distances_of_the_service(sql: Sql, index: str) -> None:
    vectors = spread(sql, 350)
    chosen = [key for n, key in enumerate(vectors) if n % 3]
    rows = sql.rows(
        "SELECT vector_id, distance, similarity_score FROM s3vl.query_among(%s, %s, %s, top_k => 5)",
        [0.2, -0.4, 0.9],
        [*chosen, "not there"],
        index,
    )
    whole = sql.rows(
        "SELECT vector_id, distance, similarity_score FROM s3vl.query_vectors(%s, %s, top_k => 350)",
        [0.2, -0.4, 0.9],
        index,
    )
    expected = [row for row in whole if row[0] in chosen][:5]
    assert [row[0] for row in rows] == [row[0] for row in expected]
    for row, each in zip(rows, expected, strict=True):
        assert row[1:] == pytest.approx(each[1:], abs=1e-6)


def test_no_id_left_is_no_row_and_a_wrong_question_is_an_error(sql: Sql) -> None:
    for empty in ("NULL", "'{}'"):
        assert sql.rows(f"SELECT * FROM s3vl.query_among('{{1,0,0}}', {empty}, 'products')") == []
    for question in ("{1,0}", "{0,0,0}", "{1,NULL,0}"):
        assert sql.error(f"SELECT * FROM s3vl.query_among('{question}', '{{a}}', 'products')")[0] == "22023"
    sql.service.fail(Rule("deny", action="s3vectors:GetVectors"))
    assert sql.error("SELECT * FROM s3vl.query_among('{1,0,0}', '{a}', 'products')")[0] == "42501"


def test_words_are_searched_alone_and_with_a_vector(sql: Sql) -> None:
    made = sql.service.client.create_index(
        vectorBucketName="shop",
        indexName="pages",
        dataType="float32",
        dimension=3,
        distanceMetric="cosine",
        metadataConfiguration={
            "nonFilterableMetadataKeys": ["text"],
            "textSearchConfigurations": [{"metadataKey": "text", "language": "en"}],
        },
    )
    sql.connection.execute("SELECT s3vl.register_index('pages', %s)", [made["indexArn"]])
    sql.service.put(
        made["indexArn"],
        ("cats", [1.0, 0.0, 0.0], {"text": "cats sleep"}),
        ("dogs", [0.0, 1.0, 0.0], {"text": "dogs run"}),
        ("both", [0.0, 1.0, 0.1], {"text": "a cat ran from dogs"}),
    )
    rows = sql.rows("SELECT vector_id, score, metadata->>'text' FROM s3vl.search_text('cat', 'text', 'pages')")
    assert [row[0] for row in rows] == ["cats", "both"]
    assert rows[0][1] > rows[1][1] > 0
    assert rows[0][2] == "cats sleep"
    query = "SELECT vector_id, score, distance FROM s3vl.search_hybrid('{0,1,0.1}', 'cat', 'text', 'pages')"
    hybrid = {row[0]: row for row in sql.rows(query)}
    assert sql.rows(query)[0][0] == "both"
    assert hybrid["both"][1] > hybrid["dogs"][1]
    assert hybrid["both"][2] == pytest.approx(0)
    assert sql.error("SELECT * FROM s3vl.search_text(NULL, 'text', 'pages')")[0] == "22004"
    assert sql.error("SELECT * FROM s3vl.search_text('cat', 'price', 'pages')")[0] == "22023"


def test_what_is_put_is_there_and_what_is_deleted_is_gone(sql: Sql) -> None:
    sql.connection.execute("CREATE EXTENSION vector")
    sql.connection.execute(
        "CREATE TABLE product (id text, embedding vector, name text);"
        "INSERT INTO product VALUES ('a', '[1,0,0]', 'A'), ('b', '[0,1,0]', NULL)"
    )
    put = (
        "SELECT s3vl.put_vectors(array_agg(id), array_agg(embedding::real[]),"
        " array_agg(jsonb_strip_nulls(jsonb_build_object('name', name))), 'products') FROM product"
    )
    assert sql.value(put) == 2
    assert sql.value(put) == 2
    assert sql.rows("SELECT * FROM s3vl.get_vectors('{a,b}', 'products')") == [
        ("a", [1, 0, 0], {"name": "A"}, True),
        ("b", [0, 1, 0], {}, True),
    ]
    assert sql.value("SELECT s3vl.delete_vectors('{a,none}', 'products')") == 2
    assert sql.rows("SELECT vector_id FROM s3vl.list_all('products')") == [("b",)]
    assert sql.value("SELECT s3vl.put_vectors('{}', '{}', index_name => 'products')") == 0
    assert sql.value("SELECT s3vl.delete_vectors('{}', 'products')") == 0
    for ids, vectors in (
        ("{a}", "{1,0,0}"),
        ("{a,b}", "{{1,0,0}}"),
        ("{NULL}", "{{1,0,0}}"),
        ("{a}", "{{1,NaN,0}}"),
        ("{a}", "{{0,0,0}}"),
    ):
        code, _ = sql.error("SELECT s3vl.put_vectors(%s::text[], %s::float8[], NULL, 'products')", ids, vectors)
        assert code == "22023", (ids, vectors)


def test_more_than_lambda_takes_at_once_is_put_in_several_calls(sql: Sql) -> None:
    before = len(sql.aws_lambda.invoked)
    put = (
        "SELECT s3vl.put_vectors(array_agg('k' || n), array_agg(ARRAY[1, n, 0]::float8[]),"
        " array_agg(jsonb_build_object('t', repeat('x', 1900))), 'products') FROM generate_series(1, 3000) n"
    )
    assert sql.value(put) == 3000
    assert len(sql.aws_lambda.invoked) == before + 2
    assert sql.value("SELECT count(*) FROM s3vl.list_all('products', return_metadata => false)") == 3000


def test_a_reader_may_not_write(sql: Sql) -> None:
    sql.connection.execute("CREATE ROLE reader_of_batches; SELECT s3vl.grant_index('products', 'reader_of_batches')")
    try:
        sql.connection.execute("SET ROLE reader_of_batches")
        put = "SELECT s3vl.put_vectors('{a}', '{{1,0,0}}', NULL, 'products')"
        assert sql.error(put)[0] == "42501"
        assert sql.error("SELECT s3vl.delete_vectors('{a}', 'products')")[0] == "42501"
        sql.connection.execute("RESET ROLE; SELECT s3vl.grant_index('products', 'reader_of_batches', true)")
        sql.connection.execute("SET ROLE reader_of_batches")
        assert sql.value(put) == 1
    finally:
        sql.connection.execute("RESET ROLE; DROP OWNED BY reader_of_batches; DROP ROLE reader_of_batches")


def test_sessions_at_the_same_time_do_not_wait_for_each_other(sql: Sql) -> None:
    spread(sql, 50)
    inside = threading.Barrier(6, timeout=20)  # breaks unless all of them are in the function at once
    found: list[int] = []

    def answer(event: dict[str, Any]) -> Any:
        inside.wait()
        return sql.service.bridge.answer(event)

    def ask() -> None:
        with psycopg.connect(sql.database.dsn, autocommit=True) as connection:
            found.append(len(connection.execute("SELECT FROM s3vl.query_vectors('{1,0,0}', 'products')").fetchall()))

    sql.aws_lambda.functions = {FUNCTION: answer}
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [10] * 6
