"""The bucket of the demo: the corpus goes in, and three documents change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "observatory"
CORPUS = Path(__file__).with_name("corpus")

EDITED = "policies/light-discipline.md"
OLD_SENTENCE = (
    "Who arrives later stops there, calls the control room, and waits until an exposure has ended, which may take up "
    "to thirty minutes. Bring tea."
)
NEW_SENTENCE = (
    "Who arrives later leaves the car there. The electric van, which drives without any lamps, fetches guests from the "
    "gate on the hour until midnight."
)
DELETED = "notices/drinking-water.html"
ADDED = "notices/goat-in-the-dome.md"
ADDED_TEXT = """# A goat has moved in

Since Tuesday the neighbour's nanny goat, called Frau Professor, has found her way into the little dome on three
nights. She climbs the nineteen steps, lies down under the refractor and will not be led away before sunrise.

## Until the fence is mended

- Shut both halves of the lower door. She opens the latch with her lip, so put the bolt across as well.
- Keep grease cloths, felt caps and paper out of her reach. She has eaten a star chart and half of a guest book.
- If she is inside, leave her alone, close the shutter, and call the farmer at the alp, Mr Gruber. Do not pull her by
  the horns.

The evening's visitors may look at her through the window. She is not part of the programme.
"""


@dataclass(frozen=True, slots=True)
class Uploaded:
    objects: int
    size: int  # bytes


def upload(client: Any) -> Uploaded:
    client.create_bucket(Bucket=NAME)
    files = sorted(path for path in CORPUS.rglob("*") if path.is_file())
    for path in files:
        client.put_object(Bucket=NAME, Key=path.relative_to(CORPUS).as_posix(), Body=path.read_bytes())
    return Uploaded(len(files), sum(path.stat().st_size for path in files))


def change(client: Any) -> None:
    """One document edited (one paragraph), one deleted, one added."""
    text = (CORPUS / EDITED).read_text()
    if OLD_SENTENCE not in text:
        raise ValueError(f"{EDITED} no longer holds the sentence to edit: {OLD_SENTENCE!r}. Mend demo/bucket.py")
    client.put_object(Bucket=NAME, Key=EDITED, Body=text.replace(OLD_SENTENCE, NEW_SENTENCE).encode())
    client.delete_object(Bucket=NAME, Key=DELETED)
    client.put_object(Bucket=NAME, Key=ADDED, Body=ADDED_TEXT.encode())
