"""What an index finds of what exact search finds, on a sample of the stored vectors."""

import logging
import math
import time
from dataclasses import dataclass, replace

import psycopg
from psycopg import Connection

from destination_pgvector.search import Among, how_far, statement
from destination_pgvector.tables.index import Plan, row_count

logger = logging.getLogger("airbyte.pgvector")
NEAREST = 10
SECONDS = 20.0  # that the check may take: exact search reads the whole table for each question
SPREAD = 20  # times as many rows as questions are drawn from a large table
LOW = 0.9  # what is warned of


@dataclass(frozen=True, slots=True)
class Recall:
    """`share`: of the nearest rows, how many the index found, over all questions."""

    share: float
    questions: int
    setting: str

    def __str__(self) -> str:
        return f"recall@{NEAREST} {self.share:.3f} over {self.questions} stored vectors as questions ({self.setting})"


def measure(conn: Connection, name: str, plan: Plan, questions: int, seconds: float = SECONDS) -> Recall | None:
    """None: there is nothing to ask for, or exact search takes too long. `conn` is in autocommit."""
    deadline, found, expected, asked = time.monotonic() + seconds, 0, 0, 0
    among, exactly = Among(name, plan), Among(name, replace(plan, vector=replace(plan.vector, quantised=False)))
    setting = how_far(conn, among, NEAREST)
    for question in _sample(conn, name, questions):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            exact = _distances(conn, exactly, question, ["enable_indexscan = off"], left)
        except psycopg.errors.QueryCanceled:
            break
        # Else a small table is read as a whole, index or not.
        by_index = _distances(conn, among, question, ["enable_seqscan = off", setting], seconds)
        if not exact:
            continue
        # By distance: of rows that are equally far, any will do.
        found += sum(distance <= exact[-1] for distance in by_index[: len(exact)])
        expected += len(exact)
        asked += 1
    return Recall(found / expected, asked, setting) if expected else None


def tell(name: str, recall: Recall | None) -> None:
    if recall is None:
        logger.info(
            "What the index of %s finds was not measured: exact search takes too long, or there are no rows.", name
        )
    elif recall.share < LOW:
        logger.warning(
            "The index of %s finds little: %s. Raise ef_search, ef_construction and m of HNSW, or probes of IVFFlat.",
            name, recall,
        )  # fmt: skip
    else:
        logger.info("The index of %s: %s.", name, recall)


def _sample(conn: Connection, name: str, questions: int) -> list[str]:
    rows = row_count(conn, name)
    share = min(100.0, 100.0 * questions * SPREAD / max(rows, 1))
    query = (
        f"SELECT embedding::text FROM {name} TABLESAMPLE SYSTEM ({share:.6f}) WHERE embedding IS NOT NULL "
        "ORDER BY random() LIMIT %s"
    )
    return [row[0] for row in conn.execute(query.encode(), (questions,)).fetchall()]


def _distances(conn: Connection, among: Among, question: str, settings: list[str], seconds: float) -> list[float]:
    """To the nearest rows, nearest first."""
    values = {"question": question, "limit": NEAREST}
    with conn.transaction():
        for setting in [*settings, f"statement_timeout = {max(1, int(seconds * 1000))}"]:
            conn.execute(f"SET LOCAL {setting}".encode())
        found = [row[2] for row in conn.execute(statement(among, "true").encode(), values).fetchall()]
    return [distance for distance in found if not math.isnan(distance)]  # of vectors of length 0, by cosine
