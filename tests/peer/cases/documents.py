"""Documents: `unstructured` in the peer."""

from tests.peer.case import Case, stream
from tests.peer.objects import Docx

MARKDOWN = "# Title 1\n\n## Title 2\n\n### Title 3\n\n- item\n\n*end* **bold**\n"


def one(name: str, key: str, content: str | bytes | Docx, **format: object) -> Case:  # noqa: A002
    return Case(name, {key: content}, [stream("unstructured", format=format)])


CASES = [
    one("markdown", "a.md", MARKDOWN),
    one("text", "a.txt", "Just some text.\nAnd a second line.\n"),
    one("latin1_text", "a.txt", "n\xe9\n".encode("latin1")),
    one("empty_text", "a.txt", ""),
    one("no_extension", "notes", "plain words\n"),
    one("upper_case_extension", "A.MD", MARKDOWN),
    one(
        "docx",
        "a.docx",
        Docx([("Title", "The title"), ("Heading 1", "First"), ("Normal", "Some words."), ("List Bullet", "item")]),
    ),
    one("damaged_pdf", "a.pdf", "%PDF-1.4\nnothing else"),
    one("damaged_pdf_fails", "a.pdf", "%PDF-1.4\nnothing else", skip_unprocessable_files=False),
    one("damaged_docx", "a.docx", b"PK\x03\x04 nothing"),
    one("unknown_kind", "a.csv", "a,b\n1,2\n"),
    one("unknown_kind_fails", "a.csv", "a,b\n1,2\n", skip_unprocessable_files=False),
    one("picture", "a.png", b"\x89PNG\r\n\x1a\n nothing"),
    one("strategy_fast", "a.md", MARKDOWN, strategy="fast"),
    one("strategy_ocr_only", "a.md", MARKDOWN, strategy="ocr_only"),
    one("strategy_hi_res", "a.md", MARKDOWN, strategy="hi_res"),
    one("processing_local", "a.md", MARKDOWN, processing={"mode": "local"}),
    one("processing_unknown", "a.md", MARKDOWN, processing={"mode": "elsewhere"}),
    Case("some_damaged", {"a.md": MARKDOWN, "b.pdf": "%PDF-1.4\n", "c.txt": "words"}, [stream("unstructured")]),
    Case("schemaless", {"a.md": MARKDOWN}, [stream("unstructured", schemaless=True)]),
    Case("input_schema", {"a.md": MARKDOWN}, [stream("unstructured", input_schema='{"content": "string"}')]),
    Case("primary_key", {"a.md": MARKDOWN}, [stream("unstructured", primary_key="content")]),
    Case("text_as_csv", {"a.txt": "Just some text.\nAnd a second line.\n"}, [stream("csv")]),
    Case("no_documents", {}, [stream("unstructured")]),
]
