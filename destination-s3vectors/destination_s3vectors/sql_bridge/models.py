"""Which models made the vectors of an index, as destination-s3vectors writes it.

Each of its vectors has, in the metadata `_account`, a short hash of the fingerprint of model and chunker; what it
stands for is in the connector's own index beside (`PREFIX.ingest--account`), in the entry of the stream, whose name
begins the vector's key. Vectors of other origin say nothing of their model.
"""

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from destination_s3vectors.sql_bridge.calls import Call, Json, RefusedError
from destination_s3vectors.sql_bridge.embedding import model_refused
from destination_s3vectors.sql_bridge.requests import GET_VECTORS

ACCOUNT = "_account"
ACCOUNT_INDEX = "ingest--account"
ENTRY = "entry"
SAMPLE = 20  # vectors that are looked at for the streams of an index
UNKNOWN = "unknown-model-"  # before the short hash of one that the account does not name
SECONDS = 60.0  # what was found is good for

Found = Mapping[str, str]  # short hash -> model and chunker


class Models:
    """Looks them up, and remembers them for a while."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, dict[str, str]]] = {}
        self._lock = threading.Lock()

    def of(self, call: Call, *, anew: bool = False) -> Found:
        """Those of the index's streams, as far as a sample shows them."""
        with self._lock:
            at, found = self._found.get(call.index, (-SECONDS, {}))
        if anew or time.monotonic() > at + SECONDS:
            page = call.ask("list_vectors", indexArn=call.index, maxResults=SAMPLE, returnMetadata=True)
            found = _look_up(call, page["vectors"])
            found |= {short: UNKNOWN + short for short in _shorts(page["vectors"]) if short not in found}
            if page["vectors"]:  # an empty index may be filled at any moment
                self._remember(call.index, found)
        return found

    def check(self, calls: Sequence[Call], embedder: str, rows: Iterable[Json]) -> None:
        """RefusedError: a row's vector was made by another model than `embedder`."""
        rows = list(rows)
        shorts = _shorts(rows)
        found: dict[str, str] = {}
        for call in calls if shorts else ():
            found |= self.of(call)
        if not shorts <= set(found):  # a stream that came after, or was not in the sample
            for call in calls:
                found |= _look_up(call, rows)
        others = {embedder_of(found.get(short, UNKNOWN + short)) for short in shorts} - {embedder}
        if others:
            raise model_refused(
                f"the question was embedded by {embedder}, but among the nearest in {calls[0].index} are vectors of "
                f"{' and '.join(sorted(others))}: their distances mean nothing"
            )

    def _remember(self, index: str, found: Mapping[str, str]) -> None:
        with self._lock:
            self._found[index] = (time.monotonic(), dict(found))


def agreed(registered: str | None, found: Iterable[Found], where: str) -> str:
    """The fingerprint of the one model. RefusedError: there are several, or none is known."""
    models = sorted({embedder_of(each) for one in found for each in one.values()})
    if len(models) > 1 or (registered and models and models != [registered]):
        raise model_refused(
            f"the embedding model of {where} is not clear: registered is {registered or 'none'}, found are "
            f"{' and '.join(models)} in the account of destination-s3vectors. Vectors of two models can't be compared: "
            "sync the streams by one model, or register the one that was found (s3vl.register_embedding)"
        )
    if not registered and not models:
        raise model_refused(
            f"the embedding model of {where} is not known: none is registered, and none was found, as no vector there "
            "is of destination-s3vectors. Register the one that made them (s3vl.register_embedding)"
        )
    return registered or models[0]


def embedder_of(fingerprint: str) -> str:
    """Without the chunker, which is no matter of a question."""
    return fingerprint.rpartition(" ")[0] or fingerprint


def _look_up(call: Call, vectors: Iterable[Json]) -> dict[str, str]:
    """By the entries of the vectors' streams. Raises what reading the account does, so that a missing right is told."""
    ours = [vector["key"] for vector in vectors if _short_of(vector) is not None]
    keys = [f"stream#{stream}" for stream in sorted({key.split("#")[0] for key in ours})]
    bucket, _, name = call.index.rpartition("/")
    names = name.split(".")
    models: set[str] = set()
    for end in range(len(names) - 1, 0, -1) if keys else ():  # a prefix may have dots
        account = f"{bucket}/{'.'.join(names[:end])}.{ACCOUNT_INDEX}"
        for start in range(0, len(keys), GET_VECTORS):
            models.update(_entries(call, account, keys[start : start + GET_VECTORS]))
    return {_short(model): model for model in models}


def _shorts(vectors: Iterable[Json]) -> set[str]:
    return {short for short in map(_short_of, vectors) if short is not None}


def _entries(call: Call, account: str, keys: list[str]) -> Iterable[str]:
    try:
        answer = call.ask("get_vectors", indexArn=account, keys=keys, returnMetadata=True)
    except RefusedError as refused:
        if refused.kind == "missing":
            return
        raise
    for vector in answer["vectors"]:
        entry: Any = json.loads(vector["metadata"][ENTRY])
        yield from entry.get("models", ())


def _short_of(vector: Json) -> str | None:
    """None: it is of other origin, also where that has something else under this name."""
    account = (vector.get("metadata") or {}).get(ACCOUNT)
    try:
        found: Any = json.loads(account) if isinstance(account, str) else None
    except ValueError:
        return None
    short = found.get("model") if isinstance(found, dict) else None
    return short if isinstance(short, str) else None


def _short(fingerprint: str) -> str:
    return blake2b(fingerprint.encode(), digest_size=8).hexdigest()
