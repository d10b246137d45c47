"""What becomes of listed objects that can't be read: gone, overwritten meanwhile, or unreadable: that a policy decides.

None of them is ever taken as done. Used by one thread, that which puts out the lines.
"""

from source_s3.policy.faults import fault_of
from source_s3.progress import Progress
from source_s3.s3_object import Bucket, S3Object
from source_s3.stream_config import LeaveForLater, UnreadableObjects
from vector_ingest.errors import ConfigError, TransientError

ROUNDS = 3  # of reading what was overwritten while it was read


class Unreadable:
    """The policy at work on one stream."""

    def __init__(self, policy: UnreadableObjects, bucket: Bucket, progress: Progress) -> None:
        self._policy, self._bucket, self._progress = policy, bucket, progress
        self._changed: list[S3Object] = []
        self._rounds = 1
        self._first: Exception | None = None

    def take(self, item: S3Object, error: Exception) -> None:
        """Raises it where the policy is to stop, or where there are more than it allows."""
        fault = fault_of(error)
        if fault == "gone":  # the next listing lacks it, and what was known of it is deleted then
            self._progress.miss_object(self._bucket.address_of(item))
        elif fault == "changed" and item.inside is None and self._rounds < ROUNDS:
            self._changed.append(item)
        else:
            self._leave(error)

    def changed(self) -> list[S3Object]:
        """Those that were overwritten while they were read, since the last call."""
        changed, self._changed = self._changed, []
        self._rounds += 1
        return changed

    def require_none_missing(self, *, replaces: bool) -> None:
        """TransientError: the sync replaces what was stored, and would lose what is unread."""
        if self._first is None or not replaces:
            return
        assert isinstance(self._policy, LeaveForLater)
        if not self._policy.accept_missing:
            raise TransientError(
                f"{self._progress.unread:,} objects could not be read, and what the destination has of them would be "
                f"dropped if this refresh ended as complete. The first: {self._first} Sync again, which reads only "
                "them; or set `accept_missing` of `unreadable_objects` to do without them."
            )

    def _leave(self, error: Exception) -> None:
        if not isinstance(self._policy, LeaveForLater):
            raise error
        if self._progress.unread == self._policy.most:
            allowed = (
                f"It is one unreadable object more than the {self._policy.most:,} that `unreadable_objects` allows"
            )
            kind = TransientError if isinstance(error, TransientError) else ConfigError
            raise kind(f"{error} {allowed} in a sync.") from error
        self._first = self._first or error
        self._progress.leave_unread(error)
