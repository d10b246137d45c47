"""Files of Office of 1997 to 2003, of Outlook, and XLSB: made by those programs (tests/files/old_office), or here."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from source_s3.documents import Limits, Parsed, read_document, read_with_attachments
from tests.contract.compound_files import SENT, compound_file, file_time, mail_storage
from vector_ingest.errors import DataError

FOLDER = Path(__file__).parents[2] / "files" / "old_office"
WITHOUT = """
import sys
sys.modules["doc2docx"] = sys.modules["ppt2pptx"] = None
from source_s3.documents import read_with_attachments, Limits
print(read_with_attachments(sys.argv[1], sys.stdin.buffer.read(), Limits())[0].problem)
"""
PACKED = bytes.fromhex(  # the example of the specification: {\rtf1\ansi\ansicpg1252\pard hello world}
    "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232 0af32068656c090020627 7 05b06c647d0a800fa0".replace(
        " ", ""
    )
)


def parsed(name: str) -> Parsed:
    content = (FOLDER / name).read_bytes()
    plain = name.removesuffix(".gz")
    return read_document(plain, gzip.decompress(content) if plain != name else content)


def test_a_document_of_word_97_keeps_its_headings() -> None:
    found = parsed("word.doc")
    assert found.content.startswith("# Test\n\nThis is a harmless test document.\n\nIt contains neither macros nor dde")
    assert "ünicöde-ßtringß" in found.content
    assert (found.mime_type, found.facts.created) == ("application/msword", "2017-10-26T09:09:00Z")


def test_slides_of_powerpoint_97_keep_tables_and_notes() -> None:
    table = (
        "| R1C1 | R1C2 | R1C3 |\n| --- | --- | --- |\n| R2C1 | R2C2 | R2C3 |\n| R3C1 | R3C2 | R3C3 |\n\nTable fixture\n"
    )
    assert parsed("table.ppt.gz").content == table
    found = parsed("notes.ppt.gz")
    assert found.content == "ppt2pptx visual fixture\n\nsecond slide\n\nNotes: visual fixture speaker note\n"
    assert ([section.page for section in found.sections], found.facts.page_count) == ([1, 2], 2)


def test_binary_sheets_are_tables() -> None:
    assert parsed("excel.xlsb").content.startswith("# Tabelle1\n\nThis spreadsheet contains an embedded object")
    assert "# αβγ\n\n| αβγ |  |\n| --- | --- |\n|  | δx = 1 + δ |\n" in parsed("xlwt.xls").content


@pytest.mark.parametrize("name", ["password.doc", "password.xls"])
def test_a_file_under_a_password_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(DataError, match="under a password"):
        parsed(name)


@pytest.mark.parametrize(("name", "program"), [("word.doc", b"Word"), ("table.ppt.gz", b"PowerPoint")])
def test_without_the_extra_the_reason_names_it(name: str, program: bytes) -> None:
    content = (FOLDER / name).read_bytes()
    content = gzip.decompress(content) if name.endswith(".gz") else content
    line = [sys.executable, "-c", WITHOUT, name.removesuffix(".gz")]
    told = subprocess.run(line, input=content, capture_output=True, check=True).stdout
    assert b"of an old format of %b, whose reader is not installed (pip install" % program in told
    assert b"[old-office]" in told


def test_a_mail_of_outlook_is_read_with_the_mail_in_it() -> None:
    own, inner = read_with_attachments("a.msg", (FOLDER / "outlook.msg").read_bytes(), Limits())
    assert own.parsed is not None
    assert own.parsed.content.startswith(
        "# outer subject\n\nTo: outer@foo.bar\nDate: Tue, 15 Nov 2016 23:29:05 +0000\n"
    )
    assert own.parsed.mime_type == "application/vnd.ms-outlook"
    assert inner.name == "test.eml"
    assert inner.parsed is not None
    assert inner.parsed.content == "# test\n\nTo: test@foobar.com\nDate: Tue, 15 Nov 2016 23:28:26 +0000\n\nbody\n"


def test_senders_recipients_and_attachments_of_a_mail_are_kept() -> None:
    to = mail_storage({0x3001: "Ärzte", 0x39FE: "doctors@barn.example"}, {0x0C15: 1}, head=8)
    copy = mail_storage({0x3001: "Smith, J.", 0x3003: "/o=EXCHANGE/cn=smith"}, {0x0C15: 2}, head=8)
    file = mail_storage({0x3707: "list.md", 0x370E: "text/markdown", 0x3701: b"# Jars\n\nOats"}, head=8)
    shown = mail_storage({0x3707: "logo.png", 0x370E: "image/png", 0x3712: "logo", 0x3701: b"\x89PNG"}, head=8)
    texts = {0x0037: "Oats\nand rye", 0x0C1A: "Keeper", 0x5D01: "keeper@barn.example", 0x1000: "How many?\r\n\r\nMany."}
    parts = {"__recip_version1.0_#0": to, "__recip_version1.0_#1": copy}
    files = {"__attach_version1.0_#0": file, "__attach_version1.0_#1": shown}
    mail = compound_file(mail_storage(texts, {0x0039: file_time(SENT)}, {**parts, **files}))
    own, attached = read_with_attachments("a.msg", mail, Limits())
    assert own.parsed is not None
    assert own.parsed.content == (
        "# Oats and rye\n\nFrom: Keeper <keeper@barn.example>\nTo: Ärzte <doctors@barn.example>\nCc: Smith, J.\n"
        "Date: Sun, 01 Mar 2026 09:30:00 +0000\n\nHow many?\n\nMany.\n"
    )
    assert (attached.name, attached.parsed and attached.parsed.content) == ("list.md", "# Jars\n\nOats\n")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({0x1013: "<html><body><h2>Stock</h2><p>Öats</p>".encode()}, "## Stock\n\nÖats\n"),
        ({0x1013: "<p>Öats</p>"}, "Öats\n"),
        ({0x1009: PACKED}, "hello world\n"),
    ],
    ids=["page", "page as text", "rtf"],
)
def test_a_mail_without_plain_text_is_read_from_what_it_has(body: dict[int, str | bytes], expected: str) -> None:
    mail = compound_file(mail_storage({0x0037: "Stock", **body}))
    assert read_document("a.msg", mail).content.partition("# Stock\n\n")[2].endswith(expected)


def test_a_cut_mail_and_mails_in_mails_without_end_are_refused() -> None:
    whole = (FOLDER / "outlook.msg").read_bytes()
    for size in (600, 9_000, 20_000, 30_000, 40_000, 46_000):
        with pytest.raises(DataError, match=r"truncated|reader|corrupt"):
            read_document("a.msg", whole[:size])
    nested = mail_storage({0x0037: "the innermost"}, head=24)
    for _ in range(12):
        attachment = mail_storage({0x3001: "x"}, more={"__substg1.0_3701000D": nested}, head=8)
        nested = mail_storage({0x0037: "a mail"}, more={"__attach_version1.0_#0": attachment}, head=24)
    with pytest.raises(DataError, match="mails in each other"):
        read_document("a.msg", compound_file(nested))
