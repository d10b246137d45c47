"""The end of a stream's sync: what was loaded gets its indexes, and takes the place of what it replaces."""

import logging
from collections.abc import Set as AbstractSet

from psycopg import Connection

from destination_pgvector import recall
from destination_pgvector.rows.quarantine import TableQuarantine
from destination_pgvector.tables import index, tables, text_index
from destination_pgvector.tables.index_progress import Connect, progress
from destination_pgvector.tables.layouts import Layouts
from vector_ingest.document import Target

logger = logging.getLogger("airbyte.pgvector")


class Finishing:
    """Of one stream. `run` bears to be begun anew on another connection."""

    def __init__(
        self, target: Target, layouts: Layouts, quarantine: TableQuarantine, made: AbstractSet[str], watch: Connect
    ) -> None:
        """`made`: tables that this sync has made, which nobody asks yet. `watch` makes another connection."""
        self._target, self._stream = target, target.stream
        self._layouts, self._quarantine, self._made, self._watch = layouts, quarantine, made, watch
        self._only = layouts.places.only(target.stream)
        self._live = target.write if target.write == target.live else layouts.places.known(target.stream)
        self._is_tried = False

    def run(self, conn: Connection, *, complete: bool) -> None:
        """`conn` is in autocommit. What was filled beside is finished only when it is complete."""
        if self._target.write == self._target.live:
            self._finish_in_place(conn, complete=complete)
            return
        is_gone, self._is_tried = self._is_tried and not tables.is_there(conn, self._target.write), True
        if is_gone:  # the switch was committed, and its answer lost
            self._index(conn, self._live, online=True)
        elif self._is_done_already(conn):
            conn.execute(f"DROP TABLE {self._target.write}".encode())
        elif self._is_moved(conn):
            with conn.transaction():
                tables.move_rows(conn, self._target.write, self._live, self._only)
                self._quarantine.settle(conn, self._stream, replaced=True)
            self._index(conn, self._live, online=True)
        else:
            self._index(conn, self._target.write, online=False)
            with conn.transaction():
                tables.switch(conn, self._target.write, self._live, with_view=self._layouts.options.document_view)
                self._quarantine.settle(conn, self._stream, replaced=True)

    def _finish_in_place(self, conn: Connection, *, complete: bool) -> None:
        name, minimum = self._target.write, self._stream.minimum_generation
        if complete and minimum:
            gone = tables.delete_older(conn, name, minimum, self._only)
            logger.info("%s chunks of earlier generations deleted from %s.", f"{gone:,}", name)
        self._index(conn, name, online=name not in self._made)
        if complete:
            with conn.transaction():
                self._quarantine.settle(conn, self._stream, replaced=False)

    def _is_done_already(self, conn: Connection) -> bool:
        """An overwrite that brings nothing of a generation that is live: a rerun of one that was killed at its end."""
        generation, name = self._stream.generation, self._target.live
        if generation is None or name is None or not tables.is_empty(conn, self._target.write):
            return False
        live = tables.find(conn, name)
        return live is not None and tables.has_generation(conn, live, generation, self._only)

    def _is_moved(self, conn: Connection) -> bool:
        """Whether rows are put into a table that is of all streams, and there, and of the same model."""
        live = tables.find(conn, self._live) if self._layouts.places.for_all else None
        return live is not None and self._layouts.is_comparable(live, self._stream)

    def _index(self, conn: Connection, name: str, *, online: bool) -> None:
        """Statistics and indexes. `online`: the table is written to and asked meanwhile."""
        table = tables.find(conn, name)
        assert table is not None
        form, plan = self._layouts.form, self._layouts.plan_of(conn, table)
        conn.execute(f"ANALYZE {name}".encode())
        with progress(conn.info.backend_pid, name, self._watch):
            made = index.build(conn, name, plan, online=online)
        index.build_metadata_index(conn, name, wanted=form.metadata_index, online=online)
        if made and form.recall_questions:
            found = recall.measure(conn, name, plan, form.recall_questions)
            recall.tell(name, found)
            if found:
                rows = index.row_count(conn, name)
                index.write_note(conn, made, recall=round(found.share, 4), questions=found.questions, rows=rows)
        if self._layouts.options.text_search:
            text_index.build(conn, name, online=online)
