"""Documents of a bucket as records: the command's lines, over HTTP."""

from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from source_s3.records.document_records import COLUMNS, DETAILS
from source_s3.records.object_fields import columns_of
from tests.conftest import Bucket
from tests.contract.document_files import docx_file, pdf_of_pages
from tests.destination_commands import Ended, run
from tests.source_s3 import commands
from tests.source_s3.commands import URL, catalog, last_states, records, statuses
from tests.source_s3.documents.hostile_files import HANGING, pdf_of_kids, with_wrong_checksum

ALL = {**COLUMNS, **DETAILS, **columns_of(["permissions", "tags", "user_metadata"])}


def settings(bucket: Bucket, more: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    stream = {"name": "files", "format": {"filetype": "unstructured", **options}}
    return {**bucket.sign_in(), "streams": [stream], **(more or {})}


def sync(folder: Path, config: Mapping[str, Any], *columns: str, states: Any = None) -> Ended:
    """With these columns in the catalog."""
    configured = catalog()
    configured["streams"][0]["stream"]["json_schema"] = {"properties": {name: ALL[name] for name in columns}}
    return commands.read(folder, config, configured, states)


def mail(*attached: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@example.org", "Seeds"
    message.set_content("See below.")
    for number, text in enumerate(attached):
        message.add_attachment(text, filename=f"{number}.txt")
    return message.as_bytes()


def test_a_record_has_the_details_that_its_catalog_has(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.pdf", pdf_of_pages([["Rye and oats are dried."], ["Barley is not."]]))
    (plain,) = records(sync(tmp_path, settings(bucket)))
    content = "Rye and oats are dried.\n\nBarley is not.\n"
    assert plain == {"document_key": "a.pdf", "content": content, URL: "a.pdf", "_ab_source_file_parse_error": None}
    (record,) = records(sync(tmp_path, settings(bucket), *COLUMNS, *DETAILS))
    assert set(record) == {*COLUMNS, *DETAILS, URL}
    assert (record["mime_type"], record["page_count"]) == ("application/pdf", 2)
    assert record["etag"] == bucket.client.head_object(Bucket=bucket.name, Key="a.pdf")["ETag"].strip('"')
    assert [(part["start"], part["end"], part["page"]) for part in record["sections"]] == [(0, 25, 1), (25, 40, 2)]


def test_what_is_attached_to_a_mail_is_a_document_of_its_own_and_deleted_with_it(
    bucket: Bucket, tmp_path: Path
) -> None:
    config = settings(bucket, {"sync_deletions": True})
    bucket.put("a.eml", mail("first words", "second words"))
    first = sync(tmp_path, config, *COLUMNS, "title")
    assert [(record["document_key"], record["title"]) for record in records(first)] == [
        ("a.eml", "Seeds"),
        ("a.eml#1", "0.txt"),
        ("a.eml#2", "1.txt"),
    ]
    bucket.put("a.eml", mail("first words"))
    second = sync(tmp_path, config, states=last_states(first))
    assert [(record["document_key"], "content" in record) for record in records(second)] == [
        ("a.eml", True),
        ("a.eml#1", True),
        ("a.eml#2", False),
    ]
    bucket.client.delete_object(Bucket=bucket.name, Key="a.eml")
    third = sync(tmp_path, config, states=last_states(second))
    assert [(record["document_key"], "content" in record) for record in records(third)] == [
        ("a.eml", False),
        ("a.eml#1", False),
    ]


def test_broken_and_endless_documents_are_told_in_their_place_and_the_others_are_read(
    bucket: Bucket, tmp_path: Path
) -> None:
    files = {
        "a.docx": docx_file(["Rye."]),
        "b.pdf": HANGING[0][1](),
        "c.docx": with_wrong_checksum(),
        "d.pdf": pdf_of_kids("3 0 R " * 2000, 2000),
        "e.pdf": pdf_of_pages([["Oats."]]),
    }
    for name, file in files.items():
        bucket.put(name, file)
    ended = sync(tmp_path, settings(bucket, limits={"seconds": 2, "pages": 1000}))
    assert (ended.code, statuses(ended)[-1]) == (0, "COMPLETE")
    found = {record["document_key"]: record for record in records(ended)}
    assert {name for name, record in found.items() if record["content"]} == {"a.docx", "e.pdf"}
    problems = {name: record["_ab_source_file_parse_error"] for name, record in found.items()}
    assert "not read within 2 seconds" in problems["b.pdf"]
    assert "corrupt or truncated" in problems["c.docx"]
    assert "more than 1,000 pages" in problems["d.pdf"]
    stopped = sync(tmp_path, settings(bucket, skip_unprocessable_files=False, limits={"pages": 1000, "seconds": 2}))
    assert stopped.code == 1
    assert statuses(stopped)[-1] == "INCOMPLETE"


def test_turning_reparse_on_change_on_reads_all_documents_again_once(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.md", "# Rye")
    first = sync(tmp_path, settings(bucket))
    assert records(sync(tmp_path, settings(bucket), states=last_states(first))) == []
    again = sync(tmp_path, settings(bucket, reparse_on_change=True), states=last_states(first))
    assert [record["document_key"] for record in records(again)] == ["a.md"]
    assert records(sync(tmp_path, settings(bucket, reparse_on_change=True), states=last_states(again))) == []


@pytest.mark.parametrize(("name", "content_type"), [("notes", "text/markdown"), ("notes.2026", "text/plain")])
def test_the_content_type_tells_the_kind_where_nothing_else_does(
    bucket: Bucket, tmp_path: Path, name: str, content_type: str
) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=name, Body=b"# Rye\n", ContentType=content_type)
    (record,) = records(sync(tmp_path, settings(bucket), *COLUMNS, "mime_type"))
    assert (record["content"], record["mime_type"]) == ("# Rye\n", content_type)


def test_files_of_the_chosen_extensions_are_read_as_text(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv", "a,b\n1,2\n")
    (record,) = records(sync(tmp_path, settings(bucket, text_extensions=[".CSV"])))
    assert record["content"] == "a,b\n1,2\n"


def test_what_s3_knows_of_an_object_is_told_where_it_is_asked_for(bucket: Bucket, tmp_path: Path) -> None:
    client, asked = bucket.client, ["permissions", "tags", "user_metadata"]
    details = {"team": "mill", "city": "=?UTF-8?B?S8O2bG4=?="}  # as S3 answers where a value is not ASCII
    client.put_object(Bucket=bucket.name, Key="a.eml", Body=mail("words"), Metadata=details, Tagging="crop=rye&year=26")
    client.put_object_acl(Bucket=bucket.name, Key="a.eml", ACL="public-read")
    found = records(sync(tmp_path, settings(bucket, object_fields=asked), *ALL))
    assert [record["document_key"] for record in found] == ["a.eml", "a.eml#1"]
    for record in found:
        assert record["user_metadata"] == {"team": "mill", "city": "Köln"}
        assert record["tags"] == {"crop": "rye", "year": "26"}
        everybody = "http://acs.amazonaws.com/groups/global/AllUsers"
        assert record["readers"] == sorted([record["owner"], everybody])
        assert {"grantee": everybody, "permission": "READ"} in record["grants"]
        assert record["bucket_owner_enforced"] is False
    rule = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    client.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls=rule)
    (enforced, _) = records(sync(tmp_path, settings(bucket, object_fields=asked), *COLUMNS, "bucket_owner_enforced"))
    assert (enforced["bucket_owner_enforced"], "tags" in enforced, "owner" in enforced) == (True, False, False)
    (whole, _) = records(commands.read(tmp_path, schemaless(settings(bucket, object_fields=["tags"])), catalog()))
    assert whole["data"]["tags"] == {"crop": "rye", "year": "26"}


def schemaless(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "streams": [{**config["streams"][0], "schemaless": True}]}


def test_the_catalog_has_the_fields_of_the_object_that_are_asked_for(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.md", "# Rye")

    def fields(*asked: str) -> set[str]:
        line = commands.arguments(tmp_path, "discover", settings(bucket, object_fields=list(asked)))
        (found,) = run(line).of("CATALOG")[0]["streams"]
        return set(found["json_schema"]["properties"])

    without = fields()
    assert fields("tags", "tags") - without == {"tags"}
    assert fields("permissions") - without == {"owner", "readers", "grants", "bucket_owner_enforced"}


@pytest.mark.parametrize("half", ["=?utf-7?q?+2AA-?=", "=?unicode_escape?q?=5Cud800?="])
def test_half_of_a_pair_in_the_metadata_becomes_what_can_be_written(bucket: Bucket, tmp_path: Path, half: str) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="a.txt", Body=b"Sown.", Metadata={"city": half})
    (record,) = records(sync(tmp_path, settings(bucket, object_fields=["user_metadata"]), "user_metadata"))
    assert record["user_metadata"] == {"city": "\ufffd"}
