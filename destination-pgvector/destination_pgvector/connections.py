"""Connections to the server: a pool for the load's threads, and single ones for what runs once a sync."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from destination_pgvector.config import Indexing
from destination_pgvector.postgres_errors import is_transient, mapped

logger = logging.getLogger("airbyte.pgvector")
Result = TypeVar("Result")
POOL = 6  # the load's threads, and room for more
PAUSES = (0.2, 1.0, 5.0, 15.0)  # seconds before a transaction is tried again: a server restarts in less
PATIENCE = 30.0  # seconds that the pool tries to connect


class Connections:
    def __init__(self, indexing: Indexing) -> None:
        """Nothing is connected before the first call."""
        self.place = f"{indexing.host}:{indexing.port}/{indexing.database}"
        self._parameters: dict[str, Any] = {
            "host": indexing.host,
            "port": indexing.port,
            "dbname": indexing.database,
            "user": indexing.username,
            "password": indexing.credentials.password.get_secret_value(),
            "sslmode": indexing.ssl_mode,
            "connect_timeout": 15,
            "keepalives_idle": 60,  # seconds: a server that vanished is noticed before the platform gives up
            "application_name": "airbyte destination-pgvector",
            "prepare_threshold": None,  # poolers such as PgBouncer lose prepared statements
        }
        self._pool = ConnectionPool(
            kwargs=self._parameters,
            min_size=0,
            max_size=POOL,
            timeout=PATIENCE,
            check=ConnectionPool.check_connection,
            open=False,
        )

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def own(self) -> Iterator[Connection]:
        """A connection of its own, in autocommit, without a limit on how long a statement may take."""
        with psycopg.connect(**self._parameters, autocommit=True) as conn:
            conn.execute("SET statement_timeout = 0")
            yield conn

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """`retry`, with errors as ours."""
        with mapped(self.place):
            return self.retry(work)

    def retry(self, work: Callable[[Connection], Result]) -> Result:
        """In a transaction of a pooled connection, again if the server broke off. `work` must be idempotent."""
        self._pool.open()
        for pause in PAUSES:
            try:
                with self._pool.connection() as conn:
                    return work(conn)
            except psycopg.Error as error:
                if not is_transient(error):
                    raise
                said = " ".join(str(error).split())
                logger.warning("PostgreSQL at %s broke off (%s); trying again in %s s.", self.place, said, pause)
                time.sleep(pause)
        with self._pool.connection() as conn:
            return work(conn)
