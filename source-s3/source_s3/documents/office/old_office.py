"""Word and PowerPoint of 1997 to 2003 (DOC, PPT): made new ones by the extra `old-office`, and read as such."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from source_s3.documents.limits import Limits
from source_s3.documents.office import docx, pptx
from source_s3.documents.parsed import Parsed
from vector_ingest.errors import DataError

NOT_INSTALLED = (
    "of an old format of {program}, whose reader is not installed "
    "(pip install 'airbyte-source-s3-vector[old-office]'). Or save it as .{extension}"
)


def read_doc(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: not installed, damaged, under a password, or older than Word 97."""
    if find_spec("doc2docx") is None:
        raise DataError(key, NOT_INSTALLED.format(program="Word", extension="docx"))
    from doc2docx import converter, errors

    made = _converted(key, content, "docx", converter.convert, (errors.Doc2DocxError, errors.EncryptedDocumentError))
    return docx.read(key, made, limits)


def read_ppt(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: not installed, damaged, under a password, or older than PowerPoint 97."""
    if find_spec("ppt2pptx") is None:
        raise DataError(key, NOT_INSTALLED.format(program="PowerPoint", extension="pptx"))
    from ppt2pptx import converter, errors

    kinds = (errors.Ppt2PptxError, errors.EncryptedPresentationError)
    return pptx.read(key, _converted(key, content, "pptx", converter.convert, kinds), limits)


def _converted(
    key: str,
    content: bytes,
    extension: str,
    convert: Callable[[Path, Path], Any],
    errors: tuple[type[Exception], type[Exception]],
) -> bytes:
    """`errors`: any of its own, and that of a password."""
    with TemporaryDirectory() as folder:  # its functions take names of files alone
        old, new = Path(folder) / "old", Path(folder) / f"new.{extension}"
        old.write_bytes(content)
        try:
            convert(old, new)
        except errors[1] as error:
            raise DataError(key, "under a password: save it without one") from error
        except errors[0] as error:
            raise DataError(key, f"corrupt, or of an unknown version ({error}): save it as .{extension}") from error
        return new.read_bytes()
