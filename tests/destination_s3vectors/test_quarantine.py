"""What the contract of quarantines does not say of refused records in the connector's own index."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from destination_s3vectors.config import Config
from destination_s3vectors.connector import CONNECTOR
from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.quarantine import AccountQuarantine
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import VectorBucket
from tests.destination_s3vectors.commands import ACCOUNT, stored
from tests.destination_s3vectors.contents import vectors_of
from tests.destination_s3vectors.stores import DOCS
from tests.refused_records import COMPLETE, bad, config, good, state, write
from vector_ingest.errors import ConfigError
from vector_ingest.load.quarantine import Rejected


def test_a_record_that_brings_a_vector_without_direction_is_kept(vector_bucket: VectorBucket) -> None:
    embedding = {"mode": "from_field", "field_name": "vector", "dimensions": 2}
    chosen = config(vector_bucket.indexing(), embedding=embedding)
    lines = [good(1, vector=[1, 2]), good(2, vector=[0, 0]), state(1), COMPLETE]
    assert write(CONNECTOR, chosen, *lines) == [1]
    assert set(stored(vector_bucket)) == {"1"}
    (kept,) = [found for found in vectors_of(vector_bucket, ACCOUNT) if found["key"].startswith("refused#")]
    assert "zero" in json.loads(kept["metadata"]["entry"])["reason"]


@contextmanager
def opened_quarantine(bucket: VectorBucket) -> Iterator[AccountQuarantine]:
    store = S3VectorsStore(Config.model_validate(config(bucket.indexing())), 2, "model")
    yield AccountQuarantine(lambda: store.places.account, 10, {"docs": "0"})
    store.close()


@pytest.mark.parametrize(
    ("operation", "call", "left"),
    [("PutVectors", 1, "older"), ("PutVectors", 2, "older"), ("DeleteVectors", 1, "newer")],
)
def test_an_entry_that_is_refused_anew_is_never_lost_on_the_way(
    vector_bucket: VectorBucket, operation: str, call: int, left: str
) -> None:
    lines = {"older": bad(1, long="x" * 20_000), "newer": bad(1, long="y" * 9_000)}
    write(CONNECTOR, config(vector_bucket.indexing()), lines["older"], COMPLETE)
    broken = Rule("error", operation=operation, calls=(call,), code="AccessDeniedException", status=403)
    with opened_quarantine(vector_bucket) as quarantine:
        vector_bucket.emulator.faults.set([broken])
        with pytest.raises(ConfigError):
            quarantine.keep([Rejected(DOCS, "Stream_docs_Key_1", "again", lines["newer"])])
        vector_bucket.emulator.faults.set([])
    with opened_quarantine(vector_bucket) as quarantine:
        (kept,) = quarantine.entries()
    assert kept.line == lines[left]
