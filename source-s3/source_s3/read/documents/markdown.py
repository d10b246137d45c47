"""kreuzberg, which turns office formats and HTML into Markdown. Its errors become ours here and nowhere else."""

from functools import cache

from kreuzberg import ExtractionConfig, extract_bytes_sync
from kreuzberg.exceptions import KreuzbergError

from vector_ingest.errors import DataError


@cache
def _options() -> ExtractionConfig:
    # Its cache is a folder on the disk: a read leaves nothing behind. Without `ocr`, no OCR program is started.
    return ExtractionConfig(output_format="markdown", use_cache=False)


def to_markdown(key: str, content: bytes, mime_type: str) -> str:
    """DataError: kreuzberg can't read the file."""
    try:
        return str(extract_bytes_sync(content, mime_type, config=_options()).content)
    except (KreuzbergError, RuntimeError, ValueError, OSError) as error:
        reason = f"corrupt or truncated ({error}): open it, save it anew, and upload it again"
        raise DataError(key, reason) from error
