"""The vector store in Amazon S3 Vectors: an index for each stream, documents written to survive a kill.

There is no rename and no transaction, so a stream that is replaced as a whole is replaced document by document, and
what did not come again is swept at the end.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property

from destination_s3vectors import check, search
from destination_s3vectors.config import Config
from destination_s3vectors.indexes.account import Account
from destination_s3vectors.indexes.lease import Leases
from destination_s3vectors.indexes.places import Places
from destination_s3vectors.indexes.streams import Streams, is_old
from destination_s3vectors.indexes.sweep import Sweep
from destination_s3vectors.quarantine import AccountQuarantine
from destination_s3vectors.vectors import documents
from destination_s3vectors.vectors.chunks import Rules, compose, unacceptable_vectors
from destination_s3vectors.vectors.documents import NewDocument, Place, StoredDocument, VectorsGone
from destination_s3vectors.vectors.manifest import account_of, short
from destination_s3vectors.vectors.metadata import Layout
from destination_s3vectors.vectors.names import document_digest, stream_key
from destination_s3vectors.vectors.read_back import read_back
from vector_ingest.command.search import Found, Scope, require_same_model
from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target, Vector
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.record.fields import STREAM_FIELD
from vector_ingest.record.identity import has_stable_ids

logger = logging.getLogger("airbyte.s3vectors")
STAMP = "#"  # in Target.write, before the stamp of a sync that replaces all that is there


class S3VectorsStore:
    def __init__(
        self, config: Config, dimensions: int, fingerprint: str, leases: Callable[[Account], Leases] = Leases
    ) -> None:
        """`fingerprint`: of model and chunker. Nothing is asked of the service before the first call."""
        self._config = config
        self._fingerprint, self._leases_in = fingerprint, leases
        first = (STREAM_FIELD, *config.metadata.filterable_first)
        layout = Layout(tuple(config.metadata.non_filterable), first, not config.omit_raw_text)
        self._rules = Rules(layout, short(fingerprint), config.indexing.distance_metric, dimensions)
        self.places = Places(config.indexing, layout, dimensions)
        self._begun_empty: set[str] = set()  # keys of streams
        self._stamps: dict[str, str] = {}  # by key of stream
        # Overwrites of a generation that is whole: one that brings nothing is the rerun of one that was cut at its end.
        self._nothing_came: set[str] = set()
        # By `known`, for the `replace` that follows. None: it is not there.
        self._looked_up: dict[tuple[Place, str], StoredDocument | None] = {}

    @cached_property
    def _leases(self) -> Leases:
        return self._leases_in(self.places.account)

    @cached_property
    def quarantine(self) -> AccountQuarantine:
        return AccountQuarantine(lambda: self.places.account, self._config.most_quarantined, self._stamps)

    @property
    def tenant_field(self) -> str | None:
        return self.places.tenant_field

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self.places.account, self._fingerprint)

    def close(self) -> None:
        try:
            if "_leases" in self.__dict__:
                self._leases.release()
                self._tell_requests()
        finally:
            self.places.close()

    def _tell_requests(self) -> None:
        counts = self.places.transport.counts
        logger.info(
            "Requests to S3 Vectors: %s, of which %s were refused for their load, and %s sent again for any reason.",
            f"{counts.requests:,}", f"{counts.refused:,}", f"{counts.retries:,}",
        )  # fmt: skip

    def check(self) -> None:
        with self._while_somebody_waits() as places:
            check.check(places, self._config.indexing.canary)

    def _while_somebody_waits(self) -> closing[Places]:
        """With less patience than a load has, which says nothing for minutes."""
        return closing(Places(self._config.indexing, self._rules.layout, self._rules.dimensions, check.PATIENCE))

    def prepare(self, stream: Stream) -> Target:
        self._refuse_to_wander(stream)
        key = stream_key(stream.name, stream.namespace)
        self._leases.acquire(key, stream.name)
        begun = self._streams.begin(stream, lambda: self._model_found(stream))
        self._stamps[key] = begun.stamp
        if begun.first:
            self._begun_empty.add(key)
        if begun.again:
            self._nothing_came.add(key)
        name = self.places.name_of(stream)
        write = f"{name}{STAMP}{begun.stamp}" if begun.replaces else name
        return Target(stream, None if begun.first and begun.replaces else name, write, self._fingerprint)

    def known(self, target: Target, documents_: Sequence[Document]) -> Mapping[str, Known]:
        transport = self.places.transport
        known: dict[str, Known] = {}
        for place, group in self._placed(target.stream, documents_):
            digests = {document_digest(document.id): document for document in group}
            stored = documents.stored_documents(transport, place, digests)
            differing = {
                digest: found
                for digest, found in stored.items()
                if not self._is_current(target, found) or found.manifest.hash != digests[digest].hash
            }
            stored |= documents.with_chunks(transport, place, differing)
            for digest, document in digests.items():
                if digest in differing or digest not in stored:
                    self._looked_up[place, digest] = stored.get(digest)
                if digest in stored:
                    known[document.id] = self._known(target, stored[digest])
        # Of another model: nothing of it can be kept.
        return {identity: found for identity, found in known.items() if found.hash or found.chunks}

    def replace(self, target: Target, documents_: Sequence[Embedded]) -> Sequence[Refused]:
        self._leases.assert_held()
        by_id = {embedded.document.id: embedded for embedded in documents_}
        refused: list[Refused] = []
        for place, group in self._placed(target.stream, [embedded.document for embedded in documents_]):
            refused += self._replace(target, place, [by_id[document.id] for document in group])
        return refused

    def delete(self, target: Target, documents_: Sequence[Document]) -> int:
        self._leases.assert_held()
        deleted = 0
        for place, group in self._placed(target.stream, documents_):
            digests = [document_digest(document.id) for document in group]
            extents = documents.extents_of(self.places.transport, place, digests)
            documents.delete(self.places.transport, place, extents)
            deleted += len(extents)
        return deleted

    def scan(self, target: Target) -> Iterator[Stored]:
        for place in self._all_places(target.stream):
            for key, metadata in documents.listed(self.places.transport, place):
                yield read_back(self.places.transport, place, key, metadata, target.fingerprint)

    def finish(self, target: Target, complete: bool) -> None:
        if not complete:
            return
        stream = target.stream
        replaces_all = STAMP in target.write
        to_sweep = replaces_all or self._streams.needs_sweep(stream)
        old = is_old(stream, self._stamp(target))
        if to_sweep and stream_key(stream.name, stream.namespace) not in self._begun_empty | self._nothing_came:
            sweep = Sweep(stream.name, old, self._config.largest_sweep, self._leases.assert_held)
            sweep.run(self.places.transport, self._all_places(stream))
        self._leases.assert_held()
        if to_sweep:
            self.quarantine.forget_old(stream, old)
        self._streams.end(stream, replaced=replaces_all, swept=to_sweep)

    def nearest(self, scope: Scope, question: Vector, limit: int) -> Sequence[Found]:
        """By the index's own distance. For searching only."""
        stream = Stream(scope.stream, scope.namespace, "append")
        source = f"{scope.namespace}_{scope.stream}" if scope.namespace else scope.stream

        def prove(found: set[str]) -> None:
            """Ours need no further look: who may only search may not read the account."""
            if found - {short(self._fingerprint)}:
                require_same_model(scope.stream, self._streams.models(stream), self._fingerprint)

        with self._while_somebody_waits() as places:
            place = places.to_search(stream, scope.tenant)
            return search.nearest(places.transport, place, source, question, limit, prove)

    def _replace(self, target: Target, place: Place, group: Sequence[Embedded]) -> Sequence[Refused]:
        transport = self.places.transport
        ids = {document_digest(embedded.document.id): embedded.document.id for embedded in group}
        stored = self._stored(target, place, list(ids))
        reasons = dict(unacceptable_vectors(group, self._rules))
        new: list[NewDocument] = []
        for embedded in group:
            identity = embedded.document.id
            if embedded.chunks and identity not in reasons:
                try:
                    old = stored.get(document_digest(identity))
                    new.append(compose(embedded, old, self._stamp(target), self._rules))
                except DataError as error:
                    reasons[identity] = error.reason
        empty = [document_digest(embedded.document.id) for embedded in group if not embedded.chunks]
        gone = {digest: stored[digest].manifest.extent for digest in empty if digest in stored}
        try:
            documents.delete(transport, place, gone)
            refused = documents.write(transport, place, new)
        except VectorsGone as error:
            raise TransientError(
                f"Vectors of the document `{error.args[0]}` in {place.index} are gone since they were looked up. Is "
                "another sync of the stream running? Run this one again."
            ) from error
        reasons |= {ids[digest]: reason for digest, reason in refused.items()}
        return [Refused(identity, reason) for identity, reason in reasons.items()]

    def _stored(self, target: Target, place: Place, digests: Sequence[str]) -> dict[str, StoredDocument]:
        """With all their chunks. Ids that are new in every run are not looked up."""
        if not has_stable_ids(target.stream):
            return {}
        missing = [digest for digest in digests if (place, digest) not in self._looked_up]
        stored = {digest: self._looked_up.pop((place, digest)) for digest in digests if digest not in set(missing)}
        found = documents.stored_documents(self.places.transport, place, missing) if missing else {}
        found = documents.with_chunks(self.places.transport, place, found)
        return found | {digest: document for digest, document in stored.items() if document is not None}

    def _known(self, target: Target, stored: StoredDocument) -> Known:
        kept = frozenset(chunk.hash for chunk in stored.chunks.values() if chunk.fingerprint == self._rules.model)
        return Known(stored.manifest.hash if self._is_current(target, stored) else None, kept)

    def _is_current(self, target: Target, stored: StoredDocument) -> bool:
        """Whether it is whole, by this model, and of this generation."""
        same_model = stored.chunks[0].fingerprint == self._rules.model
        return stored.whole and same_model and stored.manifest.stamp == self._stamp(target)

    def _stamp(self, target: Target) -> str:
        _, mark, stamp = target.write.partition(STAMP)
        return stamp if mark else str(target.stream.generation or 0)

    def _placed(self, stream: Stream, group: Sequence[Document]) -> Iterable[tuple[Place, Sequence[Document]]]:
        """The documents by where they go."""
        if group:
            self._nothing_came.discard(stream_key(stream.name, stream.namespace))
        if self.places.tenant_field is None:
            return [(self.places.of(stream), group)]
        tenants: dict[str | None, list[Document]] = {}
        for document in group:
            tenants.setdefault(document.tenant, []).append(document)
        return [(self._place_of_tenant(stream, tenant), members) for tenant, members in tenants.items()]

    def _place_of_tenant(self, stream: Stream, tenant: str | None) -> Place:
        place = self.places.of(stream, tenant)
        self._streams.add_tenant(stream, tenant or "")
        return place

    def _all_places(self, stream: Stream) -> Sequence[Place]:
        if self.places.tenant_field is None:
            return [self.places.of(stream)]
        return [self.places.of(stream, tenant) for tenant in self._streams.tenants(stream)]

    def _model_found(self, stream: Stream) -> str | None:
        for place in self._all_places(stream):
            for _, metadata in documents.listed(self.places.transport, place):
                return account_of(metadata).fingerprint
        return None

    def _refuse_to_wander(self, stream: Stream) -> None:
        """A record must say in which tenant's index its earlier version lies."""
        field = self.places.tenant_field
        if field and stream.mode == "append_dedup" and tuple(field.split(".")) not in stream.primary_key:
            key = ", ".join(".".join(path) for path in stream.primary_key)
            raise ConfigError(
                f"The stream {stream.name} is spread over indexes by its field `{field}`, which is not in its primary "
                f"key ({key}). A record that changes its tenant would stay in the index of the old one. Add the field "
                "to the primary key, or choose one index for each stream."
            )
