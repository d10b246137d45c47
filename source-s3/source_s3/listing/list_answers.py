"""Pages of a listing, parsed several times as fast as by botocore, which most of a sync without changes would go to.

The objects are taken out of an answer before botocore parses the rest, by the event that it has for this. What is not
a page as S3 describes it is left to botocore, errors included.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_ResponseSyntax
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import XML, Element, ParseError, XMLParser, tostring

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OK = 200
REQUIRED = {"Key", "LastModified", "ETag", "Size"}
Read = Callable[[Element], Any]


def parse_listings_fast(client: "S3Client") -> None:
    """The client's answers to ListObjectsV2 have of `Contents` what is asked of objects here, in botocore's form."""
    client.meta.events.register("before-parse.s3.ListObjectsV2", _take_objects)


def _take_objects(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != OK:
        return
    try:
        root = XML(response_dict["body"], XMLParser(encoding="utf-8"))  # noqa: S314 (expat, as in botocore)
        space, brace, kind = root.tag.rpartition("}")
        space += brace
        entries = root.findall(f"{space}Contents")
        found = [_entry(entry, _readers(space)) for entry in entries]
    except (ParseError, ValueError):
        return
    if kind != "ListBucketResult" or not found or not all(entry.keys() >= REQUIRED for entry in found):
        return
    root[:] = [child for child in root if child.tag != f"{space}Contents"]
    response_dict["body"] = tostring(root)
    customized_response_dict["Contents"] = found


def _entry(entry: Element, readers: Mapping[str, tuple[str, Read]]) -> dict[str, Any]:
    found = {}
    for member in entry:
        known = readers.get(member.tag)
        if known is not None:
            found[known[0]] = known[1](member)
    return found


@lru_cache(maxsize=8)  # stores differ in their namespace, and some have none
def _readers(space: str) -> Mapping[str, tuple[str, Read]]:
    def text(member: Element) -> str:
        return member.text or ""

    def restore(member: Element) -> dict[str, Any]:
        readers = {
            f"{space}IsRestoreInProgress": ("IsRestoreInProgress", _flag),
            f"{space}RestoreExpiryDate": ("RestoreExpiryDate", _time),
        }
        return _entry(member, readers)

    members: Mapping[str, Read] = {"Key": text, "ETag": text, "StorageClass": text, "LastModified": _time}
    members = {**members, "Size": _number, "RestoreStatus": restore}
    return {f"{space}{name}": (name, read) for name, read in members.items()}


def _number(member: Element) -> int:
    return int(member.text or "")


def _flag(member: Element) -> bool:
    return member.text == "true"


def _time(member: Element) -> datetime:
    found = datetime.fromisoformat(member.text or "")
    if found.tzinfo is None:
        raise ValueError(f"a time without a zone: {member.text}")
    return found
