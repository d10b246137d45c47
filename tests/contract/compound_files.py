"""Compound files (OLE), made here, and mails in them: https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb."""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

Storage = Mapping[str, "bytes | Storage"]
SECTOR, SMALL, LIMIT = 512, 64, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
SENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def compound_file(root: Storage) -> bytes:
    entries: list[list[object]] = [["Root Entry", 5, FREE, FREE, 0, 0]]  # name, kind, next, child, start, size
    small, chains, content = b"", [], b""
    small_table: list[int] = []

    def add(storage: Storage, parent: int) -> None:
        nonlocal small, content
        before = None
        for name, inside in storage.items():
            number = len(entries)
            is_stream = isinstance(inside, bytes)
            entries.append([name, 2 if is_stream else 1, FREE, FREE, END, len(inside) if is_stream else 0])
            entries[parent][3] = number if before is None else entries[parent][3]
            if before is not None:
                entries[before][2] = number
            before = number
            if not isinstance(inside, bytes):
                add(inside, number)
            elif 0 < len(inside) < LIMIT:
                entries[number][4] = len(small_table)
                count = -(-len(inside) // SMALL)
                small_table.extend([*range(len(small_table) + 1, len(small_table) + count), END])
                small += inside.ljust(count * SMALL, b"\0")
            elif inside:
                entries[number][4] = len(content) // SECTOR
                count = -(-len(inside) // SECTOR)
                chains.append(count)
                content += inside.ljust(count * SECTOR, b"\0")

    add(root, 0)
    starts: list[int] = []
    entries[0][5] = len(small)
    table = struct.pack(f"<{len(small_table)}I", *small_table)
    padded = table.ljust(-(-len(table) // SECTOR) * SECTOR, b"\xff")
    entries[0][4] = len(content) // SECTOR if small else END
    for part in (small, padded, b"".join(map(_entry, entries))):
        starts.append(len(content) // SECTOR if part else END)
        if part:
            count = -(-len(part) // SECTOR)
            chains.append(count)
            content += part.ljust(count * SECTOR, b"\0")
    return _with_head(content, chains, starts)


def _entry(entry: Sequence[object]) -> bytes:
    name, kind, following, child, start, size = entry
    text = f"{name}\0".encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sIQQIQ", text, len(text), kind, 1, FREE, following, child, b"", 0, 0, 0, start, size
    )


def _with_head(content: bytes, chains: Sequence[int], starts: Sequence[int]) -> bytes:
    table: list[int] = []
    for count in chains:
        table.extend([*range(len(table) + 1, len(table) + count), END])
    sectors = -(-(len(table) + 1) // 127)  # each has room for itself
    first = len(table)
    table += [FAT] * sectors
    packed = struct.pack(f"<{len(table)}I", *table).ljust(sectors * SECTOR, b"\xff")
    small_sectors = 0 if starts[1] == END else starts[2] - starts[1]
    head = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 62, 3, 0xFFFE, 9, 6, b"", 0, sectors,
        starts[2], 0, LIMIT, starts[1], small_sectors, END, 0, first,
    )  # fmt: skip
    rest = [first + number if number < sectors else FREE for number in range(1, 109)]
    return head + struct.pack("<108I", *rest) + content + packed


def mail_storage(
    texts: Mapping[int, str | bytes],
    numbers: Mapping[int, int] | None = None,
    more: Storage | None = None,
    head: int = 32,
) -> Storage:
    """A mail of Outlook, or a part of one: properties by their number. Text is UTF-16; bytes are as they are."""
    rows = b"".join(struct.pack("<IIQ", number << 16 | 0x40, 6, value) for number, value in (numbers or {}).items())
    streams: dict[str, bytes | Storage] = {"__properties_version1.0": bytes(head) + rows}
    for number, text in texts.items():
        kind, value = ("001F", text.encode("utf-16-le")) if isinstance(text, str) else ("0102", text)
        streams[f"__substg1.0_{number:04X}{kind}"] = value
    return {**streams, **(more or {})}


def file_time(moment: datetime) -> int:
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
