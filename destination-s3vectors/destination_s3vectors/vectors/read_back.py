"""A stored chunk as it was given: with all of its document's metadata, also where they are kept with other chunks."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from destination_s3vectors.vectors.documents import Place, Requests
from destination_s3vectors.vectors.manifest import account_of
from destination_s3vectors.vectors.metadata import restored, whole_metadata
from destination_s3vectors.vectors.names import VectorKey
from destination_s3vectors.vectors.overflow import PiecesDiffer
from vector_ingest.document import Stored


def read_back(
    requests: Requests, place: Place, key: VectorKey, metadata: Mapping[str, Any], fingerprint: str
) -> Stored:
    """`metadata` as the service gives it. Of a document whose write was cut, or goes on, those that are there."""
    found, account = restored(metadata), account_of(metadata)
    fields = found.metadata
    if found.pieces:
        keys = [place.key(key.document, number) for number in range(found.pieces)]
        stored = requests.get(place.index, keys)
        if all(each in stored for each in keys):
            with suppress(PiecesDiffer):
                fields = whole_metadata([stored[each].metadata for each in keys])
    return Stored(account.document_id, key.number, found.text, fields, account.hash, fingerprint)
