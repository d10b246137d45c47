"""The end of a refresh or an overwrite: documents of earlier generations go."""

import logging
import struct
from collections.abc import Callable

from destination_s3vectors.documents import Place, delete
from destination_s3vectors.manifest import Extent, account_of
from destination_s3vectors.names import key_of
from destination_s3vectors.transport import Transport
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.s3vectors")
TOGETHER = 2_000  # documents deleted at a time
PACKED = struct.Struct("<12sII")  # digest and extent of a document: 20 bytes of memory until it is deleted


def sweep(transport: Transport, place: Place, is_old: Callable[[str], bool], name: str, largest: int) -> int:
    """Delete the documents whose stamp `is_old`; how many. All is counted before the first is deleted.

    ConfigError: they are more than `largest` percent of what was there before this sync.
    """
    total, old = _count(transport, place, is_old)
    count = len(old) // PACKED.size
    if not count:
        return 0
    share = 100 * count / total
    logger.info("Sweep of %s: %s of %s documents are of earlier generations.", name, f"{count:,}", f"{total:,}")
    if share > largest:
        raise ConfigError(
            f"The sync of {name} would delete {count:,} of {total:,} documents ({share:.0f} %), since it did not bring "
            f"them. At most {largest} % are allowed (largest_sweep), so nothing was deleted. Check that the source "
            "still sends all; if it does, allow more."
        )
    for start in range(0, count, TOGETHER):
        entries = PACKED.iter_unpack(old[start * PACKED.size : (start + TOGETHER) * PACKED.size])
        delete(transport, place, {digest.hex(): Extent(chunks, bound) for digest, chunks, bound in entries})
    return count


def _count(transport: Transport, place: Place, is_old: Callable[[str], bool]) -> tuple[int, bytes]:
    """How many documents there are, and which are old, as PACKED."""
    total, old = 0, bytearray()
    for text, metadata in transport.list_all(place.index, metadata=True):
        key = key_of(text)
        if key is None or key.stream != place.stream_key or key.number:
            continue
        manifest = account_of(metadata).manifest
        assert manifest is not None  # chunk 0 has it
        total += 1
        if is_old(manifest.stamp):
            old += PACKED.pack(bytes.fromhex(key.document), *manifest.extent)
    return total, bytes(old)
