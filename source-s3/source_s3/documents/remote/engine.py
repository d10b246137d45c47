"""An engine whose documents are read by a server, whatever kind of server that is."""

import mimetypes
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from source_s3.documents import Engine, Read
from source_s3.documents.kinds import MIME_TYPES, kind_of
from source_s3.documents.limits import TooMuch
from source_s3.documents.parsed import Parsed
from source_s3.documents.remote.connection import ATTEMPTS
from vector_ingest.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class Document:
    """One to send. `name`: without folders."""

    name: str
    kind: str
    mime_type: str
    content: bytes


PROOF = Document("test.md", "md", MIME_TYPES["md"], b"# Connection test\n")


class Server(Protocol):
    """A kind of server, connected. `kept`: the kinds that are not sent; `called`: see `connection.Kind`."""

    kept: Collection[str]
    called: str
    url: str

    def parsed(self, document: Document, attempts: int = ATTEMPTS) -> Parsed:
        """What the server finds in it. Raised is what `Connection.ask` raises, and TooMuch."""

    def close(self) -> None: ...


class Remote:
    """An engine. `own` reads what need not be sent."""

    def __init__(self, server: Server, own: Engine) -> None:
        self._server, self._own = server, own

    def read(
        self, name: str, content: bytes | memoryview, content_type: str | None = None, as_text: Sequence[str] = ()
    ) -> list[Read]:
        """The document, or why it can't be read. ConfigError: the server takes none. TransientError: no answer."""
        whole = bytes(content)
        kind = kind_of(name, whole, content_type) if whole else None
        if kind is None or kind in self._server.kept:
            return self._own.read(name, content, content_type, as_text)
        mime_type = MIME_TYPES.get(kind) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        try:
            return [Read(self._parsed(Document(name.rpartition("/")[2] or "document", kind, mime_type, whole)))]
        except DataError as error:
            return [Read(None, error.reason)]
        except RecursionError:
            return [Read(None, "nested too deep: exclude the object, or save it anew")]
        except TooMuch as error:
            return [Read(None, f"{error}: raise the limit in the format's `limits`, or exclude the object")]

    def prove(self) -> None:
        """ConfigError, TransientError: it does not read documents as it is asked to."""
        try:
            with suppress(TooMuch):  # it was read
                self._server.parsed(PROOF, attempts=1)
        except DataError as error:
            raise ConfigError(
                f"{self._server.url} refuses a document of one line: {error.reason}. Check `strategy` and "
                "`parameters`, and the server's log"
            ) from error

    def close(self) -> None:
        self._server.close()
        self._own.close()

    def _parsed(self, document: Document) -> Parsed:
        parsed = self._server.parsed(document)
        if not parsed.content.strip():
            called, kind = self._server.called, document.kind
            raise DataError(
                document.name, f"{called} finds no text in this {kind} file: exclude it by the stream's globs"
            )
        return replace(parsed, mime_type=document.mime_type)
