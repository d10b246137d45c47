"""Images, through Pillow and text recognition: each page of a TIFF, or the first picture of any other kind."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.pages.layout import blocks_of
from source_s3.documents.pages.ocr import MOST_PIXELS, NOT_ASKED, NOT_INSTALLED, Picture, evened, recognizer
from source_s3.documents.parsed import Facts, Parsed, assembled
from vector_ingest.errors import DataError

LEAST, WANTED, MOST = 70, 240, 1200  # pixels for each inch
WIDTH = 8.3  # inches: of a sheet of paper, for a picture that does not tell its own
LARGEST = 3.0  # times: to enlarge it more only takes longer
BROKEN = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)  # of Pillow


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no image that can be read, one without text, or text recognition is not installed or not asked for."""
    if not limits.languages:
        raise DataError(key, f"an image, {NOT_ASKED}")
    with _opened(key, content) as image, recognizer(key, limits) as lines_of:
        pages = [lines_of(picture) for picture in _pictures(key, image, limits)]
        mime_type = image.get_format_mimetype()
    if not any(pages):
        raise DataError(key, "no text was recognized in this image: exclude it by the stream's globs")
    parsed = assembled(blocks_of(evened(pages)), limits.characters, Facts(page_count=len(pages)))
    return replace(parsed, mime_type=mime_type)


@contextmanager
def _opened(key: str, content: bytes) -> Iterator[Any]:
    if find_spec("PIL") is None:
        raise DataError(key, f"an image, {NOT_INSTALLED}")
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # it would warn: we have a limit of our own
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:
        raise _broken(key, "of a kind that is not known, or damaged") from error
    except BROKEN as error:
        raise _broken(key, error) from error
    with image:
        yield image


def _pictures(key: str, image: Any, limits: Limits) -> Iterator[Picture]:
    from PIL import Image, ImageOps

    count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1  # elsewhere they are a film
    if count > limits.pages:
        raise TooMuch("pages", limits.pages)
    for number in range(count):
        try:
            image.seek(number)
            if image.width * image.height > MOST_PIXELS:
                raise TooMuch("pixels", MOST_PIXELS)
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
            grey, resolution = upright.convert("L"), _resolution(image)
            times = min(LARGEST, WANTED / resolution)
            if times > 1 and grey.width * grey.height * times**2 < MOST_PIXELS:
                grey = grey.resize((round(grey.width * times), round(grey.height * times)), Image.Resampling.BICUBIC)
                resolution = round(resolution * times)
            yield Picture(grey.tobytes(), grey.width, grey.height, grey.width, resolution)
        except BROKEN as error:
            raise _broken(key, error) from error


def _resolution(image: Any) -> int:
    """As it tells it, or as if it were a sheet of paper."""
    told = float(image.info.get("dpi", (0, 0))[0])
    return round(told) if LEAST < told <= MOST else round(min(max(int(image.width) / WIDTH, LEAST), MOST))


def _broken(key: str, error: object) -> DataError:
    return DataError(key, f"no image that can be read ({error}): save it anew, and upload it again, or exclude it")
