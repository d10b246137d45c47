"""Connections to the server: a pool for the load's threads, and single ones for what runs once a sync."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from destination_pgvector.config import Indexing
from destination_pgvector.server.access import Access
from destination_pgvector.server.postgres_errors import CLASHES, SOON, is_transient, mapped, said_by
from vector_ingest.errors import TransientError

logger = logging.getLogger("airbyte.pgvector")
Result = TypeVar("Result")
POOL = 6  # the load's threads, and room for more
# Seconds before a transaction is tried again. A restart takes a few; a failover of RDS one or two minutes
# (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html), most of it to connect.
PAUSES = (0.2, 1.0, 5.0, 15.0, 30.0)
SHORTLY = 5.0  # the longest of them for what passes within seconds or needs somebody
PATIENCE = 30.0  # seconds that the pool tries to connect
Errors = tuple[type[psycopg.Error], ...]


class UnreachedError(TransientError):
    """On the way to the server: trying again helps, as it does with what the server says of itself."""


class Connections:
    def __init__(self, indexing: Indexing, pauses: Sequence[float] = PAUSES, patience: float = PATIENCE) -> None:
        """Nothing is connected before the first call."""
        self._pauses = pauses
        self._access = Access(indexing)
        self.place = self._access.place
        self._statement_timeout = indexing.statement_timeout
        self._pool = ConnectionPool(
            kwargs=self._access,
            min_size=0,
            max_size=POOL,
            timeout=patience,
            check=ConnectionPool.check_connection,
            open=False,
        )

    def close(self) -> None:
        self._pool.close()
        self._access.close()

    @contextmanager
    def own(self) -> Iterator[Connection]:
        """A connection of its own, in autocommit, without a limit on how long a statement may take."""
        with self._connect() as conn:
            conn.execute("SET statement_timeout = 0")
            yield conn

    def once(self, work: Callable[[Connection], Result]) -> Result:
        """In a connection of its own, in another one if the server broke off. `work` must bear to be begun anew."""

        def attempt() -> Result:
            with self.own() as conn:
                return work(conn)

        with mapped(self.place):
            return self._patiently(attempt, CLASHES)

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """`retry`, with errors as ours."""
        with mapped(self.place):
            return self.retry(work)

    def retry(self, work: Callable[[Connection], Result], also: Errors = ()) -> Result:
        """In a transaction of a pooled connection, again if the server broke off, or on the errors of `also`.

        `work` must be idempotent.
        """
        self._pool.open()

        def attempt() -> Result:
            try:
                with self._pool.connection() as conn:
                    if self._statement_timeout:
                        conn.execute(f"SET LOCAL statement_timeout = '{self._statement_timeout}s'".encode())
                    return work(conn)
            except PoolTimeout:
                with self._connect():  # the pool does not say why
                    raise

        return self._patiently(attempt, also)

    def _patiently(self, attempt: Callable[[], Result], also: Errors) -> Result:
        for pause in self._pauses:
            try:
                return attempt()
            except (psycopg.Error, UnreachedError) as error:
                if isinstance(error, psycopg.Error) and not (is_transient(error) or isinstance(error, also)):
                    raise
                if getattr(error, "sqlstate", None) in SOON and pause > SHORTLY:
                    raise
                said = said_by(error) if isinstance(error, psycopg.Error) else str(error)
                logger.warning(
                    "PostgreSQL at %s could not be reached or broke off (%s); trying again in %s s.",
                    self.place, said, pause,
                )  # fmt: skip
                if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                    self._pool.drain()  # the server has become a standby: its name leads to another one now
                time.sleep(pause)
        return attempt()

    def _connect(self) -> Connection:
        try:
            parameters = self._access()
        except TransientError as error:
            raise UnreachedError(str(error)) from error
        try:
            return psycopg.connect(**parameters, autocommit=True)
        except psycopg.OperationalError as error:
            if self._access.refusal:
                raise UnreachedError(
                    f"No connection to PostgreSQL at {self.place} through the tunnel. {self._access.refusal} Check "
                    "indexing.host and indexing.port, as the SSH server sees them, and that it allows forwarding."
                ) from error
            raise
