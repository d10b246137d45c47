"""The examples of the README do what it shows."""

import json
import re
from hashlib import blake2b

import pytest

from tests.destination_s3vectors.sql_bridge.conftest import BUCKET, Service, Sql, statements
from tests.servers.embedding_server import vectors_of

EXAMPLE = re.compile(r"```sql\n(.*?)```\n(?:```text\n(.*?)```)?", re.DOTALL)


MODEL = "bedrock/amazon.titan-embed-text-v2/1024 recursive/1/500"
MANUALS = ["How do I put up the tent?", "Washing the tarpaulin"]


@pytest.fixture
def manuals(service: Service) -> None:
    """What destination-s3vectors leaves behind, as far as s3vl looks at it; and empty shards."""
    account = json.dumps({"model": blake2b(MODEL.encode(), digest_size=8).hexdigest()})
    for name, dimension in (("airbyte.manuals", 1024), ("airbyte.ingest--account", 1), ("sites-0", 3), ("sites-1", 3)):
        service.client.create_index(
            vectorBucketName=BUCKET, indexName=name, dataType="float32", dimension=dimension, distanceMetric="cosine"
        )
    vectors = zip(MANUALS, vectors_of(MANUALS).tolist(), strict=True)
    texts = [(f"manuals#{n}#0", data, {"_text": text, "_account": account}) for n, (text, data) in enumerate(vectors)]
    service.put(service.products.replace("/products", "/airbyte.manuals"), *texts)
    entry = {"entry": json.dumps({"stream": "manuals", "models": [MODEL]})}
    service.put(service.products.replace("/products", "/airbyte.ingest--account"), ("stream#manuals", [1.0], entry))


@pytest.mark.usefixtures("manuals", "bedrock")
def test_the_examples_give_what_stands_below_them(sql: Sql) -> None:
    examples = EXAMPLE.findall(statements("README.md"))
    assert len(examples) == 12
    for query, shown in examples:
        cursor = sql.connection.execute(query)
        while cursor.nextset():
            pass
        found = [" | ".join(map(as_psql, row)).rstrip() for row in cursor.fetchall()]
        assert found == shown.splitlines(), query


def as_psql(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "t" if value else "f"
        case dict():
            return str(value).replace("'", '"')
    return str(value)
