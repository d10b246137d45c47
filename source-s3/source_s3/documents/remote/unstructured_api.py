"""Documents read by an Unstructured API: that of the vendor, or one that you run.

https://docs.unstructured.io/api-reference/legacy-api/partition/overview and github.com/Unstructured-IO/unstructured-api
"""

from collections.abc import Collection
from dataclasses import replace

from source_s3.documents.limits import Limits
from source_s3.documents.parsed import Parsed
from source_s3.documents.remote.connection import ATTEMPTS, Api, Connection, Kind, Request
from source_s3.documents.remote.elements import parsed_of
from source_s3.documents.remote.engine import Document

PATH = "/general/v0/general"
KIND = Kind("Unstructured API", "the API", "unstructured-api-key")
Elements = list[dict[str, object]]


class UnstructuredApi:
    """A `Server`."""

    # They are text, or there is nothing to read.
    kept: Collection[str] = frozenset({"md", "txt", "source", "eml", "encrypted"})
    called = KIND.called

    def __init__(self, api: Api, limits: Limits) -> None:
        base = replace(api, url=api.url.rstrip("/").removesuffix(PATH))
        self.url = base.url
        self._api, self._limits = base, limits
        self._connection = Connection(KIND, base, limits.seconds)

    def parsed(self, document: Document, attempts: int = ATTEMPTS) -> Parsed:
        file = (document.name, document.content, document.mime_type)
        request = Request(document.name, PATH, [*self._api.fields, ("files", file)], attempts)
        elements = self._connection.decoded(request, self._connection.ask(request), Elements)
        return parsed_of(document.name, elements, self._limits)

    def close(self) -> None:
        self._connection.close()
