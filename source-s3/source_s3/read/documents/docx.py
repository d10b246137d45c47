"""Word documents: headings, paragraphs and tables in their order."""

import io
import zipfile
import zlib

from source_s3.read.documents.markdown import to_markdown
from vector_ingest.errors import DataError

MIME_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def read(key: str, content: bytes) -> str:
    """DataError: no whole ZIP file, or not one that Word made."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            is_word = "word/document.xml" in parts.namelist()
            broken = parts.testzip() if is_word else None  # kreuzberg skips a part whose checksum is wrong
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise DataError(key, f"corrupt or truncated ({error}): upload it again") from error
    if not is_word:
        raise DataError(key, "a ZIP file without word/document.xml, so no Word document: rename or exclude the object")
    if broken:
        raise DataError(key, f"corrupt (the checksum of {broken} is wrong): upload it again")
    return to_markdown(key, content, MIME_TYPE)
