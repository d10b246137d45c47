"""Workbooks against what Airbyte's source-s3 read from them (`record_excel` made both), and files that are none."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from source_s3.read import Batch, Reading, excel
from source_s3.read.options import ExcelFormat
from source_s3.render.lines import Template, render
from tests.conftest import Bucket
from tests.source_s3.commands import catalog, config, read, records
from vector_ingest.errors import DataError

FOLDER = Path(__file__).parents[2] / "files" / "peer_excel"
PEER: dict[str, Any] = json.loads((FOLDER / "records.json").read_text())


def batches(content: bytes, reading: Reading | None = None) -> list[Batch]:
    return list(excel.read(io.BytesIO(content), ExcelFormat(), reading or Reading()))


def rows(content: bytes, reading: Reading | None = None) -> list[Any]:
    template = Template("s", None, 1, {})
    text = b"".join(bytes(render(each.rows, each.first_row, template)) for each in batches(content, reading)).decode()
    return [json.loads(line)["record"]["data"] for line in text.split("\n")[:-1]]


def workbook(*table: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def rounded(value: Any) -> Any:
    """The peer writes ten digits after the point; we write all."""
    return round(value, 10) if isinstance(value, float) else value


@pytest.mark.parametrize("name", PEER)
def test_a_workbook_gives_the_records_and_the_schema_that_the_peer_gives(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    found = [{key: rounded(value) for key, value in row.items()} for row in rows(content)]
    assert found == PEER[name]["records"]
    kinds = excel.schema(io.BytesIO(content), ExcelFormat())
    formats = {key: {"type": kind["type"][1], "format": kind.get("format")} for key, kind in kinds.items()}
    assert formats == {key: {"format": None, **kind} for key, kind in PEER[name]["schema"].items()}


def test_the_peers_answers_are_of_all_workbooks_and_none_is_a_failure() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*PEER, "records.json"}
    assert not [name for name, found in PEER.items() if "error" in found]
    assert sum(len(found["records"]) for found in PEER.values()) > 30


def test_numbers_keep_all_their_digits() -> None:
    assert rows((FOLDER / "large.xlsx").read_bytes())[0]["digits"] == 0.1234567890123456


def test_what_is_not_finite_is_null_and_named() -> None:
    (batch,) = batches(workbook(["a"], ["inf"], [1]))
    lines = bytes(render(batch.rows, 0, Template("s", None, 1, {}))).decode().splitlines()
    assert [json.loads(line)["record"].get("meta") for line in lines] == [
        {"changes": [{"field": "a", "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}]}, None,
    ]  # fmt: skip


def test_a_long_sheet_comes_in_batches_and_goes_on_after_any() -> None:
    content = workbook(["n", "t"], *([number, f"t {number}"] for number in range(excel.ROWS + 10)))
    found = batches(content)
    assert [(batch.first_row, batch.rows.num_rows) for batch in found] == [(0, excel.ROWS), (excel.ROWS, 10)]
    rest = rows(content, Reading(json.loads(json.dumps(found[0].resume))))
    assert [row["n"] for row in rest] == [*range(excel.ROWS, excel.ROWS + 10)]
    assert rows(content, Reading(found[1].resume)) == []


def test_columns_that_nobody_wants_are_left_out() -> None:
    content = workbook(["a", "b"], [1, 2])
    assert rows(content, Reading(columns=frozenset({"b", "c"}))) == [{"b": 2}]
    assert rows(content, Reading(columns=frozenset())) == [{}]


def test_names_that_are_equal_as_text_are_an_error_of_the_data() -> None:
    with pytest.raises(DataError, match="found `5` more than once"):
        rows(workbook([5, "5"], [1, 2]))


def test_a_sheet_of_opendocument_is_read() -> None:
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    cells = (
        '<t:table-cell o:value-type="string"><x:p>a</x:p></t:table-cell>',
        '<t:table-cell o:value-type="float" o:value="7"/>',
    )
    table = "".join(f"<t:table-row>{cell}</t:table-row>" for cell in cells)
    content = (
        f'<o:document-content xmlns:o="{office}office:1.0" xmlns:t="{office}table:1.0" xmlns:x="{office}text:1.0">'
        f'<o:body><o:spreadsheet><t:table t:name="s">{table}</t:table></o:spreadsheet></o:body></o:document-content>'
    )
    for prefix, uri in (("o", "office"), ("t", "table"), ("x", "text")):
        content = content.replace(f"<{prefix}:", f"<{uri}:").replace(f"</{prefix}:", f"</{uri}:")
        content = content.replace(f" {prefix}:", f" {uri}:").replace(f"xmlns:{prefix}=", f"xmlns:{uri}=")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn"/>')
        archive.writestr("content.xml", content)
    assert rows(file.getvalue()) == [{"a": 7}]


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"PK\x03\x04" + b"\0" * 100, b"\xd0\xcf\x11\xe0" + b"\0" * 999]
)
def test_what_is_no_workbook_is_an_error_of_the_data(content: bytes) -> None:
    for call in (excel.schema, lambda file, options: list(excel.read(file, options, Reading()))):
        with pytest.raises(DataError, match=r"^the file: expected a workbook"):
            call(io.BytesIO(content), ExcelFormat())


def test_every_truncated_workbook_is_an_error_of_the_data() -> None:
    whole = (FOLDER / "types.xlsx").read_bytes()
    for size in range(0, len(whole), len(whole) // 20):
        with pytest.raises(DataError, match="expected a workbook"):
            rows(whole[:size])


def test_a_workbook_with_a_password_is_named_with_the_remedy() -> None:
    protected = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(DataError, match="with a password: save it without"):
        rows(protected)


def test_a_workbook_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "LARGEST", 1000)
    with pytest.raises(DataError, match=r"at most 1000 bytes, found .*: save it as CSV"):
        rows((FOLDER / "types.xlsx").read_bytes())


def test_the_command_reads_a_workbook(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("book.xlsx", (FOLDER / "gaps.xlsx").read_bytes())
    ended = read(tmp_path, config(bucket, file_type="excel"), catalog())
    assert ended.code == 0
    found = [{key: value for key, value in row.items() if not key.startswith("_ab")} for row in records(ended)]
    assert found == PEER["gaps.xlsx"]["records"]
