"""An index of several: one name, merged answers, each vector in the shard of its id."""

import json
import random
from collections import Counter
from typing import Any

import psycopg
import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.sql_bridge.indexes import home_of
from tests.destination_s3vectors.sql_bridge.conftest import BUCKET, Service, Sql

SHARDS = 3
PLACE = [0.2, -0.4, 0.9]


def create(service: Service, name: str, dimension: int = 3, metric: str = "cosine") -> str:
    arn: str = service.client.create_index(
        vectorBucketName=BUCKET, indexName=name, dataType="float32", dimension=dimension, distanceMetric=metric
    )["indexArn"]
    return arn


@pytest.fixture
def shards(service: Service) -> list[str]:
    return [create(service, f"part-{n}") for n in range(SHARDS)]


@pytest.fixture
def whole(sql: Sql, shards: list[str]) -> Sql:
    """`parts` is a logical index; `products` has the same vectors in one."""
    assert sql.value("SELECT s3vl.register_logical_index('parts', %s, 'all')", shards) is True
    return sql


def fill(sql: Sql, count: int) -> dict[str, list[float]]:
    directions = random.Random(3)
    vectors = {f"k{n}": [round(directions.uniform(-1, 1), 3) for _ in range(3)] for n in range(count)}
    for index in ("parts", "products"):
        put = "SELECT s3vl.put_vectors(%s::text[], %s::float8[], %s::jsonb[], %s)"
        metadata = [json.dumps({"even": n % 2 == 0}) for n in range(count)]
        assert sql.value(put, list(vectors), list(vectors.values()), metadata, index) == count
    return vectors


def same(sql: Sql, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the logical index answers, which is what one index of all vectors does."""
    rows = sql.rows(query.replace("INDEX", "'parts'"), *parameters)
    assert rows == sql.rows(query.replace("INDEX", "'products'"), *parameters)
    return rows


def test_queries_give_what_one_index_would(whole: Sql) -> None:
    vectors = fill(whole, 400)
    assert len(same(whole, "SELECT * FROM s3vl.query_vectors(%s, INDEX, top_k => 30)", PLACE)) == 30
    assert len(same(whole, "SELECT * FROM s3vl.query_vectors(%s, INDEX, top_k => 1000)", PLACE)) == 400
    even = "SELECT * FROM s3vl.query_vectors(%s, INDEX, metadata_filter => '{\"even\": true}')"
    filtered = same(whole, even, PLACE)
    assert {row[3]["even"] for row in filtered} == {True}
    many = same(whole, "SELECT * FROM s3vl.query_many(%s::float8[], INDEX, top_k => 3)", list(vectors.values())[:20])
    assert [row[0] for row in many] == [1 + n // 3 for n in range(60)]
    among = "SELECT * FROM s3vl.query_among(%s, %s, INDEX, top_k => 7)"
    assert len(same(whole, among, PLACE, [f"k{n}" for n in range(0, 400, 3)])) == 7


def test_each_vector_is_in_the_shard_of_its_id(whole: Sql, shards: list[str]) -> None:
    vectors = fill(whole, 300)
    found = Counter[int]()
    for n, shard in enumerate(shards):
        listed = whole.service.result("list_vectors", index_arn=shard, max_results=1000)["vectors"]
        assert {home_of(vector["key"], SHARDS) for vector in listed} == {n}
        found[n] = len(listed)
    assert sum(found.values()) == len(vectors)
    assert min(found.values()) > 60
    # What was put today must be found by every later version.
    assert [home_of(key, 3) for key in ("a", "g", "ü")] == [2, 1, 0]
    assert home_of("docs#0123456789abcdef01234567#0", 7) == 5


def test_ids_and_listings_are_those_of_all_shards(whole: Sql) -> None:
    fill(whole, 250)
    ids = ["k7", "none", *(f"k{n}" for n in range(130))]
    same(whole, "SELECT * FROM s3vl.get_vectors(%s, INDEX)", ids)
    assert whole.value("SELECT count(DISTINCT vector_id) FROM s3vl.list_all('parts')") == 250
    token, read, pages = None, [], 0
    while pages == 0 or token:
        page = whole.rows(
            "SELECT * FROM s3vl.list_vectors(index_name => 'parts', max_results => 60, next_token => %s)", token
        )
        read += [row[0] for row in page]
        token, pages = page[0][3], pages + 1
    assert sorted(read) == sorted(f"k{n}" for n in range(250))
    assert pages >= 5
    for token in ("x", "9#", "-1#x"):
        assert whole.error("SELECT * FROM s3vl.list_vectors(NULL, 'parts', next_token => %s)", token)[0] == "22023"
    assert whole.value("SELECT s3vl.delete_vectors(%s, 'parts')", [f"k{n}" for n in range(249)]) == 249
    assert whole.rows("SELECT vector_id FROM s3vl.list_all('parts')") == [("k249",)]
    assert whole.rows("SELECT vector_id FROM s3vl.list_vectors(NULL, 'parts')") == [("k249",)]
    whole.connection.execute("SELECT s3vl.delete_vectors('{k249}', 'parts')")
    assert whole.rows("SELECT vector_id FROM s3vl.list_vectors(NULL, 'parts')") == []


def test_a_vector_that_others_put_in_any_shard_is_found_and_deleted(whole: Sql, shards: list[str]) -> None:
    wrong = shards[(home_of("stray", SHARDS) + 1) % SHARDS]
    whole.service.put(wrong, ("stray", [1.0, 0.0, 0.0], {}))
    assert whole.value("SELECT found FROM s3vl.get_vectors('{stray}', 'parts')") is True
    assert whole.value("SELECT vector_id FROM s3vl.query_among('{1,0,0}', '{stray}', 'parts')") == "stray"
    whole.connection.execute("SELECT s3vl.delete_vectors('{stray}', 'parts')")
    assert whole.value("SELECT found FROM s3vl.get_vectors('{stray}', 'parts')") is False


def test_more_than_lambda_can_answer_at_once_comes_whole_and_in_order(service: Service, shards: list[str]) -> None:
    text = "ü" * 900
    keys = [f"k{n}" for n in range(1500)]
    for start in range(0, len(keys), 250):
        vectors = [{"key": key, "data": [1.0, int(key[1:]), 0.0], "metadata": {"t": text}}
                   for key in keys[start : start + 250]]  # fmt: skip
        service.result("put_vectors", index_arn=None, index_arns=shards, vectors=vectors)
    read: list[str] = []
    rest, answers = None, 0
    while answers == 0 or rest is not None:
        answer = service.answer(
            "query_vectors", index_arn=None, index_arns=shards, query_vector=[1.0, 0.0, 0.0], top_k=1400,
            **{"continue": rest},
        )  # fmt: skip
        read += [vector["key"] for vector in answer["result"]["vectors"]]
        rest, answers = answer["continue"], answers + 1
    assert answers > 1
    assert read == keys[:1400]


def test_shards_that_differ_are_refused(sql: Sql, shards: list[str]) -> None:
    register = "SELECT s3vl.register_logical_index(%s, %s::text[])"
    larger, euclidean = create(sql.service, "larger", 4), sql.service.places
    code, message = sql.error(register, "parts", [shards[0], larger])
    assert (code, "3 dimensions" in message, "4 and cosine" in message) == ("22023", True, True)
    assert sql.error(register, "parts", [shards[0], euclidean])[0] == "22023"
    # Replaced by another after the registration.
    sql.value(register, "parts", shards)
    sql.service.client.delete_index(indexArn=shards[1])
    create(sql.service, "part-1", metric="euclidean")
    code, message = sql.error("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'parts')")
    assert (code, "cosine, euclidean" in message) == ("22023", True)
    assert sql.error("SELECT * FROM s3vl.query_among('{1,0,0}', '{a}', 'parts')")[0] == "22023"


def test_a_shard_that_fails_is_never_a_part_of_the_answer_left_out(whole: Sql, shards: list[str]) -> None:
    fill(whole, 30)
    whole.service.client.delete_index(indexArn=shards[2])
    for call in ("query_vectors('{1,0,0}', 'parts')", "get_vectors('{k1}', 'parts')", "list_all('parts')"):
        assert whole.error(f"SELECT * FROM s3vl.{call}")[0] == "42704", call
    whole.connection.execute("UPDATE s3vl.config SET timeout_seconds = 1")
    whole.service.fail(Rule("throttle", "QueryVectors"))
    assert whole.error("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'parts')")[0] == "53400"


def test_a_wrong_registration_is_refused(sql: Sql, shards: list[str]) -> None:
    register = "SELECT s3vl.register_logical_index(%s, %s::text[])"
    for arns in ([], [shards[0]], [shards[0]] * 2, [shards[0], None], [shards[0], "arn:aws:s3:::x"]):
        assert sql.error(register, "parts", arns)[0] == "22023", arns
    assert sql.error(register, "1st", shards)[0] == "22023"
    assert sql.error(register, "products", shards)[0] == "55000"
    sql.value(register, "parts", shards)
    sql.value(register, "parts", shards)
    assert sql.error(register, "parts", shards[::-1])[0] == "55000"
    assert sql.rows("SELECT * FROM s3vl.list_shards('parts')") == [(n + 1, arn) for n, arn in enumerate(shards)]
    assert sql.rows("SELECT index_arn, region FROM s3vl.get_index_info('parts')") == [(None, None)]
    assert sql.error("SELECT s3vl.resolve_index_arn('parts')")[0] == "42809"
    assert sql.error("SELECT * FROM s3vl.query_vectors('{1,0,0}', index_arn => %s)", shards[0])[0] == "42704"
    assert sql.error("SELECT * FROM s3vl.search_text('x', 'text', 'parts')")[0] == "0A000"
    # The name goes back to one index.
    sql.value("SELECT s3vl.register_index('parts', %s)", shards[0])
    assert sql.value("SELECT s3vl.resolve_index_arn('parts')") == shards[0]


def test_grants_the_outbox_and_activity_are_those_of_one_index(whole: Sql) -> None:
    whole.connection.execute(
        "CREATE TABLE product (id text, embedding float8[]);"
        "SELECT s3vl.sync_table('product', 'parts', 'id', 'embedding');"
        "INSERT INTO product SELECT 'p' || n, ARRAY[1, n, 0] FROM generate_series(1, 50) n;"
        "DELETE FROM product WHERE id = 'p9'"
    )
    assert whole.value("SELECT s3vl.drain_outbox('parts')") == 51
    assert whole.rows("SELECT * FROM s3vl.orphans('product', 'parts', 'id')") == []
    whole.connection.execute("CREATE ROLE reader_of_shards; SELECT s3vl.grant_index('parts', 'reader_of_shards')")
    try:
        with psycopg.connect(whole.database.dsn, autocommit=True) as reader:
            reader.execute("SET ROLE reader_of_shards")
            assert len(reader.execute("SELECT FROM s3vl.query_vectors('{1,0,0}', 'parts')").fetchall()) == 10
            assert len(reader.execute("SELECT FROM s3vl.list_shards('parts')").fetchall()) == SHARDS
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("SELECT s3vl.delete_vectors('{p1}', 'parts')")
    finally:
        whole.connection.execute("DROP OWNED BY reader_of_shards; DROP ROLE reader_of_shards")
    whole.connection.execute("SELECT s3vl.deactivate_index('parts')")
    assert whole.error("SELECT * FROM s3vl.query_vectors('{1,0,0}', 'parts')")[0] == "55000"
