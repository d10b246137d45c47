"""Makes the workbooks of tests/files/peer_excel and, in the peer's environment, what the peer reads from each.

    python -m tests.source_s3.read.record_excel make
    PEER/bin/python tests/source_s3/read/record_excel.py record     (airbyte-source-s3 4.16.1 with its file-based CDK)

`records.json` holds for each workbook the records and the schema that the peer's ExcelParser gives.
"""

import asyncio
import datetime as dt
import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FOLDER = Path(__file__).parents[2] / "files" / "peer_excel"
DAY, MOMENT = dt.date(2024, 2, 29), dt.datetime.fromisoformat("2024-02-29T12:30:15.123")
SHEETS: dict[str, list[list[Any]]] = {
    "types": [
        ["i", "f", "s", "b", "day", "moment", "time", "span"],
        [1, 1.5, "x", True, DAY, MOMENT, dt.time(1, 2, 3), dt.timedelta(days=1, seconds=5)],
        [2**40, -1e-7, 'say "é🦀"\n', False, DAY, MOMENT.replace(microsecond=0), dt.time(23), dt.timedelta(hours=1)],
    ],
    "gaps": [
        ["i", "f", "s", "b", "day", "all", "time"],
        [1, 1.5, "x", True, DAY, None, dt.time(1)],
        [None, None, None, None, None, None, None],
        [3, 2, "", False, None, None, None],
        [None, 4.25, "y", None, DAY, None, dt.time(2)],
    ],
    "names": [
        ["a", "a", None, "a", 2024, 1.5, True, " b ", None, "A", "a.1", DAY],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    ],
    "missing": [
        ["n", "s", "all"],
        [1, "NA", "N/A"],
        ["NA", "n/a", "null"],
        [2, "none", "nan"],
        ["#N/A", "NULL", "NaN"],
        [3, "x", "<NA>"],
    ],
    "mixed": [
        ["m", "text", "number text", "bool text", "padded", "int bool", "zero"],
        [1, "a", "007", "True", " 1 ", 1, "0123"],
        ["x", 2, "1.5", "FALSE", "2", True, 4],
        [True, 2.5, 3, "true", "-3e2", 0, "5"],
        [DAY, False, "4", None, "4.", None, None],
        [dt.time(1), MOMENT, "1e3", False, ".5", 1, "6"],
        [dt.timedelta(hours=30), None, "-0", "False", "+7", 1, "7"],
    ],
    "words": [
        ["yes", "inf", "under", "comma", "hex", "date", "percent"],
        ["yes", "inf", "1_000", "1,000", "0x1F", "2024-01-01", "5%"],
        ["no", "-Infinity", "2_000", "2,000", "0x20", "2024-01-02", "6%"],
    ],
    "large": [
        ["exact", "over", "long", "digits"],
        [2**53, 1e20, 123456789012345, 0.1234567890123456],
        [-(2**53), 1e300, 1, 3.141592653589793],
    ],
    "errors": [["e", "f"], ["=1/0", 1], ["#DIV/0!", 2], ["#VALUE!", 3], ["#N/A", 4]],
    "rows": [["a", "b"], [None, None], [1, "x"], [None, None], [2, "y"], [None, None], [None, None]],
    "late": [[None, None], [None, "b"], [None, 1]],
    "header": [["a", "b"]],
    "empty": [],
    "one": [["a"], [1.0]],
    "old": [["day", "old"], [dt.date(1900, 1, 1), dt.date(1899, 12, 31)], [dt.date(9999, 12, 31), dt.date(1900, 3, 1)]],
    "merged": [["a", "b"], [1, None], [None, 2]],
    "dates_1904": [["day", "moment"], [DAY, MOMENT], [dt.date(1904, 1, 2), MOMENT]],
    "other_sheets": [["a"], ["first"]],
    "ragged": [["a"], [1, 2, 3], [4]],
}


def make() -> None:
    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    for name, rows in SHEETS.items():
        book = openpyxl.Workbook()
        if name == "dates_1904":
            book.epoch = CALENDAR_MAC_1904
        sheet: Any = book.active
        for row in rows:
            sheet.append(row)
        if name == "merged":
            sheet.merge_cells("A2:A3")
        if name == "errors":
            for cell in ("A3", "A4", "A5"):
                sheet[cell].data_type = "e"
        if name == "other_sheets":
            book.create_sheet("second").append(["not read"])
        book.save(FOLDER / f"{name}.xlsx")


def record() -> None:
    from airbyte_cdk.sources.file_based.config.file_based_stream_config import ExcelFormat
    from airbyte_cdk.sources.file_based.file_types.excel_parser import ExcelParser

    parser, logger = ExcelParser(), logging.getLogger()
    found = {}
    for path in sorted(FOLDER.glob("*.*")):
        if path.suffix == ".json":
            continue
        file: Any = SimpleNamespace(uri=path.name, file_uri_for_logging=path.name)
        reader: Any = SimpleNamespace(open_file=lambda *_, path=path: path.open("rb"))
        config: Any = SimpleNamespace(format=ExcelFormat(filetype="excel"))
        try:
            records = list(parser.parse_records(config, file, reader, logger))
            schema = asyncio.run(parser.infer_schema(config, file, reader, logger))
            found[path.name] = {"records": records, "schema": {text(name): kind for name, kind in schema.items()}}
        except Exception as error:  # noqa: BLE001  what it fails over is recorded too
            found[path.name] = {"error": repr(error.__cause__ or error)}
    (FOLDER / "records.json").write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def text(label: Any) -> str:
    """As the records have it; the schema has the label itself."""
    return label.isoformat(timespec="microseconds") if isinstance(label, dt.datetime) else str(label)


if __name__ == "__main__":
    {"make": make, "record": record}[sys.argv[1]]()
