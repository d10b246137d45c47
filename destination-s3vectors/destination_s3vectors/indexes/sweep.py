"""The end of a refresh or an overwrite: documents of earlier generations go."""

import logging
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from destination_s3vectors.vectors import documents
from destination_s3vectors.vectors.documents import Listing, Place, listed, manifest_of
from destination_s3vectors.vectors.manifest import Extent, account_of
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.s3vectors")
TOGETHER = 2_000  # documents deleted at a time
PACKED = struct.Struct("<12sII")  # digest and extent of a document: 20 bytes of memory until it is deleted


@dataclass(frozen=True, slots=True)
class Sweep:
    """Of the stream `name`. `is_old` tells by a document's stamp; `largest` is a percentage of all its documents.

    `may_write` is called before each deletion, and raises where there may be no more.
    """

    name: str
    is_old: Callable[[str], bool]
    largest: int
    may_write: Callable[[], None]

    def run(self, requests: Listing, places: Sequence[Place]) -> int:
        """Delete what is old; how many documents. All places are counted before the first is deleted.

        ConfigError: they are more than `largest` percent of all that are there now.
        """
        counted = [(place, *_count(requests, place, self.is_old)) for place in places]
        total, old = sum(total for _, total, _ in counted), sum(len(old) // PACKED.size for *_, old in counted)
        if not old:
            return 0
        self._refuse_too_many(old, total)
        for place, _, packed in counted:
            self._delete(requests, place, packed)
        return old

    def _refuse_too_many(self, old: int, total: int) -> None:
        share = 100 * old / total
        logger.info("Sweep of %s: %s of %s documents are of earlier generations.", self.name, f"{old:,}", f"{total:,}")
        if share > self.largest:
            raise ConfigError(
                f"The sync of {self.name} would delete {old:,} of {total:,} documents ({share:.0f} %), since it did "
                f"not bring them. At most {self.largest} % are allowed (largest_sweep), so nothing was deleted. Check "
                "that the source still sends all; if it does, allow more."
            )

    def _delete(self, requests: Listing, place: Place, packed: bytes) -> None:
        for start in range(0, len(packed), TOGETHER * PACKED.size):
            self.may_write()
            entries = PACKED.iter_unpack(packed[start : start + TOGETHER * PACKED.size])
            extents = {digest.hex(): Extent(chunks, bound) for digest, chunks, bound in entries}
            documents.delete(requests, place, extents)


def _count(requests: Listing, place: Place, is_old: Callable[[str], bool]) -> tuple[int, bytes]:
    """How many documents there are, and which are old, as PACKED."""
    total, old = 0, bytearray()
    for key, metadata in listed(requests, place):
        if key.number == 0:
            manifest = manifest_of(account_of(metadata))
            total += 1
            if is_old(manifest.stamp):
                old += PACKED.pack(bytes.fromhex(key.document), *manifest.extent)
    return total, bytes(old)
