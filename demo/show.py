"""What the demo prints. The progress is one line that changes on a terminal, elsewhere a line every five seconds."""

import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from typing import Any

from demo.sync import Sync

PLAIN_INTERVAL = 5.0


def title(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}", flush=True)


def say(text: str) -> None:
    print(textwrap.fill(text, width(), subsequent_indent="  "), flush=True)


def width() -> int:
    return min(shutil.get_terminal_size().columns, 110)


class Progress:
    """The line while a sync runs. Call `end` when it is over."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._told = time.monotonic()

    def __call__(self, sync: Sync, seconds: float) -> None:
        text = f"  {seconds:5.1f} s   {sync.records.total():>5,} records read   {sync.states} states acknowledged"
        if self._terminal:
            print(f"\r{text}", end="", flush=True)
        elif time.monotonic() - self._told > PLAIN_INTERVAL:
            self._told = time.monotonic()
            print(text, flush=True)

    def end(self) -> None:
        if self._terminal:
            print("\r\033[K", end="")


def sync_figures(sync: Sync) -> None:
    counts = sync.counts
    streams = ", ".join(f"{name} {count:,}" for name, count in sorted(sync.records.items())) or "nothing"
    figures = [
        ("read", f"{sync.records.total():,} records ({streams})"),
        ("deleted", f"{sync.deletions.total():,} documents gone from the bucket"),
        ("chunked", f"{counts['documents written']:,} documents into {counts['chunks']:,} chunks"),
        ("embedded", f"{counts['texts embedded']:,} chunks by the model, {counts['vectors reused']:,} vectors reused"),
        ("stored", f"{counts['documents written']:,} documents written, {counts['deleted']:,} taken out"),
        ("seconds", f"{sync.seconds:.1f}, start of both processes included"),
    ]
    for name, text in figures:
        print(f"  {name:<9} {text}")
    print(f'  The destination says: "{sync.summary}"', flush=True)


def answer(question: str, found: Sequence[dict[str, Any]]) -> None:
    print(f"\n  Q: {question}")
    for entry in found:
        text = " ".join(entry["text"].split())
        shown = textwrap.wrap(text, width() - 8)
        print(f"     {entry['source']}   (cosine distance {entry['distance']:.3f})")
        for line in shown[:4]:
            print(f"       {line}")
        if len(shown) > 4:
            print("       …")
    sys.stdout.flush()


def statement(query: str, remark: str) -> None:
    print(textwrap.indent(f"{remark}\n{query};", "  "))


def rows(columns: Sequence[str], found: Sequence[Sequence[Any]]) -> None:
    """As psql shows them."""
    cells = [list(columns), *([str(value) for value in row] for row in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" | ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, "-+-".join("-" * wide for wide in widths))
    print("\n" + textwrap.indent("\n".join(line.rstrip() for line in lines), "    "), flush=True)
