"""What a search finds: as many as were asked for, also of documents that are being written."""

import numpy as np
import orjson
import pytest

from destination_s3vectors.service.transport import Vector
from destination_s3vectors.vectors.names import document_digest
from tests.conftest import VectorBucket
from tests.destination_s3vectors.stores import DOCS, opened
from tests.embedded_documents import DIMENSIONS, document
from vector_ingest.command.search import Scope

SCOPE = Scope("docs", None, None)
QUESTION = np.ones(DIMENSIONS, np.float32)
TEXTS = [f"text {number}" for number in range(6)]
LONG = "a" * 90_000  # takes the room of three chunks


def test_it_finds_as_many_as_were_asked_for_though_a_page_has_a_hundred(vector_bucket: VectorBucket) -> None:
    with opened(vector_bucket) as store:
        target = store.prepare(DOCS)
        store.replace(target, [document(str(number), f"text {number}", _ab_stream="docs") for number in range(230)])
        found = store.nearest(SCOPE, QUESTION, 220)
    assert len({each.document_id for each in found}) == 220
    assert [each.distance for each in found] == sorted(each.distance for each in found)


@pytest.mark.parametrize("later", [{"other": 1}, {"long": "b" * 130_000}, {"long": '"' * 30_000}])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_document_is_found_while_another_version_of_it_is_written(
    vector_bucket: VectorBucket, later: dict[str, object], number: int
) -> None:
    with opened(vector_bucket) as store:
        target = store.prepare(DOCS)
        place = store.places.of(DOCS)
        key = place.key(document_digest("1"), number)
        store.replace(target, [document("1", *TEXTS, _ab_stream="docs", long=LONG)])
        assert {found.metadata["long"] for found in store.scan(target)} == {LONG}
        old = store.places.transport.get(place.index, [key], data=True)[key]
        assert old.data is not None
        store.replace(target, [document("1", *TEXTS, _ab_stream="docs", **later)])  # type: ignore[arg-type]
        store.places.transport.put(place.index, [Vector(key, old.data, orjson.dumps(old.metadata))])
        found = store.nearest(SCOPE, QUESTION, 10)
    assert sorted(each.chunk_number for each in found) == list(range(6))
    assert all(each.metadata["_ab_stream"] == "docs" for each in found)
