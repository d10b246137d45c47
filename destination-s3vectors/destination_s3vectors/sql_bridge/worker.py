"""Empties the outbox of s3vl, again and again: `python -m destination_s3vectors.sql_bridge.worker DSN`.

It signs in to PostgreSQL only; the Lambda function does the rest. Any number may run: an index is drained by one at a
time. `SELECT s3vl.drain_outbox('index')` by pg_cron does the same.
"""

import argparse
import logging
import sys
import time

import psycopg

logger = logging.getLogger("s3vl.worker")
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds: between looks, and at most after errors


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m destination_s3vectors.sql_bridge.worker", description=__doc__)
    arguments.add_argument("dsn", help="of the database, such as postgresql://user@host/database")
    arguments.add_argument("--once", action="store_true", help="end when nothing more goes; 1 if something failed")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    pause = PAUSE
    while True:
        try:
            with psycopg.connect(given.dsn, autocommit=True) as connection:
                sent, failed = 1, 0
                while sent:
                    sent, failed = drain(connection)
        except psycopg.Error as error:
            logger.error("%s: %s", error.sqlstate, error)  # noqa: TRY400 -- the server's own words are enough
            failed = 1
        if given.once:
            return 1 if failed else 0
        pause = min(pause * 2, LONGEST_PAUSE) if failed else PAUSE
        time.sleep(pause)


def drain(connection: psycopg.Connection) -> tuple[int, int]:
    """One batch of each index with changes: how many went, and of how many indexes none can go.

    All that did not go stays; one index never holds up the others. Raises psycopg.Error: the connection is lost.
    """
    sent = failed = 0
    for (index,) in connection.execute("SELECT index_name FROM s3vl.list_indexes() WHERE is_active").fetchall():
        try:
            row = connection.execute("SELECT s3vl.drain_outbox(%s)", [index]).fetchone()
        except psycopg.Error as error:
            if connection.broken:
                raise
            logger.error("%s: %s: %s", index, error.sqlstate, error)  # noqa: TRY400 -- as above
            failed += 1
            continue
        assert row is not None
        if row[0]:
            logger.info("%s: %s changes", index, row[0])
            sent += row[0]
    return sent, failed


if __name__ == "__main__":
    sys.exit(main())
