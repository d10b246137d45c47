"""The parts of a zipped document, and their XML: bounded, whole, without entities and without any network."""

import io
import posixpath
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from lxml import etree

from source_s3.documents.kinds import BROKEN
from source_s3.documents.limits import Limits, TooMuch
from vector_ingest.errors import DataError

LARGE = 16 * 1024 * 1024  # bytes: of less than this, any ratio will do


class Parts:
    """Each part is read once or twice, and never more of them than the limits allow."""

    def __init__(self, key: str, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._key, self._archive, self._left = key, archive, limits.unpacked
        self._limits = limits
        self._names = set(archive.namelist())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def names(self) -> set[str]:
        return self._names

    def bytes_of(self, name: str) -> bytes:
        """DataError: not there, or its checksum is wrong."""
        try:
            with self._archive.open(name) as part:
                content = part.read(self._left + 1)
        except KeyError as error:
            raise DataError(self._key, f"its part {name} is missing: save it anew, and upload it again") from error
        except BROKEN as error:
            raise DataError(self._key, f"corrupt or truncated ({name}: {error}): upload it again") from error
        self._left -= len(content)
        if self._left < 0:
            raise TooMuch("bytes when unpacked", self._limits.unpacked)
        return content

    def xml(self, name: str) -> Any:
        """The root of a part. DataError: no XML, or one with entities of its own."""
        return xml_of(self._key, name, self.bytes_of(name))

    def xml_if_there(self, name: str) -> Any | None:
        return self.xml(name) if name in self._names else None

    def targets(self, name: str) -> Mapping[str, str]:
        """The relations of a part of an Office file: by id, a part's name or an address outside."""
        folder, _, own = name.rpartition("/")
        relations = self.xml_if_there(f"{folder}/_rels/{own}.rels" if folder else f"_rels/{own}.rels")
        found = {}
        for each in relations if relations is not None else ():
            target = str(each.get("Target", ""))
            outside = each.get("TargetMode") == "External"
            found[str(each.get("Id"))] = target if outside else within(folder, target)
        return found


def within(folder: str, target: str) -> str:
    """The name of the part that a part in `folder` calls `target`."""
    path = unquote(target.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")


@contextmanager
def opened(key: str, content: bytes, limits: Limits) -> Iterator[Parts]:
    """DataError: no whole ZIP file. TooMuch: more than the limits allow is said to be in it."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except BROKEN as error:
        raise DataError(key, f"corrupt or truncated ({error}): upload it again") from error
    with archive:
        entries = archive.infolist()
        if len(entries) > limits.entries:
            raise TooMuch("files in its ZIP", limits.entries)
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > limits.unpacked:
            raise TooMuch("bytes when unpacked", limits.unpacked)
        if unpacked > LARGE and unpacked > limits.ratio * len(content):
            raise TooMuch("times its packed size when unpacked", limits.ratio)
        yield Parts(key, archive, limits)


def xml_of(key: str, name: str, content: bytes) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DataError(key, f"corrupt ({name} is no XML that can be read: {error}): save it anew") from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise DataError(key, f"{name} declares entities of XML, which no office program does: exclude the object")
    return root


def local(element: Any) -> str:
    """The name without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """By its local name."""
    for key, value in element.items():
        if key == name or key.endswith("}" + name):
            return str(value)
    return None


def number(text: str | None) -> int | None:
    """None: it is none that counts anything."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


def child(element: Any, *path: str) -> Any | None:
    """The first element below, by local names."""
    for name in path:
        element = next((each for each in element if local(each) == name), None)
        if element is None:
            return None
    return element


def every(element: Any, name: str) -> Iterator[Any]:
    """All descendants of this local name."""
    found: Iterator[Any] = element.iter("{*}" + name)
    return found


def text_at(element: Any | None, *path: str) -> str | None:
    found = child(element, *path) if element is not None else None
    text = "".join(found.itertext()).strip() if found is not None else ""
    return text or None
