"""What becomes of bad rows, or documents: the first ends the stream, or they are passed over, counted, or kept aside.

Used by one thread, that which puts out the lines. Rows to keep are held back until a state is about to leave: `flush`
makes them durable before it does.
"""

from collections.abc import Sequence

from source_s3.plan import StreamPlan
from source_s3.policy.quarantine import Kept, Quarantine, kept
from source_s3.policy.quarantine_places import place_at, prove_writable
from source_s3.progress import Progress
from source_s3.read import BadRow
from source_s3.s3_object import Bucket, S3Object
from source_s3.stream_config import BadRows as Policy
from source_s3.stream_config import Quarantine as Keep
from source_s3.stream_config import Stop
from vector_ingest.errors import DataError

HELD = 8 * 1024 * 1024  # bytes of bad rows that wait for the next state at most
ENTRY = 512  # bytes that one takes besides its text and its reason
REMEDY = "`bad_rows` of the stream can pass over such rows, or keep them aside"


class BadRows:
    """The policy at work on one stream."""

    def __init__(self, policy: Policy, quarantine: Quarantine | None, bucket: Bucket, progress: Progress) -> None:
        self._policy, self._quarantine, self._bucket, self._progress = policy, quarantine, bucket, progress
        self._held: list[Kept] = []
        self._bytes = 0
        self._with_bad_rows: str | None = None  # the object that is being read, if it has some

    def take(self, item: S3Object, rows: Sequence[BadRow], last_modified: str) -> None:
        """DataError: the policy is to stop, or there are more than it allows."""
        for row in rows:
            self._stop_at(item, row)
            self._progress.refuse_row(f"{self._where(item, row)}: {row.reason}")
            if self._quarantine is not None:
                self._hold(kept(item.name, item.etag, last_modified, row))
        if rows:
            self._with_bad_rows = item.name

    def finish(self, item: S3Object, *, whole: bool) -> None:
        """The object was read to its end. What was kept of other versions is out of date.

        `whole`: from its begin, so that it has no bad rows but those of now.
        """
        if self._quarantine is not None:
            self.flush()
            is_clean = whole and self._with_bad_rows != item.name
            self._quarantine.forget(item.name, but=None if is_clean else item.etag)

    def forget(self, name: str) -> None:
        """The object is gone."""
        if self._quarantine is not None:
            self._quarantine.forget(name)

    def flush(self) -> None:
        """Durable when it returns."""
        if self._held and self._quarantine is not None:
            for name in dict.fromkeys(row.object for row in self._held):
                self._quarantine.keep([row for row in self._held if row.object == name])
        self._held, self._bytes = [], 0

    def _stop_at(self, item: S3Object, row: BadRow) -> None:
        if isinstance(self._policy, Stop):
            raise DataError(self._where(item, row), f"{row.reason.removesuffix('.')}. {REMEDY}")
        if self._progress.bad_rows == self._policy.most:
            raise DataError(
                self._where(item, row),
                f"{row.reason}. It is one bad {self._progress.row} more than the {self._policy.most:,} that `bad_rows` "
                "allows in a sync",
            )

    def _hold(self, row: Kept) -> None:
        self._held.append(row)
        self._bytes += len(row.raw or b"") + len(row.reason) + ENTRY
        if self._bytes > HELD:
            self.flush()

    def _where(self, item: S3Object, row: BadRow) -> str:
        name = self._bucket.address_of(item)
        return name if row.where in {item.name, "the file"} else f"{name}, {row.where}"


def prove_place(bucket: Bucket, plan: StreamPlan) -> None:
    """ConfigError or TransientError: bad rows are to be kept aside, and can't be."""
    if isinstance(plan.bad_rows, Keep):
        prove_writable(place_at(plan.bad_rows.place, bucket.client))


def quarantine_of(bucket: Bucket, plan: StreamPlan) -> Quarantine | None:
    if not isinstance(plan.bad_rows, Keep):
        return None
    return Quarantine(place_at(plan.bad_rows.place, bucket.client), plan.name)


def bad_rows_of(bucket: Bucket, plan: StreamPlan, progress: Progress) -> BadRows:
    quarantine = quarantine_of(bucket, plan)
    progress.row = "document" if plan.documents is not None else "row"
    progress.kept_at = quarantine.address if quarantine is not None else None
    return BadRows(plan.bad_rows, quarantine, bucket, progress)
