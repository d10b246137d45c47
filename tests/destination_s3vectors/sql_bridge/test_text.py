"""Questions as text: embedded by the model of the index, or refused with what is registered and what was found."""

import json
from pathlib import Path
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import Rule
from tests.destination_commands import catalog, config, lines, run, stream
from tests.destination_s3vectors.commands import COMPLETE, command_line, record
from tests.destination_s3vectors.sql_bridge.conftest import BUCKET, Service, Sql
from tests.servers.embedding_server import EmbeddingServer, Fault, vectors_of

TEXTS = {"1": "cats sleep all day", "2": "dogs run in the park", "3": "a cat ran from dogs"}
TITAN = "bedrock/amazon.titan-embed-text-v2/256"
ACCOUNT = {"id": "x", "chunk": "00", "model": "0123456789abcdef", "meta": "0"}


def loaded(sql: Sql, folder: Path, mode: str = "fake", name: str = "docs", **changes: Any) -> None:
    """Three records by `destination-s3vectors write`, in an index that s3vl knows as `docs`."""
    service = sql.service
    embedding = {"mode": "fake"} if mode == "fake" else {"mode": mode, "field_name": "vector", "dimensions": 1536}
    indexing = {
        "credentials": {"auth_type": "iam_user", "aws_access_key_id": "any", "aws_secret_access_key": "any"},
        "region_name": "us-east-1",
        "endpoint": service.emulator.endpoint,
        "vector_bucket": BUCKET,
        **changes,
    }
    given = config(indexing, embedding=embedding)
    vectors: dict[str, Any] = {} if mode == "fake" else {"vector": [1.0] * 1536}
    rows = [record(identity, text, name, None, **vectors) for identity, text in TEXTS.items()]
    line = command_line(folder, "write", given, catalog(stream(name, "append_dedup")))
    ended = run(line, lines(*rows, COMPLETE.replace(b"docs", name.encode())))
    assert ended.code == 0, ended.errors


def register(sql: Sql, name: str, index: str) -> str:
    arn = sql.service.products.replace("/products", f"/{index}")
    sql.connection.execute("SELECT s3vl.register_index(%s, %s)", [name, arn])
    return arn


@pytest.fixture
def titan(service: Service, bedrock: EmbeddingServer) -> EmbeddingServer:
    """An index `pages` of 256 dimensions that nothing says its model of."""
    arn = service.client.create_index(
        vectorBucketName=BUCKET,
        indexName="pages",
        dataType="float32",
        dimension=256,
        distanceMetric="cosine",
        metadataConfiguration={
            "nonFilterableMetadataKeys": ["text"],
            "textSearchConfigurations": [{"metadataKey": "text", "language": "en"}],
        },
    )["indexArn"]
    vectors = vectors_of(list(TEXTS.values()), 256).tolist()
    service.put(arn, *((key, vectors[n], {"text": TEXTS[key]}) for n, key in enumerate(TEXTS)))
    return bedrock


def test_a_question_is_embedded_by_the_model_that_the_destination_wrote(sql: Sql, tmp_path: Path) -> None:
    loaded(sql, tmp_path)
    arn = register(sql, "docs", "airbyte.docs")
    rows = sql.rows("SELECT * FROM s3vl.query_text('text: dogs run in the park', 'docs', top_k => 2)")
    assert rows[0][3]["_text"] == "text: dogs run in the park"
    assert rows[0][1:3] == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))
    assert len(rows) == 2
    bare = sql.rows(
        "SELECT * FROM s3vl.query_text('text: dogs run in the park', index_arn => %s, return_metadata => false)", arn
    )
    assert (bare[0][0], bare[0][3]) == (rows[0][0], None)
    assert sql.value("SELECT s3vl.register_embedding('docs')") == "fake/1536"
    among = sql.rows(
        "SELECT vector_id FROM s3vl.query_among(s3vl.embed_text(%s, 'docs'), %s, 'docs', top_k => 1)",
        rows[0][3]["_text"],
        [row[0] for row in bare],
    )
    assert among == [(rows[0][0],)]
    filtered = "SELECT vector_id FROM s3vl.query_text('x', 'docs', metadata_filter => '{\"id\": \"3\"}')"
    assert len(sql.rows(filtered)) == 1


def test_another_model_than_the_registered_one_is_refused_by_both_names(sql: Sql, tmp_path: Path) -> None:
    loaded(sql, tmp_path)
    register(sql, "docs", "airbyte.docs")
    code, message = sql.error("SELECT s3vl.register_embedding('docs', 'openai/text-embedding-3-small/1536')")
    assert code == "55000"
    assert "registered is openai/text-embedding-3-small/1536, found are fake/1536" in message
    sql.connection.execute('UPDATE s3vl.index_registry SET embedding = \'{"fingerprint": "fake/768"}\'')
    code, message = sql.error("SELECT * FROM s3vl.query_text('cats', 'docs')")
    assert (code, "registered is fake/768, found are fake/1536" in message) == ("55000", True)
    # The same name for another index: what was registered was of the old one.
    register(sql, "docs", "airbyte.other")
    assert sql.value("SELECT embedding FROM s3vl.index_registry WHERE index_name = 'docs'") is None


def test_vectors_of_two_models_are_not_compared(sql: Sql, tmp_path: Path) -> None:
    loaded(sql, tmp_path, index_for={"type": "namespace"})
    loaded(sql, tmp_path, "from_field", "others", index_for={"type": "namespace"})
    register(sql, "docs", "airbyte.default")
    code, message = sql.error("SELECT * FROM s3vl.query_text('cats', 'docs')")
    assert code == "55000"
    assert "registered is none, found are fake/1536 and from_field/vector/1536" in message


def test_a_vector_of_another_model_that_came_later_is_not_an_answer(sql: Sql, tmp_path: Path) -> None:
    loaded(sql, tmp_path)
    arn = register(sql, "docs", "airbyte.docs")
    query = "SELECT * FROM s3vl.query_text('dogs run', 'docs', return_metadata => false)"
    assert len(sql.rows(query)) == 3
    vector = vectors_of(["dogs run"], 1536)[0].tolist()
    sql.service.put(arn, ("docs#000000000000000000000000#0", vector, {"_account": json.dumps(ACCOUNT)}))
    code, message = sql.error(query)
    assert code == "55000"
    assert "embedded by fake/1536" in message
    assert "unknown-model-0123456789abcdef" in message


def test_a_logical_index_of_one_model_is_asked_and_of_two_refused(sql: Sql, tmp_path: Path) -> None:
    loaded(sql, tmp_path)
    loaded(sql, tmp_path, index_prefix="other.place")
    loaded(sql, tmp_path, "from_field", "vectors")
    arns = [
        sql.service.client.list_indexes(vectorBucketName=BUCKET, prefix=prefix)["indexes"][0]["indexArn"]
        for prefix in ("airbyte.docs", "other.place.docs")
    ]
    register = "SELECT s3vl.register_logical_index(%s, %s)"
    sql.value(register, "both", arns)
    rows = sql.rows(
        "SELECT metadata ->> '_text' FROM s3vl.query_text('text: dogs run in the park', 'both', top_k => 2)"
    )
    assert rows == [("text: dogs run in the park",)] * 2
    sql.value(register, "mixed", [arns[0], arns[0].replace("docs", "vectors")])
    code, message = sql.error("SELECT * FROM s3vl.query_text('dogs', 'mixed')")
    assert (code, "found are fake/1536 and from_field/vector/1536" in message) == ("55000", True)


def test_bedrock_embeds_for_an_index_of_other_origin_once_its_model_is_registered(
    sql: Sql, titan: EmbeddingServer
) -> None:
    register(sql, "pages", "pages")
    query = "SELECT vector_id FROM s3vl.query_text('a cat ran from dogs', 'pages', top_k => 1)"
    code, message = sql.error(query)
    assert (code, "is not known: none is registered" in message) == ("55000", True)
    assert sql.value("SELECT s3vl.register_embedding('pages', %s)", TITAN) == TITAN
    assert titan.requests == []  # nothing is embedded for it
    assert sql.rows(query) == [("3",)]
    path, body = titan.requests[0]
    assert "amazon.titan-embed-text-v2%3A0" in path
    assert body == {"inputText": "a cat ran from dogs", "dimensions": 256, "normalize": True}
    assert "a cat ran" not in "".join(sql.service.logged)
    hybrid = "SELECT vector_id, distance FROM s3vl.query_hybrid('cats sleep all day', 'text', 'pages')"
    assert sql.rows(hybrid)[0] == ("1", pytest.approx(0, abs=1e-6))
    assert sql.error("SELECT * FROM s3vl.query_hybrid('cats', NULL, 'pages')")[0] == "22004"


@pytest.mark.usefixtures("titan")
def test_metadata_of_others_under_the_name_of_the_account_say_nothing_of_a_model(sql: Sql) -> None:
    arn = register(sql, "pages", "pages")
    vector = vectors_of(["cats"], 256)[0].tolist()
    for key, account in (("a", "4711"), ("b", "none of ours"), ("c", 7), ("d", '{"model": 3}')):
        sql.service.put(arn, (key, vector, {"_account": account}))
    sql.value("SELECT s3vl.register_embedding('pages', %s)", TITAN)
    found = sql.rows("SELECT vector_id FROM s3vl.query_text('cats', 'pages', return_metadata => false)")
    assert {row[0] for row in found} == {*"abcd", *TEXTS}


def test_what_the_embedding_service_refuses_has_a_real_sqlstate(sql: Sql, titan: EmbeddingServer) -> None:
    register(sql, "pages", "pages")
    sql.value("SELECT s3vl.register_embedding('pages', %s)", TITAN)
    sql.connection.execute("UPDATE s3vl.config SET timeout_seconds = 1")
    query = "SELECT * FROM s3vl.query_text(%s, 'pages')"
    titan.poison = "poison"
    assert sql.error(query, "poison")[0] == "22023"
    for status, code in ((429, "53400"), (503, "58000"), (403, "42501")):
        name = {429: "ThrottlingException", 503: "ServiceUnavailableException", 403: "AccessDeniedException"}[status]
        titan.faults.extend([Fault(status=status, body=json.dumps({"__type": name, "message": "no"}))] * 9)
        assert sql.error(query, "cats")[0] == code, status
        titan.faults.clear()
    sql.service.fail(Rule("deny", action="s3vectors:ListVectors"))
    assert sql.error("SELECT * FROM s3vl.embed_text('x', 'products')")[0] == "42501"
    sql.service.fail()
    for text, code in ((None, "22004"), ("  ", "22023")):
        assert sql.error(query, text)[0] == code
    assert sql.error("SELECT s3vl.register_embedding('pages', 'cohere')")[0] == "55000"
    for options in ('{"key": "sk-1"}', '["key"]', '"key"'):
        assert sql.error("SELECT s3vl.register_embedding('pages', %s, %s)", TITAN, options)[0] == "22023", options
    sql.value("SELECT s3vl.register_embedding('pages', 'bedrock/amazon.titan-embed-text-v2/²')")
    assert sql.error(query, "cats")[0] == "55000"  # no dimensions


def test_a_throttled_embedding_is_tried_again(sql: Sql, titan: EmbeddingServer) -> None:
    register(sql, "pages", "pages")
    sql.value("SELECT s3vl.register_embedding('pages', %s)", TITAN)
    titan.faults.extend([Fault(status=429, body='{"__type": "ThrottlingException"}')] * 2)
    assert sql.rows("SELECT vector_id FROM s3vl.query_text('cats sleep all day', 'pages', top_k => 1)") == [("1",)]
