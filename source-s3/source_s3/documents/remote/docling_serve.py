"""Documents read by Docling Serve, which has Docling's models so that this package need not.

https://github.com/docling-project/docling-serve/blob/main/docs/usage.md. Its tasks are used, not its answer at
once: that one ends after the server's DOCLING_SERVE_MAX_SYNC_WAIT (120 seconds), and looks every two seconds only.
"""

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from source_s3.documents.kinds import EXTENSIONS, extension_of
from source_s3.documents.limits import Limits
from source_s3.documents.parsed import Parsed
from source_s3.documents.remote.connection import ATTEMPTS, Api, Connection, Form, Gone, Kind, Request, seconds_until
from source_s3.documents.remote.docling_document import parsed_of
from source_s3.documents.remote.engine import PROOF, Document
from vector_ingest.errors import DataError, TransientError

VERSION = "/v1"
PATH = f"{VERSION}/convert/file"
KIND = Kind("Docling Serve", "Docling", "X-Api-Key")
# Pictures as bytes would be most of an answer, and are no text.
ASKED_FOR = (
    ("to_formats", "json"),
    ("target_type", "inbody"),
    ("include_images", "false"),
    ("image_export_mode", "placeholder"),
)
OVER = {"success", "partial_success", "failure", "skipped"}
# Text; mails, whose attachments it leaves out; what it has no reader for, or only by LibreOffice, which its images lack
# (os-packages.txt).
KEPT = frozenset(["md", "txt", "source", "encrypted", "eml", "msg", "rst", "xlsb", "rtf", "doc", "ppt", "xls"])
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0  # seconds between two questions about a task
BEFORE = 4  # documents that may each take all their time before one begins: as many are sent at once
TOLD = 3  # errors of a document


class Failure(Struct):
    message: str | None = None
    retryable: bool = False


class Task(Struct):
    task_id: str
    task_status: str
    error_message: str | None = None
    failure: Failure | None = None


class Fault(Struct):
    error_message: str | None = None
    page_no: int | None = None


class Content(Struct):
    json_content: dict[str, Any] | None = None


class Result(Struct):
    """Of a task that failed, only the failure."""

    status: str = "failure"
    document: Content | None = None
    errors: list[Fault] = []
    failure: Failure | None = None


class DoclingServe:
    """A `Server`."""

    kept: Collection[str] = KEPT
    called = KIND.called

    def __init__(self, api: Api, limits: Limits) -> None:
        url = api.url.rstrip("/").removesuffix("/async").removesuffix(PATH).removesuffix(VERSION)
        self._api, self._limits = replace(api, url=url), limits
        self.url = url
        self._connection = Connection(KIND, self._api, limits.seconds)

    def parsed(self, document: Document, attempts: int = ATTEMPTS) -> Parsed:
        """Sent again where the server has lost it, or says to."""
        lost = ""
        for attempt in range(1, attempts + 1):
            try:
                return parsed_of(self._found(document, self._result(document, attempts)), self._limits)
            except Gone as gone:
                lost = str(gone) or "it was started anew, or several share the address without sticky sessions"
            if attempt < attempts:
                time.sleep(seconds_until(attempt))
        raise TransientError(f"{self.url} has no result of a document that it took: {lost}. Check the server's log")

    def close(self) -> None:
        self._connection.close()

    def _result(self, document: Document, attempts: int) -> Result:
        task = self._ended(document, self._begun(document, attempts), attempts)
        if task.task_status == "failure":
            return Result(failure=task.failure or Failure(task.error_message))
        request = self._about(document, "result", task, attempts)
        return self._connection.decoded(request, self._connection.ask(request), Result)

    def _begun(self, document: Document, attempts: int) -> Task:
        own = {name for name, _ in self._api.fields}
        limit = [] if "document_timeout" in own else [("document_timeout", str(self._limits.seconds))]
        file = (_named(document), document.content, document.mime_type)
        form: Form = [*ASKED_FOR, *limit, *self._api.fields, ("files", file)]
        request = Request(document.name, f"{PATH}/async", form, attempts)
        return self._connection.decoded(request, self._connection.ask(request), Task)

    def _ended(self, document: Document, task: Task, attempts: int) -> Task:
        """The time of a document begins with its work: before that, others are read."""
        seconds = self._limits.seconds
        deadline, waits = time.monotonic() + BEFORE * seconds, True
        pause = FIRST_PAUSE
        while task.task_status not in OVER:
            if waits and task.task_status != "pending":
                deadline, waits = time.monotonic() + seconds, False
            if time.monotonic() > deadline:
                if waits:
                    raise TransientError(
                        f"{self.url} has not begun with a document after {BEFORE * seconds} seconds: it has too much "
                        "to do. Give it more workers, or try again later"
                    )
                raise self._connection.too_slow(document.name)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            request = self._about(document, "status/poll", task, attempts)
            task = self._connection.decoded(request, self._connection.ask(request), Task)
        return task

    def _about(self, document: Document, what: str, task: Task, attempts: int) -> Request:
        return Request(document.name, f"{VERSION}/{what}/{quote(task.task_id, safe='')}", attempts=attempts)

    def _found(self, document: Document, result: Result) -> dict[str, Any]:
        """Also a part is an error: nobody would see which pages are missing.

        A failed task does not tell a document that ends a worker from a server without its models.
        """
        if result.failure is not None and result.failure.retryable:
            raise Gone(self._connection.told(result.failure.message or "it says to try again"))
        if result.failure is not None and document is not PROOF and self._result(PROOF, attempts=1).failure is not None:
            words = self._connection.told(_reasons(result))
            raise TransientError(f"{self.url} fails on any document, if of one line: {words}. Check the server's log")
        content = result.document.json_content if result.document is not None else None
        if result.status == "success" and content is not None:
            return content
        how = "reads only a part of it" if result.status == "partial_success" else "can't read it"
        raise DataError(document.name, f"Docling {how}: {self._connection.told(_reasons(result))}")


def _reasons(result: Result) -> str:
    reasons = [_reason(fault.error_message, fault.page_no) for fault in result.errors if fault.error_message]
    if result.failure is not None and result.failure.message:
        reasons.insert(0, result.failure.message.rstrip("."))
    more = f" and {len(reasons) - TOLD} more" if len(reasons) > TOLD else ""
    return "; ".join(reasons[:TOLD]) + more or f"status {result.status}; its log may say why"


def _reason(message: str, page: int | None) -> str:
    return (f"page {page}: " if page is not None else "") + " ".join(message.split()).rstrip(".")


def _named(document: Document) -> str:
    """Docling goes by the extension where the bytes don't tell it the kind."""
    tells = document.kind == "image" or EXTENSIONS.get(extension_of(document.name)) == document.kind
    return document.name if tells else f"{document.name}.{document.kind}"
