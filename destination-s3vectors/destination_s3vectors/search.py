"""The nearest chunks of a stream, for the command `search`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from destination_s3vectors.service.service_errors import Failure
from destination_s3vectors.service.transport import Transport
from destination_s3vectors.vectors.documents import Place
from destination_s3vectors.vectors.manifest import account_of
from destination_s3vectors.vectors.names import key_of
from destination_s3vectors.vectors.read_back import read_back
from vector_ingest.command.search import Found
from vector_ingest.document import Vector
from vector_ingest.record.fields import STREAM_FIELD


def nearest(
    transport: Transport, place: Place, source: str, question: Vector, limit: int, prove: Callable[[set[str]], None]
) -> Sequence[Found]:
    """By the index's own distance. `source`: the value of STREAM_FIELD in the stream's metadata.

    `prove` is given the short fingerprints of what was found, and raises if they are of other models.
    """
    vectors = list(_ranked(transport, place.index, source, question, limit))
    prove({account_of(vector["metadata"]).fingerprint for vector in vectors})
    found = []
    for vector in vectors:
        key = key_of(vector["key"])
        assert key is not None  # the filter asks for a field that only our vectors have
        stored = read_back(transport, place, key, vector["metadata"], "")
        found.append(Found(stored.document_id, key.number, vector["distance"], stored.text, stored.metadata))
    return found


def _ranked(transport: Transport, index: str, source: str, question: Vector, limit: int) -> Iterator[Mapping[str, Any]]:
    """Page by page: one has 100 at most."""
    asked: dict[str, Any] = {
        "indexArn": index,
        "topK": limit,
        "queryVector": {"float32": question.tolist()},
        "filter": {STREAM_FIELD: source},
        "returnMetadata": True,
        "returnDistance": True,
    }
    while True:
        answer = transport.ask("search", index, lambda: transport.client.query_vectors(**asked))
        if isinstance(answer, Failure):
            raise answer.explained("search", index)
        yield from cast("Sequence[Mapping[str, Any]]", answer["vectors"])
        if not (token := answer.get("nextToken")):
            return
        asked["nextToken"] = token
