"""Text in any encoding as text in UTF-8, chunk by chunk: what is behind it then knows only one.

Bytes that are no text in the encoding become the byte FF, which is none in UTF-8, so that their row can be refused.
"""

import codecs
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

BOM = codecs.BOM_UTF8
UTF8 = ("utf-8", "utf8", "utf-8-sig")
WRONG_BYTE = "source_s3.wrong_byte"


def _wrong(error: UnicodeError) -> tuple[str | bytes, int]:
    """A mark where bytes are no text; the byte where that stands, or half of a pair, which UTF-7 can have alone."""
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    return "\udcff", getattr(error, "end", 0)


codecs.register_error(WRONG_BYTE, _wrong)


def chunks(file: BinaryIO, encoding: str, start: int = 0, size: int = 64 * 1024) -> Iterator[bytes]:
    """From the byte `start` of the text in UTF-8. In another encoding what is before it is read, too."""
    if encoding in UTF8:
        file.seek(start)
        yield from iter(partial(file.read, size), b"")
        return
    file.seek(0)
    for chunk in _recoded(file, encoding, size):
        if start < len(chunk):
            yield chunk[start:]
        start = max(0, start - len(chunk))


def _recoded(file: BinaryIO, encoding: str, size: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(WRONG_BYTE)
    while chunk := file.read(size):
        yield decoder.decode(chunk).encode("utf-8", WRONG_BYTE)
    yield decoder.decode(b"", True).encode("utf-8", WRONG_BYTE)
