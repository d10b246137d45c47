"""What becomes of records that can't be stored: kept aside, passed over, or the end of the sync."""

from collections.abc import Sequence
from dataclasses import dataclass

from vector_ingest.document import Document, Refused, Stream
from vector_ingest.errors import DataError
from vector_ingest.load.quarantine import Quarantine, Rejected
from vector_ingest.load.report import Counts, logger
from vector_ingest.record.storable import storable


@dataclass(frozen=True, slots=True)
class Refusals:
    """The user's choice. With neither a quarantine nor some that are passed over, the first one ends the sync."""

    quarantine: Quarantine | None = None
    most_skipped: int = 0

    @property
    def keeps(self) -> bool:
        return self.quarantine is not None and self.quarantine.most > 0

    @property
    def most(self) -> int:
        """Of one sync; one more stops it."""
        return self.quarantine.most if self.quarantine is not None and self.keeps else self.most_skipped

    def account_for(self, stream: Stream, refused: Sequence[Refused], documents: Sequence[Document]) -> None:
        """A batch is stored but for the refused. What was kept of the others is out of date. DataError: the end."""
        if refused and not self.most:
            raise DataError(f"document `{refused[0].document_id}` of stream `{stream.name}`", refused[0].reason)
        if not self.keeps:
            for each in refused:
                _tell(stream, each.document_id, each.reason)
        if self.quarantine is not None:
            lines = {document.id: document.line for document in documents}
            reasons = {each.document_id: each.reason for each in refused}
            if self.keeps:
                rejected = [
                    Rejected(stream, identity, storable(why)[0], lines[identity]) for identity, why in reasons.items()
                ]
                self.quarantine.keep(rejected)
            self.quarantine.forget(stream, [identity for identity in lines if identity not in reasons])

    def set_aside(self, rejected: Rejected) -> Counts:
        """A record that can't become a document."""
        if self.quarantine is not None and self.keeps:
            self.quarantine.keep([rejected])
        else:
            _tell(rejected.stream, rejected.id, rejected.reason)
        return Counts(failed=1)

    def stop_at_too_many(self, failed: int) -> None:
        """DataError: more have failed than may."""
        if failed <= self.most:
            return
        kept = self.quarantine if self.keeps else None
        why = f"Why is kept with them in {kept.place}" if kept else "Why is said of each in the log"
        raise DataError(
            f"{failed:,} records of this sync",
            f"they could not be stored, and at most {self.most:,} may be. {why}. Mend the data or the "
            "configuration, or allow more",
        )


def _tell(stream: Stream, identity: str, reason: str) -> None:
    logger.warning("Passed over `%s` of stream `%s`, which can't be stored: %s", identity, stream.name, reason)
