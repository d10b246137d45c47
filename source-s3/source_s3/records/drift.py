"""What of one file does not fit the configured catalog: counted batch by batch, told once."""

from collections.abc import Mapping

from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.records.shape import Shaped, Unfit
from source_s3.schema import ADDITIONAL


class Drift:
    """Closed at the end of the file, or where its reading ends."""

    def __init__(self, plan: StreamPlan, key: str, progress: Progress) -> None:
        self._key, self._progress = key, progress
        self._evolves = plan.validates and plan.validation == "Evolve"
        self._unfit: dict[str, Unfit] = {}

    def add(self, shaped: Shaped) -> None:
        """Of the file's next rows."""
        if shaped.strange:
            fate = f"go into `{ADDITIONAL}`" if self._evolves else "are left out"
            self._progress.meet(shaped.strange, fate)
        for name, found in shaped.unfit.items():
            known = self._unfit.get(name)
            self._unfit[name] = found if known is None else Unfit(known.count + found.count, known.first)

    def close(self) -> None:
        if self._unfit:
            count = sum(found.count for found in self._unfit.values())
            fate = f"are moved into `{ADDITIONAL}`" if self._evolves else "stay text"
            self._progress.miss(self._key, count, f"{count:,} values {fate}: {_described(self._unfit)}")


def _described(unfit: Mapping[str, Unfit]) -> str:
    return "; ".join(f"{found.count:,} of them, the first: {found.first}" for found in unfit.values())
