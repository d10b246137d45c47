"""Documents read by Docling Serve: what is sent, what is made of the answer, and what is said of refusals."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from source_s3.config import Config
from source_s3.documents import Limits
from source_s3.documents.parsers import Parsers
from source_s3.documents.remote.connection import Api
from source_s3.documents.remote.docling_serve import DoclingServe
from source_s3.documents.remote.engine import Document, Remote
from source_s3.read.options import UnstructuredFormat
from source_s3.records.document_records import prove_engine
from tests.conftest import Bucket
from tests.contract.document_files import pdf_of_pages
from tests.servers.docling_service import (
    BROKEN,
    FAILED,
    IN_PART,
    KEY,
    RETRYABLE,
    STUCK,
    UNKNOWN,
    WAITING,
    DoclingService,
)
from tests.servers.document_server import DocumentServer
from tests.servers.running import running
from tests.source_s3 import remote_documents
from tests.source_s3.commands import last_states, read, records, statuses
from tests.source_s3.remote_documents import PNG, checked, whole
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError, TransientError

MARKDOWN = (
    "# Stores\n\n\\# What is left.\n\n## Jars\n\n- of rye\n  1. of white rye\n\n"
    "What is left\n\n| crop | left |\n| --- | --- |\n| rye | 7 |\n\n```\ncount(jars)\n```\n"
)


@pytest.fixture
def service() -> DoclingService:
    return DoclingService()


@pytest.fixture
def docling_server(service: DoclingService) -> Iterator[DocumentServer]:
    with running(DocumentServer(service)) as server:
        yield server


@pytest.fixture
def engine(docling_server: DocumentServer) -> Iterator[Remote]:
    limits = Limits(seconds=1)
    engine = Remote(DoclingServe(Api(docling_server.url, KEY), limits), Parsers(limits))
    yield engine
    engine.close()


def settings(bucket: Bucket, server: DocumentServer, by: Mapping[str, Any] | None = None, **options: Any) -> Any:
    processing = {"mode": "docling", "api_key": KEY, "api_url": server.url, **(by or {})}
    return remote_documents.settings(bucket, processing, **options)


def options_of(url: str, **options: Any) -> UnstructuredFormat:
    return UnstructuredFormat.model_validate(
        {"processing": {"mode": "docling", "api_key": KEY, "api_url": url}, **options}
    )


def test_the_items_become_markdown_that_knows_its_pages(
    bucket: Bucket, docling_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("in/scan.png", PNG)
    asked = {"parameters": [{"name": "ocr_lang", "value": "en"}, {"name": "ocr_lang", "value": "de"}]}
    (record,) = records(read(tmp_path, settings(bucket, docling_server, asked), whole()))
    assert record["content"] == MARKDOWN
    assert (record["title"], record["page_count"], record["mime_type"]) == ("Stores", 2, "image/png")
    last = record["sections"][-1]
    assert (last["page"], last["headings"]) == (2, ["Stores", "Jars"])
    assert record["content"][last["start"] :].startswith("What is left\n\n| crop")
    (sent,) = docling_server.sent
    assert sent.fields == [
        ("to_formats", "json"),
        ("target_type", "inbody"),
        ("include_images", "false"),
        ("image_export_mode", "placeholder"),
        ("document_timeout", "120"),
        ("ocr_lang", "en"),
        ("ocr_lang", "de"),
    ]
    assert (sent.name, sent.mime_type, sent.content) == ("scan.png", "image/png", PNG)


def test_text_and_what_docling_has_no_reader_for_are_not_sent(
    bucket: Bucket, docling_server: DocumentServer, tmp_path: Path
) -> None:
    for name, content in {
        "a.md": "# Rye",
        "b.rtf": "{\\rtf1 Rye}",
        "c.rst": "Rye\n===",
        "d.eml": "To: a\n\nRye",
    }.items():
        bucket.put(name, content)
    found = records(read(tmp_path, settings(bucket, docling_server), whole()))
    assert [record["_ab_source_file_parse_error"] for record in found] == [None] * 4
    assert docling_server.asked == 0


def test_what_a_document_is_called_tells_its_kind(engine: Remote, docling_server: DocumentServer) -> None:
    for name in ("in/a.pdf", "in/b.txt", "in/c"):
        (found,) = engine.read(name, pdf_of_pages([["Rye."]]))
        assert found.problem is None
    assert [sent.name for sent in docling_server.sent] == ["a.pdf", "b.txt.pdf", "c.pdf"]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (BROKEN, "Docling can't read it: PdfDocumentBackend could not load document with hash 65a7"),
        (IN_PART, "Docling reads only a part of it: page 2: Page failed to parse"),
        (FAILED, "Docling can't read it: Internal processing error"),
        (UNKNOWN, "Docling can't read it: File format not allowed: a.png"),
        (STUCK, "not read within 1 seconds by Docling: raise `seconds` of the format's `limits`"),
    ],
)
def test_what_it_can_not_read_as_a_whole_is_that_documents_error(engine: Remote, mark: bytes, expected: str) -> None:
    (found,) = engine.read("a.png", PNG + mark)
    assert (found.parsed, found.problem) == (None, expected)


def test_an_error_is_its_documents_alone(bucket: Bucket, docling_server: DocumentServer, tmp_path: Path) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]) + IN_PART)
    bucket.put("b.pdf", pdf_of_pages([["Oats."]]))
    ended = read(tmp_path, settings(bucket, docling_server), whole())
    found = {record["document_key"]: record for record in records(ended)}
    assert "page 2: Page failed to parse" in found["a.pdf"]["_ab_source_file_parse_error"]
    assert (found["a.pdf"]["content"], found["b.pdf"]["content"]) == (None, MARKDOWN)
    assert statuses(ended)[-1] == "COMPLETE"


def test_a_task_has_all_its_time_after_it_has_waited(engine: Remote) -> None:
    began = time.monotonic()
    with pytest.raises(TransientError, match="has not begun with a document after 4 seconds: it has too much to do"):
        engine.read("a.png", PNG + WAITING)
    assert 4 < time.monotonic() - began < 7


def test_what_may_pass_is_asked_for_again(bucket: Bucket, docling_server: DocumentServer, tmp_path: Path) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]))
    docling_server.faults.extend([429, None, 429, None, None, 429])  # sent, pending, started, over, the result
    (record,) = records(read(tmp_path, settings(bucket, docling_server), whole()))
    assert (record["content"], len(docling_server.sent)) == (MARKDOWN, 1)
    docling_server.faults.extend([429] * 5)
    ended = read(tmp_path, settings(bucket, docling_server), whole())
    assert (ended.code, records(ended)) == (1, [])
    assert "answers with status 429" in ended.error()["message"]


def test_a_document_that_the_server_has_forgotten_is_sent_again(
    engine: Remote, docling_server: DocumentServer, service: DoclingService
) -> None:
    service.losses = 1
    (found,) = engine.read("a.png", PNG)
    assert (found.problem, len(docling_server.sent)) == (None, 2)


def test_one_that_is_lost_again_and_again_is_left(docling_server: DocumentServer, service: DoclingService) -> None:
    service.losses = 2
    with closing(DoclingServe(Api(docling_server.url, KEY), Limits())) as server:
        with pytest.raises(TransientError, match="has no result of a document that it took: it was started anew"):
            server.parsed(Document("a.png", "image", "image/png", PNG), attempts=2)
        retryable = Document("a.png", "image", "image/png", PNG + FAILED + RETRYABLE)
        with pytest.raises(TransientError, match="that it took: Internal processing error"):
            server.parsed(retryable, attempts=2)
    assert len(docling_server.sent) == 4


def test_a_server_that_fails_on_all_documents_makes_none_an_error(
    docling_server: DocumentServer, service: DoclingService, engine: Remote
) -> None:
    service.fails = True
    with pytest.raises(TransientError, match="fails on any document, if of one line: Internal processing error"):
        engine.read("a.png", PNG)
    with pytest.raises(ConfigError, match="refuses a document of one line: Docling can't read it: Internal processing"):
        prove_engine(options_of(docling_server.url))


def test_a_wrong_key_address_or_parameter_fails_the_check_and_the_key_is_not_told(
    bucket: Bucket, docling_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]))
    assert checked(tmp_path, settings(bucket, docling_server)) == {"status": "SUCCEEDED"}
    assert checked(tmp_path, settings(bucket, docling_server, {"api_url": f"{docling_server.url}/v1/convert/file"}))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"api_key": "a-wrong-key"}, "refuses the key (status 401): check `api_key`"),
        ({"api_key": ""}, "refuses the key (status 401): check `api_key`"),
        ({"api_url": f"{docling_server.url}/elsewhere"}, "is no Docling Serve (status 404): check `api_url`"),
        ({"api_url": "http://127.0.0.1:1"}, "can't be reached"),
        ({"parameters": [{"name": "table_mode", "value": "clever"}]}, "Input should be 'accurate' or 'fast'"),
        ({"parameters": [{"name": "to_formats", "value": "md"}]}, "found 'to_formats': the connector sets that itself"),
    ]
    for change, expected in wrong:
        found = checked(tmp_path, settings(bucket, docling_server, change))
        assert expected in found["message"], change
        assert "a-wrong-key" not in found["message"]
    ended = read(tmp_path, settings(bucket, docling_server, {"api_key": "a-wrong-key"}), whole())
    assert (ended.code, records(ended)) == (1, [])


def test_a_server_without_a_key_needs_none() -> None:
    with running(DocumentServer(DoclingService(key=""))) as server:
        options = UnstructuredFormat.model_validate({"processing": {"mode": "docling", "api_url": server.url}})
        prove_engine(options)
        (sent,) = server.sent
        assert (sent.name, sent.mime_type) == ("test.md", "text/markdown")


def test_a_proof_that_it_takes_and_can_not_do_fails(docling_server: DocumentServer) -> None:
    docling_server.faults.extend([405])
    with pytest.raises(ConfigError, match=r"is no Docling Serve \(status 405\): check `api_url`"):
        prove_engine(options_of(docling_server.url))
    docling_server.faults.extend([None, 503])
    with pytest.raises(TransientError, match="answers with status 503"):
        prove_engine(options_of(docling_server.url))


def test_scans_are_left_as_they_are_where_the_strategy_says_so(docling_server: DocumentServer) -> None:
    prove_engine(options_of(docling_server.url, strategy="fast"))
    prove_engine(options_of(docling_server.url, strategy="auto"))
    assert [dict(sent.fields).get("do_ocr") for sent in docling_server.sent] == ["false", None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"api_url": "here"}, "`streams.0.format.processing.api_url`"),
        ({"parameters": [{"name": "files", "value": "a.pdf"}]}, "'files': the connector sets that itself"),
        ({"parameters": [{"value": "a.pdf"}]}, "`streams.0.format.processing.parameters.0.name` is required"),
    ],
)
def test_a_wrong_form_is_refused_without_the_key(change: dict[str, Any], expected: str) -> None:
    processing = {"mode": "docling", "api_key": KEY, "api_url": "http://docling.example", **change}
    form = {"filetype": "unstructured", "processing": processing}
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        parse_config(Config, {"bucket": "b", "streams": [{"name": "s", "globs": ["**"], "format": form}]})
    assert KEY not in str(caught.value)


def test_a_strategy_that_docling_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'auto' or 'fast', found 'hi_res'"):
        options_of("http://docling.example", strategy="hi_res")


def test_in_the_cloud_documents_leave_by_tls_alone(
    docling_server: DocumentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    with pytest.raises(ConfigError, match="https://"):
        prove_engine(options_of(docling_server.url))


def test_the_key_is_in_no_state_and_another_one_reads_nothing_again(
    bucket: Bucket, docling_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]))
    first = read(tmp_path, settings(bucket, docling_server), whole())
    assert KEY not in str(first.messages)
    again = settings(bucket, docling_server, {"api_key": "another"})
    assert records(read(tmp_path, again, whole(), last_states(first))) == []
    for change in ({"strategy": "fast"}, {"by": {"parameters": [{"name": "table_mode", "value": "accurate"}]}}):
        other = settings(bucket, docling_server, **change)
        assert len(records(read(tmp_path, other, whole(), last_states(first)))) == 1, change
