"""The connector's own index, beside those that users search: what it must remember from one sync to the next.

It holds an entry for each stream (which models filled it), the leases of running syncs, and refused records. They are
not in the users' indexes, since every query there could find them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from destination_s3vectors.indexes.index import IndexSettings
from destination_s3vectors.service.render import Vector
from destination_s3vectors.vectors.documents import Listing
from vector_ingest.errors import ConfigError

ENTRY = "entry"  # the one metadata key: a JSON text, non-filterable
POINT = np.ones(1, np.float32)  # nobody searches here


def settings(kms_key_arn: str | None, tags: Mapping[str, str]) -> IndexSettings:
    return IndexSettings(1, "euclidean", (ENTRY,), kms_key_arn, tags)


@dataclass(frozen=True, slots=True)
class Account:
    """`index` is the ARN; `name` is what messages call it."""

    requests: Listing
    index: str
    name: str

    def read(self, key: str) -> dict[str, Any] | None:
        found = self.requests.get(self.index, [key]).get(key)
        return None if found is None else _entry(found.metadata)

    def write(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Durable when it returns. ConfigError: an entry is more than the 40 KB of one value."""
        vectors = [
            Vector(key, POINT, orjson.dumps({ENTRY: orjson.dumps(entry).decode()})) for key, entry in entries.items()
        ]
        if refused := self.requests.put(self.index, vectors):
            raise ConfigError(
                f"The index {self.name} can't keep what is remembered of a stream ({refused[0].key}): "
                f"{refused[0].reason}. Its name, namespace or tenant is too long: shorten it, or choose another field "
                "for the tenant."
            )

    def remove(self, keys: Sequence[str]) -> None:
        if keys:
            self.requests.delete(self.index, keys)

    def entries(self, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Those whose keys begin with `prefix`, in no order."""
        for key, metadata in self.requests.list_all(self.index, metadata=True, segments=1):
            if key.startswith(prefix):
                yield key, _entry(metadata)


def _entry(metadata: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = orjson.loads(metadata[ENTRY])
    return entry
