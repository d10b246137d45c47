"""What the contract of quarantines does not say: where the table of refused records is, and when there is none."""

from io import BytesIO

import pytest

from destination_pgvector.connector import CONNECTOR
from tests.conftest import Database
from tests.destination_commands import catalog, stream
from tests.destination_pgvector.stores import ask, change
from tests.refused_records import COMPLETE, bad, config, good, state, write
from vector_ingest.command.pipeline import replay, write_lines
from vector_ingest.errors import ConfigError, DataError


def test_without_a_quarantine_there_is_no_table_for_it(database: Database) -> None:
    with pytest.raises(DataError, match="none of the text fields"):
        write(CONNECTOR, config(database.indexing(), most=None), good(1), bad(2), COMPLETE)
    assert ask(database, "SELECT to_regclass('_airbyte_refused') IS NULL") == [True]


def test_a_state_waits_for_the_keeping(database: Database) -> None:
    change(database, "CREATE VIEW _airbyte_refused AS SELECT 1")  # so that nothing can be kept
    output: list[bytes] = []
    lines = BytesIO(b"\n".join([good(1), state(1), good(2), bad(3), state(2), COMPLETE, b""]))
    with pytest.raises(ConfigError, match="something else has that name"):
        write_lines(
            CONNECTOR, config(database.indexing()), catalog(stream("docs", "append_dedup")), lines, output.append
        )
    assert b'"n":2' not in b"".join(output)
    # who keeps none is not troubled
    assert write(CONNECTOR, config(database.indexing(), most=None), good(1), state(3), COMPLETE) == [3]


def test_the_table_is_in_the_default_schema_which_is_made(database: Database) -> None:
    indexing = {**database.indexing(), "default_schema": "kept"}
    write(CONNECTOR, config(indexing), bad(1), COMPLETE)
    assert ask(database, "SELECT document_id FROM kept._airbyte_refused") == ["Stream_docs_Key_1"]
    replay(CONNECTOR, config(indexing, text="body"), dry=False)
    assert ask(database, "SELECT document_content FROM kept.docs") == ["body: body 1"]
    assert ask(database, "SELECT count(*) FROM kept._airbyte_refused") == [0]
