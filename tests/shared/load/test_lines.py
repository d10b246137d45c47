"""Lines of a pipe, however it brings them."""

import io
import os
from collections.abc import Iterator

import pytest

from vector_ingest.load.lines import Lines, read_lines


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    reading, writing = os.pipe()
    with io.FileIO(reading) as reader, io.FileIO(writing, "w") as writer:
        yield reader, writer


def test_a_line_in_many_pieces_comes_whole() -> None:
    pieces = iter([b"on", b"e\ntw", b"o", b"\n\nthree", b""])

    class Pieces(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:  # noqa: ARG002
            return next(pieces)

    found = [block for block in read_lines(Pieces(), 10) if block]
    assert found == [Lines([b"one"]), Lines([b"two", b""]), Lines([b"three"], whole=False)]


@pytest.mark.parametrize("blocking", [True, False])
def test_nothing_is_not_the_end_of_a_pipe(pipe: tuple[io.FileIO, io.FileIO], blocking: bool) -> None:
    reader, writer = pipe
    os.set_blocking(reader.fileno(), blocking)
    lines = read_lines(reader, 0.05)
    assert next(lines) is None
    writer.write(b"one\n")
    assert next(block for block in lines if block) == Lines([b"one"])
    writer.write(b"two\n")
    writer.close()
    assert [block for block in lines if block] == [Lines([b"two"])]


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("I/O operation on closed file")])
def test_what_breaks_the_reading_is_raised_to_the_reader(error: Exception) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:  # noqa: ARG002
            raise error

    with pytest.raises(type(error), match=str(error)):
        for block in read_lines(Broken(), 0.05):
            assert block
