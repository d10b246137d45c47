"""Documents that can't be read, under the policies for bad rows: counted, kept aside, tried again."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

from source_s3.policy.quarantine import Quarantine
from source_s3.policy.quarantine_places import place_at
from tests.conftest import Bucket
from tests.source_s3.commands import catalog, last_states, logs, read, records, statuses
from tests.source_s3.documents.hostile_files import with_wrong_checksum
from tests.source_s3.test_replay import replayed

KEEP = {"type": "quarantine"}


def settings(bucket: Bucket, policy: dict[str, Any], *, told: bool = False, **options: Any) -> dict[str, Any]:
    place = {"place": f"s3://{bucket.name}/bad/"} if policy["type"] == "quarantine" else {}
    form = {"filetype": "unstructured", "skip_unprocessable_files": told, **options}
    stream = {"name": "files", "globs": ["in/*"], "format": form, "bad_rows": {**policy, **place}}
    return {**bucket.sign_in(), "streams": [stream]}


def kept(bucket: Bucket) -> list[tuple[str, str]]:
    place = place_at(f"s3://{bucket.name}/bad/", bucket.client)
    return [(row.object, row.where) for row in Quarantine(place, "files").rows()]


def mail(first: bytes) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Seeds"
    message.set_content("See below.")
    for content in (first, b"second"):
        message.add_attachment(content, "application", "octet-stream", filename="a.txt")
    return message.as_bytes()


def keys(found: list[dict[str, Any]]) -> list[str]:
    return [record["document_key"] for record in found]


def test_a_bad_document_is_kept_aside_until_it_can_be_read(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/a.eml", mail(with_wrong_checksum()))
    bucket.put("in/b.log", "a line")
    config = settings(bucket, KEEP)
    first = read(tmp_path, config, catalog())
    assert (first.code, statuses(first)[-1], keys(records(first))) == (0, "COMPLETE", ["in/a.eml", "in/a.eml#2"])
    attached, alone = ("in/a.eml", "attachment 1, a.txt"), ("in/b.log", "the file")
    assert sorted(kept(bucket)) == [attached, alone]
    assert "2 bad documents, kept in" in logs(first)
    assert records(read(tmp_path, config, catalog(), last_states(first))) == []  # it is not tried in vain each time

    assert records(replayed(tmp_path, config)) == []
    lenient = settings(bucket, KEEP, text_extensions=["log"])
    again = replayed(tmp_path, lenient)
    assert [(record["document_key"], record["content"]) for record in records(again)] == [("in/b.log", "a line\n")]
    replayed(tmp_path, lenient, "--forget")
    assert kept(bucket) == [attached]
    bucket.put("in/a.eml", mail(b"mended"))
    mended = read(tmp_path, config, catalog(), last_states(first))
    assert (keys(records(mended)), kept(bucket)) == (["in/a.eml", "in/a.eml#1", "in/a.eml#2"], [])


def test_an_older_version_of_a_document_that_became_bad_is_deleted(bucket: Bucket, tmp_path: Path) -> None:
    config = {**settings(bucket, {"type": "skip"}), "sync_deletions": True}
    bucket.put("in/a.eml", mail(b"first"))
    first = read(tmp_path, config, catalog())
    bucket.put("in/a.eml", mail(with_wrong_checksum()))
    second = records(read(tmp_path, config, catalog(), last_states(first)))
    deleted = [record["document_key"] for record in second if "_ab_cdc_deleted_at" in record]
    assert (sorted(keys(second)), deleted) == (["in/a.eml", "in/a.eml#1", "in/a.eml#2"], ["in/a.eml#1"])


def test_a_record_with_the_reason_leaves_besides_where_it_is_asked_for(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/b.log", "a line")
    (record,) = records(read(tmp_path, settings(bucket, KEEP, told=True), catalog()))
    assert "no reader for this kind" in record["_ab_source_file_parse_error"]
    assert kept(bucket) == [("in/b.log", "the file")]


def test_more_bad_documents_than_allowed_stop_the_stream(bucket: Bucket, tmp_path: Path) -> None:
    for name in ("in/b.log", "in/c.log", "in/d.md"):
        bucket.put(name, "a line")
    ended = read(tmp_path, settings(bucket, {"type": "skip", "most": 1}), catalog())
    assert (ended.code, records(ended)) == (1, [])
    assert "one bad document more than the 1 that `bad_rows` allows" in ended.error()["message"]


def test_a_mail_that_can_be_read_now_is_not_replayed_where_its_attachments_need_numbers(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("in/a.eml", mail(b"first"))
    deletions = {"sync_deletions": True}
    read(tmp_path, {**settings(bucket, KEEP, limits={"characters": 5}), **deletions}, catalog())
    assert kept(bucket) == [("in/a.eml", "the file")]
    told = replayed(tmp_path, {**settings(bucket, KEEP), **deletions})
    assert records(told) == []
    assert "its attachments need numbers in the state" in logs(told)
    assert keys(records(replayed(tmp_path, settings(bucket, KEEP)))) == ["in/a.eml", "in/a.eml#1", "in/a.eml#2"]
