"""Mail with headers, encodings and parts that are none."""

import pytest

from source_s3.documents import Limits, Parsed
from source_s3.documents.limits import TooMuch
from source_s3.documents.mail.eml import MOST, read

HEAD = b"From: a@example.com\r\nSubject: rye\r\n"
MIXED = HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n"
PART = (
    b"--X\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\noats\r\n"
)


def parsed(content: bytes) -> Parsed:
    return read("a.eml", content, Limits())


@pytest.mark.parametrize(
    "date",
    [
        b"Mon, 1 Jan 99999999999999999999 00:00:00 +0000",
        b"Mon, 1 Jan 2020 99999999999999999999:00:00 +0000",
        b"Mon, 1 Jan 2020 00:00:00 +9999999999999999999999",
        b"Mon, 1 Jan 2020 00:00:00 +2400",
        b"yesterday",
    ],
)
def test_a_date_that_is_none_costs_no_text(date: bytes) -> None:
    found = parsed(HEAD + b"Date: " + date + b"\r\n\r\nSown.")
    assert found.facts.created is None
    assert found.content == f"# rye\n\nFrom: a@example.com\nDate: {date.decode()}\n\nSown.\n"


@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("utf-7", b"oats +2AA- rye", "oats \ufffd rye"),
        ("unicode_escape", rb"oats \ud800 rye", "oats \ufffd rye"),
        ("utf-7", b"oats +2D3eAA- rye", "oats \U0001f600 rye"),
        ("idna", b"oats", "oats"),
        ("undefined", b"oats", "oats"),
    ],
)
def test_a_text_is_one_that_can_be_written_whatever_its_encoding_is_said_to_be(
    charset: str, body: bytes, expected: str
) -> None:
    content = parsed(HEAD + f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + body).content
    assert content.encode().decode().endswith(f"\n\n{expected}\n")


def test_a_thousand_attachments_and_more_are_all_there() -> None:
    found = parsed(MIXED + PART * 1500 + b"--X--\r\n")
    assert len(found.attachments) == 1500


@pytest.mark.parametrize("name", [b"filename*=utf-7''%2B2AA-.txt", b'filename="=?utf-7?q?+2AA-.txt?="'])
def test_an_attachment_with_a_name_that_no_text_can_have_is_there(name: bytes) -> None:
    found = parsed(MIXED + PART.replace(b"filename=a.txt", name) + b"--X--\r\n")
    assert [(each.name, each.content) for each in found.attachments] == [("part 1", b"oats")]


def test_more_parts_than_are_looked_at_are_told() -> None:
    with pytest.raises(TooMuch, match=f"more than {MOST:,} parts of a mail"):
        parsed(MIXED + b"--X\r\n\r\n\r\n" * (MOST + 1) + b"--X--\r\n")


def test_a_mail_in_a_mail_is_handed_on_as_it_is() -> None:
    inner = b"Subject: " + b"x" * 200 + b" =?utf-8?q?=C3=A9?= y\r\nFrom: b@example.com\r\n\r\ninner\r\n"
    content = MIXED + b"--X\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--X--\r\n"
    (attached,) = parsed(content).attachments
    assert attached.content.replace(b"\r\n", b"\n").startswith(inner.split(b"\r\n")[0])
