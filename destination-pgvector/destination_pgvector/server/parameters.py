"""Many texts as one parameter of a statement: psycopg takes 2 µs for each entry of a list, this takes 0.1."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

from destination_pgvector.server.binary_fields import text_array

TEXT_ARRAY_OID = 1009  # https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat


@dataclass(frozen=True, slots=True)
class Texts:
    """A parameter of the type `text[]`."""

    values: Sequence[str]


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = TEXT_ARRAY_OID

    def dump(self, obj: Texts) -> bytes:
        return text_array(obj.values)


ADAPTERS = AdaptersMap(psycopg.adapters)
ADAPTERS.register_dumper(Texts, _TextsDumper)
