"""The end of the line with S3 Vectors: one SQL statement joins what its search finds with a table of PostgreSQL.

The table is that of the observatory's shop, which sells some of the papers in print.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo import show
from demo.postgres_server import PostgresServer
from demo.servers import Servers
from demo.settings import Files
from demo.sql_bridge import bridged, index_arn
from demo.stores import SCHEMA, psql

if TYPE_CHECKING:
    import psycopg

Row = tuple[Any, ...]
LOG = "lambda.jsonl"  # in the folder of the demo's files
QUESTION = "What helps against a headache from the thin air?"
# The role `shop` may read this index and its own table, and nothing else.
TABLE = """
CREATE TABLE print (paper text, tenant text, price numeric(5, 2), in_stock boolean, PRIMARY KEY (paper, tenant));
INSERT INTO print VALUES
    ('safety/altitude-and-cold.md', 'visitors', 4.50, true), ('safety/altitude-and-cold.md', 'staff', 0, true),
    ('handbook/about-the-observatory.md', 'visitors', 18, true), ('people/your-first-week.docx', 'staff', 0, true),
    ('visitors/questions-and-answers.html', 'visitors', 2, true), ('notices/road-closure.html', 'visitors', 0, true),
    ('kitchen/barley-soup-for-nine.md', 'visitors', 3, true), ('kitchen/bread-at-altitude.md', 'visitors', 3.20, true),
    ('reports/animals-on-the-ridge.html', 'visitors', 12, true), ('safety/lightning.md', 'visitors', 4.50, false);
CREATE ROLE shop;
GRANT SELECT ON print TO shop;
"""
SEARCH = """\
SELECT p.paper, p.price, round(min(v.distance)::numeric, 3) AS distance
FROM s3vl.query_text(%s, 'papers', top_k => 60) v
JOIN print p ON p.paper = v.metadata ->> 'document_key'
WHERE p.tenant = 'visitors' AND p.in_stock AND p.price < 10
GROUP BY p.paper, p.price ORDER BY distance LIMIT 3"""
SOLD_OUT = "UPDATE print SET in_stock = false WHERE paper = 'safety/altitude-and-cold.md'"


@dataclass(frozen=True, slots=True)
class Shop:
    server: PostgresServer
    connection: "psycopg.Connection"

    def look(self) -> Sequence[str]:
        """Lines to type, that show what SQL sees."""
        return [
            f"{psql(self.server.port)} \\",
            "  -c \"select vector_id, metadata ->> 'document_key' from s3vl.list_all('papers') limit 5\"",
        ]


@contextmanager
def open_shop(files: Files, servers: Servers) -> Iterator[Shop]:
    """PostgreSQL with the table and with s3vl, which knows the index of the documents as `papers`."""
    import psycopg

    indexing = servers.store.indexing()
    server = PostgresServer(servers.folder / "shop", ["fsync=off"])
    with ExitStack() as stack:
        log = stack.enter_context((files.folder / LOG).open("w", buffering=1))
        stack.callback(server.stop)
        server.start()
        connection = stack.enter_context(psycopg.connect(server.dsn(), autocommit=True))
        stack.enter_context(bridged(connection, indexing, log.write))
        connection.execute(TABLE)
        index = index_arn(indexing, "vectors", f"{SCHEMA}.documents")
        connection.execute("SELECT s3vl.register_index('papers', %s)", [index])
        connection.execute("SELECT s3vl.grant_index('papers', 'shop')")
        yield Shop(server, connection)


def ask_in_shop(shop: Shop) -> None:
    """Before and after a change in PostgreSQL alone."""
    show.title("In SQL: what is found, joined with a table")
    show.say(
        f"PostgreSQL with s3vl:  127.0.0.1:{shop.server.port}   It reaches S3 Vectors by the bridge's Lambda function."
    )
    shop.connection.execute("SET ROLE shop")
    print()
    show.statement(SEARCH.replace("%s", f"'{QUESTION}'"), "-- the function embeds it by the model of the index")
    show.rows(*_asked(shop))
    shop.connection.execute("RESET ROLE")
    shop.connection.execute(SOLD_OUT)
    print()
    show.statement(SOLD_OUT, "-- sold out, and the same question again: no sync is needed for what PostgreSQL knows")
    shop.connection.execute("SET ROLE shop")
    show.rows(*_asked(shop))


def _asked(shop: Shop) -> tuple[list[str], list[Row]]:
    cursor = shop.connection.execute(SEARCH, [QUESTION])
    return [column.name for column in cursor.description or ()], cursor.fetchall()
