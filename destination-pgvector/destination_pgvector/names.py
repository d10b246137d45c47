"""Names of tables: from a stream's name or a template, whatever its spelling and length, and back."""

import hashlib
import re
import uuid

from psycopg import sql

from vector_ingest.document import Stream

LONGEST = 63  # bytes of an identifier (NAMEDATALEN - 1)
STAGING = "_airbyte_filling_"
NAMESPACE = "{namespace}"
STREAM = "{stream}"


def normalised(name: str) -> str:
    """As Airbyte's SQL destinations name tables: lower case, all but letters and digits to `_`, no digit first."""
    plain = re.sub("[^a-z0-9]", "_", name.lower())
    return f"_{plain}" if plain[:1].isdigit() else plain


def table_names(stream: Stream, default_schema: str, template: str = STREAM) -> tuple[str, str]:
    """The usual name of a stream's table, and the one for when another stream has that.

    A template that holds the namespace puts the tables of all namespaces into the default schema.
    """
    in_name = NAMESPACE in template
    schema = schema_name(default_schema if in_name else stream.namespace or default_schema)
    plain = normalised(template.replace(NAMESPACE, stream.namespace or "").replace(STREAM, stream.name))
    whole = f"{stream.namespace or ''}\0{stream.name}" if in_name else stream.name
    usual = plain if len(plain) <= LONGEST and plain.strip("_") else hashed(plain, whole)
    return qualified(schema, usual), qualified(schema, hashed(plain, whole))


def schema_name(name: str) -> str:
    """The server cuts what is too long; two such names may begin alike."""
    return name if len(name.encode(errors="surrogatepass")) <= LONGEST else hashed(name, name)


def hashed(plain: str, whole: str, longest: int = LONGEST) -> str:
    """An identifier that begins like `plain` and is that of `whole` alone."""
    digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain.encode(errors='replace')[: longest - 9].decode(errors='ignore')}_{digest}"


def beside(name: str, ending: str) -> str:
    """The name of what belongs to the table `name`, such as its view; not longer than a name may be."""
    schema, table = parts(name)
    whole = f"{table}{ending}"
    return qualified(
        schema, whole if len(whole.encode()) <= LONGEST else hashed(table, whole, LONGEST - len(ending)) + ending
    )


def staging_name(live: str, generation: int | None, stream: str = "") -> str:
    """Of the table that is filled beside `live`; `stream` tells those of one table for all streams apart.

    Without a generation a new one each time: of two syncs at once, none must switch what the other fills.
    """
    ending = uuid.uuid4().hex[:8] if generation is None else generation
    return qualified(parts(live)[0], f"{staging_prefix(live, stream)}{ending}")


def staging_prefix(live: str, stream: str = "") -> str:
    table = parts(live)[1]
    whole = f"{table}\0{stream}" if stream else table
    return f"{STAGING}{hashlib.sha256(whole.encode(errors='surrogatepass')).hexdigest()[:12]}_"


def qualified(schema: str, table: str) -> str:
    return sql.Identifier(schema, table).as_string()


def parts(name: str) -> tuple[str, str]:
    """The opposite of `qualified`."""
    schema, table = (part.replace('""', '"') for part in name[1:-1].split('"."'))
    return schema, table
