"""The vectors of the texts that were embedded last."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock

from vector_ingest.document import Vector

REMEMBERED = 16 * 1024 * 1024  # bytes of vectors: headers and footers repeat soon, if they repeat


class VectorCache:
    """The vectors of the texts met last, by chunk hash. Shared by the threads of a load."""

    def __init__(self, dimensions: int) -> None:
        self._room = max(1, REMEMBERED // (4 * dimensions + 300))  # 300: the entry's own objects
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = Lock()

    def find(self, hashes: Sequence[bytes]) -> dict[bytes, Vector]:
        with self._lock:
            found = {digest: self._vectors[digest] for digest in hashes if digest in self._vectors}
            for digest, vector in found.items():
                if vector.base is not None:  # it stays longer than the rest of its answer
                    self._vectors[digest] = vector.copy()
                self._vectors.move_to_end(digest)
        return found

    def keep(self, vectors: Mapping[bytes, Vector]) -> None:
        """Vectors of one answer are views of one array. Not copied: they come together, and go together."""
        with self._lock:
            self._vectors.update(list(vectors.items())[-self._room :])
            while len(self._vectors) > self._room:
                self._vectors.popitem(last=False)
