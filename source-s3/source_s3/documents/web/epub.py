"""Books in EPUB: their chapters in reading order."""

from collections.abc import Iterator, Mapping

from source_s3.documents.limits import Limits
from source_s3.documents.parsed import Block, Facts, Parsed, assembled
from source_s3.documents.parts import Parts, attribute, child, every, opened, text_at, within
from source_s3.documents.plain.text import text_of
from source_s3.documents.web.html import parsed_html
from source_s3.documents.web.html_blocks import blocks_of
from vector_ingest.errors import DataError

PAGES = {"application/xhtml+xml", "text/html"}
FONTS = ("://www.idpf.org/2008/embedding", "://ns.adobe.com/pdf/enc#RC")  # which are only hidden a little


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no whole ZIP file, encrypted by its seller, or without a list of chapters."""
    with opened(key, content, limits) as parts:
        _require_open(key, parts)
        place = next(every(parts.xml("META-INF/container.xml"), "rootfile"), None)
        package = attribute(place, "full-path") if place is not None else None
        if package is None:
            raise DataError(key, "corrupt (META-INF/container.xml names no package): upload it again")
        root = parts.xml(package)
        about = child(root, "metadata")
        facts = Facts(
            title=text_at(about, "title"),
            author=text_at(about, "creator"),
            language=text_at(about, "language"),
            created=text_at(about, "date"),
        )
        folder = package.rpartition("/")[0]
        items = {attribute(each, "id"): dict(each.items()) for each in every(root, "item")}
        chapters = [items[name] for each in every(root, "itemref") if (name := attribute(each, "idref")) in items]
        return assembled(_blocks(key, parts, folder, chapters), limits.characters, facts)


def _blocks(key: str, parts: Parts, folder: str, chapters: list[dict[str, str]]) -> Iterator[Block]:
    for chapter in chapters:
        name = within(folder, chapter.get("href", ""))
        if chapter.get("media-type") not in PAGES or "nav" in chapter.get("properties", "").split():
            continue
        page = parsed_html(key, text_of(key, parts.bytes_of(name)))
        if page is not None:
            yield from blocks_of(page)


def _require_open(key: str, parts: Parts) -> None:
    encryption = parts.xml_if_there("META-INF/encryption.xml")
    methods = every(encryption, "EncryptionMethod") if encryption is not None else iter(())
    used: Mapping[str | None, None] = dict.fromkeys(attribute(each, "Algorithm") for each in methods)
    if any(not str(method).endswith(FONTS) for method in used):
        raise DataError(key, "encrypted by its seller (DRM): upload it without encryption")
