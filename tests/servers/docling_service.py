"""Docling Serve, as its source (1.38) says what it takes and gives: github.com/docling-project/docling-serve.

What it finds in each document is `DOCUMENT`. What is special about one, a mark in its bytes says.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from tests.servers.document_server import Asked

KEY = "key-of-docling-serve"
BROKEN = b"no document"
FAILED = b"ends its task"
RETRYABLE = b"ends its task for now"
IN_PART = b"with a page that fails"
UNKNOWN = b"of no format"
STUCK = b"read for ever"
WAITING = b"behind many others"
PATH = "/v1/convert/file/async"
CHOICES = {
    "pipeline": {"legacy", "standard", "vlm", "asr"},
    "table_mode": {"fast", "accurate"},
    "to_formats": {"md", "json", "yaml", "html", "html_split_page", "text", "doctags", "vtt"},
    "do_ocr": {"true", "false"},
}


def item(kind: str, label: str, text: str = "", page: int | None = 1, **more: Any) -> dict[str, Any]:
    """`kind`: the list that it stands in. Its name is made by `document`."""
    box = {"l": 72.0, "t": 720.0, "r": 540.0, "b": 700.0, "coord_origin": "BOTTOMLEFT"}
    prov = [{"page_no": page, "bbox": box, "charspan": [0, len(text)]}] if page is not None else []
    texts = {"orig": text, "text": text, "formatting": None, "hyperlink": None}
    floating: dict[str, Any] = {"captions": [], "references": [], "footnotes": [], "image": None}
    own: dict[str, Any] = texts if kind == "texts" else floating
    about = {"content_layer": "body", "meta": None, "label": label, "prov": prov, "children": []}
    return {"kind": kind, **about, **own, **more}


def group(label: str, *children: dict[str, Any], name: str = "group") -> dict[str, Any]:
    about = {"content_layer": "body", "meta": None, "label": label, "name": name}
    return {"kind": "groups", **about, "children": list(children)}


def cell(text: str, row: int, column: int, width: int = 1) -> dict[str, Any]:
    places = {"start_row_offset_idx": row, "end_row_offset_idx": row + 1}
    places |= {"start_col_offset_idx": column, "end_col_offset_idx": column + width}
    about = {"column_header": row == 0, "row_header": False, "row_section": False, "fillable": False}
    return {"row_span": 1, "col_span": width, **places, "text": text, **about}


def table(grid: Sequence[Sequence[dict[str, Any]]], *captions: dict[str, Any], page: int = 1) -> dict[str, Any]:
    size = {"num_rows": len(grid), "num_cols": len(grid[0]), "orientation": "rot_0"}
    data = {"table_cells": [each for row in grid for each in row], **size, "grid": grid}
    return item("tables", "table", page=page, data=data, children=list(captions), captions=list(captions))


def document(*body: dict[str, Any], pages: int = 0) -> dict[str, Any]:
    """As DoclingDocument is written: items in lists, that name each other."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("groups", "texts", "pictures", "tables")}
    names: dict[int, dict[str, str]] = {}

    def place(each: Mapping[str, Any], parent: str) -> dict[str, str]:
        if id(each) in names:  # a caption is named by its table and is a child of it
            return names[id(each)]
        listed = found[each["kind"]]
        name = names[id(each)] = {"$ref": f"#/{each['kind']}/{len(listed)}"}
        written = {"self_ref": name["$ref"], "parent": {"$ref": parent}, **each}
        del written["kind"]
        listed.append(written)
        for what in ("children", "captions", "footnotes"):
            if what in each:
                written[what] = [place(inner, name["$ref"]) for inner in each[what]]
        return name

    root = {"self_ref": "#/body", "children": [], "content_layer": "body", "name": "_root_", "label": "unspecified"}
    size = {"width": 612.0, "height": 792.0}
    return {
        "schema_name": "DoclingDocument",
        "version": "1.10.0",
        "name": "a",
        "origin": {"mimetype": "application/pdf", "binary_hash": 1, "filename": "a.pdf", "uri": None},
        "furniture": {**root, "self_ref": "#/furniture", "content_layer": "furniture"},
        "body": {**root, "children": [place(each, "#/body") for each in body]},
        **found,
        "key_value_items": [],
        "form_items": [],
        "pages": {str(number): {"size": size, "image": None, "page_no": number} for number in range(1, pages + 1)},
    }


CAPTION = item("texts", "caption", "What is left", page=2)
DOCUMENT = document(
    item("texts", "page_header", "The barn's paper", content_layer="furniture"),
    item("texts", "title", "Stores"),
    item("texts", "text", "# What is left."),
    item("texts", "section_header", "Jars", level=1),
    group(
        "list",
        item("texts", "list_item", "of rye", marker="•", enumerated=False),
        group("list", item("texts", "list_item", "of white rye", marker="1.", enumerated=True)),
    ),
    item("texts", "page_footer", "1", content_layer="furniture"),
    table([[cell("crop", 0, 0), cell("left", 0, 1)], [cell("rye", 1, 0), cell("7", 1, 1)]], CAPTION, page=2),
    item("texts", "code", "count(jars)", page=2, code_language="unknown", captions=[]),
    pages=2,
)


class DoclingService:
    """As `document_server.Service` says. `losses`: how many of the next tasks are forgotten, as after a new start.

    `fails`: on all documents, as without its models.
    """

    def __init__(self, key: str = KEY) -> None:
        self._key = key
        self._numbers = count(1)
        self._tasks: dict[str, tuple[bytes, int]] = {}  # the document's bytes, and how often its task was asked for
        self.losses = 0
        self.fails = False

    def refusal(self, asked: Asked) -> tuple[int, Any] | None:
        is_task = asked.path.startswith(("/v1/status/poll/", "/v1/result/"))
        if asked.path != PATH and not is_task:
            return 404, {"detail": "Not Found"}
        if is_task != (asked.sent is None):
            return 405, {"detail": "Method Not Allowed"}
        return (401, {"detail": "Unauthorized"}) if self._key and asked.headers.get("X-Api-Key") != self._key else None

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.sent is None:
            what, _, task = asked.path.removeprefix("/v1/").rpartition("/")
            if task not in self._tasks:
                return 404, {"detail": "Task not found."}
            return 200, self._status(task) if what == "status/poll" else _result(self._tasks[task][0])
        for name, value in asked.sent.fields:
            if value not in CHOICES.get(name, {value}):
                words = f"Input should be {' or '.join(map(repr, sorted(CHOICES[name])))}"
                return 422, {"detail": [{"type": "enum", "loc": ["body", name], "msg": words}]}
        task = f"0b6c7e6e-0000-4000-8000-{next(self._numbers):012}"
        if self.losses:
            self.losses -= 1
        else:
            self._tasks[task] = asked.sent.content, 0
        return 200, _task(task, "pending")

    def _status(self, task: str) -> dict[str, Any]:
        content, asked = self._tasks[task]
        self._tasks[task] = content, asked + 1
        if asked == 0 or WAITING in content:
            return _task(task, "pending")
        if asked == 1 or STUCK in content:
            return _task(task, "started")
        if FAILED not in content and not self.fails:
            return _task(task, "success")
        words = "Internal processing error."
        about = {"category": "internal", "phase": "execution", "details": {}}
        failure = {"message": words, "retryable": RETRYABLE in content, **about}
        return {**_task(task, "failure"), "error_message": words, "failure": failure}


def _task(task: str, status: str) -> dict[str, Any]:
    about = {"task_position": None, "task_meta": None, "error_message": None, "failure": None}
    return {"task_id": task, "task_type": "convert", "task_status": status, **about}


def _result(content: bytes) -> Any:
    status, words, page = "success", None, None
    if UNKNOWN in content:
        status, words = "skipped", "File format not allowed: a.png"
    if BROKEN in content:
        status, words = "failure", "PdfDocumentBackend could not load document with hash 65a7"
    if IN_PART in content:
        status, words, page = "partial_success", "Page failed to parse.", 2
    where = {"component_type": "document_backend", "module_name": "PdfPageBackend", "category": "backend_failure"}
    errors = [{**where, "error_message": words, "page_no": page}] if words else []
    found = {"filename": "a.pdf", "json_content": DOCUMENT if status in {"success", "partial_success"} else None}
    formats = dict.fromkeys(("md_content", "html_content", "text_content", "doctags_content", "doclang_content"))
    return {
        "document": {**found, **formats},
        "status": status,
        "errors": errors,
        "processing_time": 0.1,
        "timings": {},
        "confidence": None,
    }
