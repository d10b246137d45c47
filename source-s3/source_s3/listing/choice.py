"""Which keys and files a selection takes, and which archives it opens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from source_s3.listing.globs import matcher
from source_s3.plan import Selection

if TYPE_CHECKING:
    from source_s3.content.decompress import Compression

ZIP = ".zip"
TARS: dict[str, "Compression | None"] = {
    ".tar": None,
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.bz2": "bzip2",
    ".tbz2": "bzip2",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.zst": "zstd",
    ".tzst": "zstd",
    ".tar.lz4": "lz4",
}
ARCHIVES = (ZIP, *TARS)

Leave = Callable[[str, str], None]  # of the name of an object that is left out, and why


def unheard(name: str, why: str) -> None:
    """For those who do not ask what is left out."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection, compiled: to be asked about many objects."""

    selection: Selection
    included: Callable[[str], bool]
    excluded: Callable[[str], bool]
    members: Sequence[Callable[[str, str], bool]]  # of the key and the member; one for each glob
    tars: Callable[[str], bool]

    @classmethod
    def of(cls, selection: Selection) -> "Choice":
        globs = selection.globs
        return cls(
            selection,
            matcher(globs),
            matcher(selection.excluded),
            [_means_member(pattern) for pattern in globs],
            matcher([pattern.partition("#")[0] for pattern in globs]),
        )

    def takes_key(self, key: str) -> bool:
        """Archives that are opened are taken whatever the globs say: it is their members that must match."""
        return (
            key.startswith(self.selection.prefix) and (self.included(key) or self.opens(key)) and not self.excluded(key)
        )

    def opens(self, key: str) -> bool:
        """Any zip, as in Airbyte's source-s3; a tar only where a glob says so: to list it may be to read all of it.

        A glob says so if the archive itself matches it, or what stands before its `#`.
        """
        kind = archive_kind(key)
        if not self.selection.archives or kind is None or self.excluded(key):
            return False
        return kind == ZIP or self.tars(key)

    def takes_facts(self, key: str, size: int, modified: datetime) -> bool:
        """Markers of folders (empty objects whose key ends in a slash) are left out. Of archives, the members count."""
        wanted = self.selection
        return (
            (size > 0 or not key.endswith("/"))
            and (wanted.start is None or modified >= wanted.start)
            and (wanted.smallest is None or size >= wanted.smallest)
            and (wanted.largest is None or size <= wanted.largest)
        ) or self.opens(key)

    def takes_member(self, key: str, member: str, size: int, modified: datetime) -> bool:
        path = f"{key}#{member}"
        wanted = self.included(path) or any(means(key, member) for means in self.members)
        return wanted and not self.excluded(path) and self.takes_facts(path, size, modified)


def _means_member(pattern: str) -> Callable[[str, str], bool]:
    """Whether a glob that does not match `key#member` as a whole, as in Airbyte's source-s3, means it nevertheless.

    So does one that names an archive, such as `*.zip` (while `*` matches members itself), and one whose parts before
    and after a `#` match key and member: there, `**` is any folders.
    """
    outer, hash_sign, inner = pattern.partition("#")
    fits, fits_inside = matcher([outer]), matcher([inner])
    if hash_sign:
        return lambda key, member: fits(key) and fits_inside(member)
    return lambda key, _: fits(key) and not fits(f"{key}#")


def archive_kind(key: str) -> str | None:
    """The extension by which a key names an archive."""
    lower = key.lower()
    if not lower.endswith(ARCHIVES):
        return None
    return next(ending for ending in ARCHIVES if lower.endswith(ending))
