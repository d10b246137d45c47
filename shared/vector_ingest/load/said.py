"""What the source says of itself: which of its streams have come whole, and why others have not."""

from dataclasses import dataclass, field

from vector_ingest.document import Stream
from vector_ingest.messages import Failure, Status, StreamKey


@dataclass(slots=True)
class Said:
    """The last word on each stream. `failure`: why the source failed, where it said so."""

    statuses: dict[StreamKey, str] = field(default_factory=dict)
    failure: str = ""

    def hear(self, message: Status | Failure) -> None:
        if isinstance(message, Failure):
            self.failure = message.message
        else:
            self.statuses[message.namespace, message.stream] = message.status

    def is_complete(self, stream: Stream, *, began: bool) -> bool:
        """Only a source's COMPLETE says that all has come, but for clients that send no statuses at all.

        Such clients ask for `overwrite`; the platform never does with a connector that supports refreshes. `began`: a
        record or a state came. Where none did, the source did not start: a wrong path in a pipe must not empty a table.
        """
        if self.statuses:
            return self.statuses.get(stream.key) == "COMPLETE"
        return stream.mode == "overwrite" and began and not self.failure

    @property
    def tells_of_ends(self) -> bool:
        """Whether a stream that is not complete is one that failed: some clients never say how a stream ends."""
        return bool(self.statuses or self.failure)
