"""Bytes compressed in each way that is read, and archives made of names and contents."""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import cramjam
import pyarrow as pa

CHANCE = random.Random(1)
TEXT = "".join(f"{number},{CHANCE.random()}\n" for number in range(60_000)).encode()  # 1.5 MB


def by_arrow(codec: str, content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def hadoop_snappy(content: bytes, block: int = 10_000) -> bytes:
    """Two chunks in each block."""
    packed = b""
    for start in range(0, len(content), block):
        part = content[start : start + block]
        packed += struct.pack(">I", len(part))
        for chunk in (part[: block // 2], part[block // 2 :]):
            if chunk:
                raw = bytes(cramjam.snappy.compress_raw(chunk))
                packed += struct.pack(">I", len(raw)) + raw
    return packed


COMPRESSED: Mapping[str, Callable[[bytes], bytes]] = {
    "a.gz": gzip.compress,
    "a.GZ": gzip.compress,
    "a.bz2": bz2.compress,
    "a.xz": lzma.compress,
    "a.zst": lambda content: by_arrow("zstd", content),
    "a.lz4": lambda content: by_arrow("lz4", content),
    "a.sz": lambda content: bytes(cramjam.snappy.compress(content)),
    "hadoop.snappy": hadoop_snappy,
    "raw.snappy": lambda content: bytes(cramjam.snappy.compress_raw(content)),
}


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, date: Any = (2024, 5, 6, 7, 8, 10)) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, date), content, method)
    return packed.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w", mtime: int = 1_700_000_000) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), mtime
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
