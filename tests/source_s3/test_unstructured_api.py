"""Documents read by an Unstructured API: what is sent, what is made of the answer, and what is said of refusals."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from source_s3.documents import Limits
from source_s3.documents.parsers import Parsers
from source_s3.documents.remote.connection import SAID, Api
from source_s3.documents.remote.engine import Remote
from source_s3.documents.remote.unstructured_api import UnstructuredApi
from source_s3.read.options import UnstructuredFormat
from source_s3.records.document_records import prove_engine
from tests.conftest import Bucket
from tests.contract.document_files import pdf_of_pages
from tests.servers.document_server import DocumentServer
from tests.servers.running import running
from tests.servers.unstructured_service import BROKEN, KEY, UnstructuredService
from tests.source_s3 import remote_documents
from tests.source_s3.commands import last_states, read, records, statuses
from tests.source_s3.remote_documents import PNG, checked, whole
from vector_ingest.errors import ConfigError


@pytest.fixture
def unstructured_server() -> Iterator[DocumentServer]:
    with running(DocumentServer(UnstructuredService())) as server:
        yield server


def settings(bucket: Bucket, api: DocumentServer, by: Mapping[str, Any] | None = None, **options: Any) -> Any:
    processing = {"mode": "api", "api_key": KEY, "api_url": api.url, **(by or {})}
    return remote_documents.settings(bucket, processing, **options)


def test_the_elements_become_markdown_that_knows_its_pages(
    bucket: Bucket, unstructured_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("in/scan.png", PNG)
    asked = {"parameters": [{"name": "languages", "value": "eng"}, {"name": "languages", "value": "deu"}]}
    (record,) = records(read(tmp_path, settings(bucket, unstructured_server, asked, strategy="hi_res"), whole()))
    assert record["content"] == (
        "# Stores\n\n\\# What is left.\n\n## Jars\n\n- of rye\n  - of white rye\n\n"
        "| crop | left |\n| --- | --- |\n| rye | 7 |\n\n```\ncount(jars)\n```\n"
    )
    assert (record["title"], record["language"], record["page_count"]) == ("Stores", "eng", 2)
    assert record["mime_type"] == "image/png"
    last = record["sections"][-1]
    assert (last["page"], last["headings"]) == (2, ["Stores", "Jars"])
    assert record["content"][last["start"] :].startswith("| crop")
    (sent,) = unstructured_server.sent
    assert sent.fields == [("strategy", "hi_res"), ("languages", "eng"), ("languages", "deu")]
    assert (sent.name, sent.mime_type, sent.content) == ("scan.png", "image/png", PNG)


def test_text_is_not_sent(bucket: Bucket, unstructured_server: DocumentServer, tmp_path: Path) -> None:
    bucket.put("a.md", "# Rye")
    (record,) = records(read(tmp_path, settings(bucket, unstructured_server), whole()))
    assert (record["content"], unstructured_server.sent) == ("# Rye\n", [])


def test_a_document_that_it_refuses_or_is_slow_about_is_that_documents_error(
    bucket: Bucket, unstructured_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]) + BROKEN)
    bucket.put("b.pdf", pdf_of_pages([["Oats."]]))
    ended = read(tmp_path, settings(bucket, unstructured_server), whole())
    found = {record["document_key"]: record["_ab_source_file_parse_error"] for record in records(ended)}
    assert "status 422" in found["a.pdf"]
    assert "a.pdf does not appear to be a valid file" in found["a.pdf"]
    assert (found["b.pdf"], statuses(ended)[-1]) == (None, "COMPLETE")
    unstructured_server.faults.extend([0, 0])
    slow = records(read(tmp_path, settings(bucket, unstructured_server, limits={"seconds": 1}), whole()))
    assert all("not read within 1 seconds by the API" in record["_ab_source_file_parse_error"] for record in slow)


def test_what_may_pass_is_asked_for_again(bucket: Bucket, unstructured_server: DocumentServer, tmp_path: Path) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]))
    unstructured_server.faults.extend([429, 429, 429, 429])
    (record,) = records(read(tmp_path, settings(bucket, unstructured_server), whole()))
    assert record["content"].startswith("# Stores")
    unstructured_server.faults.extend([429] * 5)
    ended = read(tmp_path, settings(bucket, unstructured_server), whole())
    assert (ended.code, records(ended)) == (1, [])
    assert "answers with status 429" in ended.error()["message"]
    patient = settings(bucket, unstructured_server)
    patient["streams"][0]["unreadable_objects"] = {"type": "leave_for_later"}
    unstructured_server.faults.extend([429] * 5)
    left = read(tmp_path, patient, whole())
    assert (left.code, records(left), statuses(left)[-1]) == (0, [], "COMPLETE")
    assert len(records(read(tmp_path, patient, whole(), last_states(left)))) == 1


def test_a_wrong_key_address_or_parameter_fails_the_check_and_the_key_is_not_told(
    bucket: Bucket, unstructured_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]))
    assert checked(tmp_path, settings(bucket, unstructured_server)) == {"status": "SUCCEEDED"}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"api_key": "a-wrong-key"}, "refuses the key (status 401): check `api_key`"),
        ({"api_url": f"{unstructured_server.url}/elsewhere"}, "is no Unstructured API (status 404): check `api_url`"),
        ({"api_url": "http://127.0.0.1:1"}, "can't be reached"),
        ({"parameters": [{"name": "strategy", "value": "clever"}]}, "Invalid strategy: clever"),
    ]
    for change, expected in wrong:
        found = checked(tmp_path, settings(bucket, unstructured_server, change))
        assert expected in found["message"], change
        assert "a-wrong-key" not in found["message"]
    ended = read(tmp_path, settings(bucket, unstructured_server, {"api_key": "a-wrong-key"}), whole())
    assert (ended.code, records(ended)) == (1, [])


def test_in_the_cloud_documents_leave_by_tls_alone(
    bucket: Bucket, unstructured_server: DocumentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = UnstructuredFormat.model_validate(settings(bucket, unstructured_server)["streams"][0]["format"])
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    with pytest.raises(ConfigError, match="https://"):
        prove_engine(options)


def test_the_key_is_in_no_state_and_another_one_reads_nothing_again(
    bucket: Bucket, unstructured_server: DocumentServer, tmp_path: Path
) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye."]]))
    first = read(tmp_path, settings(bucket, unstructured_server), whole())
    assert KEY not in str(first.messages)
    again = settings(bucket, unstructured_server, {"api_key": "another"})
    assert records(read(tmp_path, again, whole(), last_states(first))) == []
    better = settings(bucket, unstructured_server, strategy="hi_res")
    assert len(records(read(tmp_path, better, whole(), last_states(first)))) == 1


@pytest.fixture
def engine(unstructured_server: DocumentServer) -> Iterator[Remote]:
    limits = Limits(seconds=1)
    engine = Remote(UnstructuredApi(Api(unstructured_server.url, KEY), limits), Parsers(limits))
    yield engine
    engine.close()


@pytest.mark.parametrize("status", [302, 404, 405, 406, 410, 411, 451, 501])
def test_a_status_that_stays_as_it_is_is_asked_for_once(
    unstructured_server: DocumentServer, engine: Remote, status: int
) -> None:
    unstructured_server.faults.append(status)
    with pytest.raises(ConfigError, match=rf"is no Unstructured API \(status {status}\): check `api_url`"):
        engine.read("a.png", PNG)
    assert unstructured_server.asked == 1


def test_an_answer_that_comes_drop_by_drop_ends_with_the_documents_time(
    unstructured_server: DocumentServer, engine: Remote
) -> None:
    unstructured_server.faults.append(1)
    began = time.monotonic()
    (found,) = engine.read("a.png", PNG)
    assert "not read within 1 seconds by the API" in str(found.problem)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("key", ["secret\nkey", "schlüssel-secret", "secret\tkey", "secret\0key"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_told(key: str) -> None:
    form = {"processing": {"mode": "api", "api_key": key, "api_url": "http://127.0.0.1:9"}}
    with pytest.raises(ConfigError, match="`api_key` holds a character that no key has") as caught:
        prove_engine(UnstructuredFormat(**form))
    assert "secret" not in str(caught.value)


def test_the_password_of_a_proxy_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy:99999")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigError, match="Check the environment variable http_proxy") as caught:
        UnstructuredApi(Api("http://api.example", KEY), Limits())
    assert "secret" not in str(caught.value)


def test_a_key_in_a_refusal_is_hidden_also_where_the_words_are_cut(engine: Remote) -> None:
    name = "a" * (SAID - 20) + KEY + ".png"  # which the API repeats
    (found,) = engine.read(name, PNG + BROKEN)
    assert "status 422" in str(found.problem)
    assert KEY[:4] not in str(found.problem)
