"""Somebody who queries the table all the time, and must never see a document missing, doubled or of two versions."""

import threading
from types import TracebackType
from typing import Self

import psycopg

# A text is `begin <version> … end <version>`, cut into chunks that carry the version in their metadata.
QUERY = """
SELECT document_id, count(*), count(DISTINCT chunk_number), max(chunk_number) + 1, count(DISTINCT metadata->>'version'),
       min(metadata->>'version'), string_agg(document_content, ' ' ORDER BY chunk_number)
FROM {table} GROUP BY document_id"""


class Reader:
    """Used as a context. `wrong` says what was seen that must not be; `looks`, how often it looked."""

    def __init__(self, dsn: str, table: str, always: set[str]) -> None:
        """`always`: documents that are there from beginning to end."""
        self._dsn, self._query, self._always = dsn, QUERY.format(table=table), always
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="reader")
        self.wrong: list[str] = []
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as conn:
                    while not self._done.wait(0.03):
                        self._judge(conn.execute(self._query.encode()).fetchall())
            except psycopg.errors.UndefinedTable as error:
                self.wrong.append(str(error))
            except psycopg.OperationalError:
                self._done.wait(0.05)  # the server is down

    def _judge(self, rows: list[tuple[str, int, int, int, int, str, str]]) -> None:
        self.looks += 1
        if missing := self._always - {row[0] for row in rows}:
            self.wrong.append(f"{len(missing)} documents are missing, such as {min(missing)}")
        for identity, chunks, numbers, expected, versions, version, text in rows:
            words = text.split()
            whole = (words[1:3], words[-2:]) == (["begin", version], ["end", version])
            if not chunks == numbers == expected or versions != 1 or not whole:
                self.wrong.append(f"{identity}: {chunks} chunks, {numbers} numbers, {versions} versions, {text!r}")
