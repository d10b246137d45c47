"""An Unstructured API, as far as its public documentation says what it takes and gives.

https://docs.unstructured.io/api-reference/legacy-api/partition/overview (the request, its form and its key),
https://docs.unstructured.io/api-reference/partition/api-validation-errors, https://docs.unstructured.io/ui/document-elements
What it finds in each document is `ELEMENTS`; one that has `BROKEN` in it, it can't process.
"""

from collections.abc import Sequence
from typing import Any

from tests.servers.document_server import Asked

KEY = "key-of-the-unstructured-api"
BROKEN = b"no document"
STRATEGIES = {"auto", "fast", "hi_res", "ocr_only", "vlm"}
TABLE = "<table><tr><td>crop</td><td>left</td></tr><tr><td>rye</td><td>7</td></tr></table>"


def element(kind: str, text: str, page: int, **about: Any) -> dict[str, Any]:
    metadata = {"filetype": "application/pdf", "languages": ["eng"], "page_number": page, **about}
    return {"type": kind, "element_id": f"{hash((kind, text)):x}", "text": text, "metadata": metadata}


ELEMENTS: Sequence[dict[str, Any]] = [
    element("Header", "The barn's paper", 1),
    element("Title", "Stores", 1, category_depth=0),
    element("NarrativeText", "# What is left.", 1),
    element("Title", "Jars", 1, category_depth=1),
    element("ListItem", "of rye", 1, category_depth=1),
    element("ListItem", "of white rye", 1, category_depth=2),
    element("PageNumber", "1", 1),
    element("Table", "crop left rye 7", 2, text_as_html=TABLE),
    element("CodeSnippet", "count(jars)", 2),
    element("Footer", "2", 2),
]


class UnstructuredService:
    """As `document_server.Service` says."""

    def refusal(self, asked: Asked) -> tuple[int, Any] | None:
        key = asked.headers.get("unstructured-api-key")
        if asked.path != "/general/v0/general":
            return 404, {"detail": "Not Found"}
        return (401, {"detail": f"API key {key} is invalid"}) if key != KEY else None

    def answer(self, asked: Asked) -> tuple[int, Any]:
        assert asked.sent is not None
        strategy = dict(asked.sent.fields).get("strategy", "auto")
        if strategy not in STRATEGIES:
            return 400, {"detail": f"Invalid strategy: {strategy}"}
        if BROKEN in asked.sent.content:
            return 422, {"detail": f"{asked.sent.name} does not appear to be a valid file"}
        return 200, ELEMENTS
