"""The process in which documents are read: one after another, from stdin to stdout, under limits of the kernel.

It ends with its parent, whose end of stdin closes; when it has read one that broke its reader; and when it has grown.
"""

import os
import resource
import struct
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from source_s3.documents import Limits, Read, read_with_attachments

SIZE = struct.Struct("<Q")  # stands before each message
GROWN = 768 * 1024  # KiB of memory at most: of more, much may be left over
CODE = 3  # of a process that a document ended


class Request(msgspec.Struct, array_like=True):
    name: str
    content_type: str | None
    as_text: list[str]
    limits: Limits


class Answer(msgspec.Struct, array_like=True):
    """`is_last`: the process ends after it."""

    reads: list[Read]
    is_last: bool


def main(memory: int) -> None:
    most = resource.getrlimit(resource.RLIMIT_AS)[1]  # which can't be raised
    memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(os.dup(1), "wb") as answers, os.fdopen(os.dup(0), "rb") as requests:
        os.dup2(2, 1)  # what a library prints is no answer
        while (head := _message(requests)) is not None:
            content = _message(requests)
            if content is None or not _answered(answers, msgspec.msgpack.decode(head, type=Request), content):
                return


def _answered(answers: BinaryIO, request: Request, content: bytes) -> bool:
    """Whether to go on."""
    _limit_time(request.limits.seconds)
    try:
        reads = read_with_attachments(request.name, content, request.limits, request.content_type, request.as_text)
        is_last = _peak() > GROWN
        body = msgspec.msgpack.encode(Answer(reads, is_last))
    except BaseException as error:  # told as this document's error; the process ends
        _send(answers, msgspec.msgpack.encode(Answer([Read(None, _told(error))], is_last=True)))
        raise SystemExit(CODE) from error
    _send(answers, body)
    return not is_last


def _peak() -> int:
    """KiB. What `getrusage` tells begins with what the parent held when it started this process."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    return int(status.split("VmHWM:")[1].split()[0])


def _limit_time(seconds: int) -> None:
    """Of the processor, counted from now: should the parent be gone, an endless document ends all the same."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    last, most = int(used.ru_utime + used.ru_stime) + seconds + 2, resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (last if most == resource.RLIM_INFINITY else min(last, most), most))


def _told(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "its reader needs more memory than the format's `limits` allow: raise `megabytes`, or exclude the object"
    shown = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
    return f"its reader failed over it ({shown}): save it anew, or exclude the object"


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(SIZE.pack(len(body)))
    answers.write(body)
    answers.flush()


def _message(requests: BinaryIO) -> bytes | None:
    head = requests.read(SIZE.size)
    return requests.read(*SIZE.unpack(head)) if len(head) == SIZE.size else None


if __name__ == "__main__":
    main(int(sys.argv[1]))
