"""The SQL bridge's own time: 1,000 calls of query_vectors, and a join of its answer with 100,000 products.

The service's time is none: the real handler has a client that gives 10 vectors with 1 KB of metadata at once, of an
index of 1,024 dimensions. Beside each call stands a bare `aws_lambda.invoke` of a function that does nothing, with the
same vector and without: what all have in common is the stand-in for that extension, which takes half a millisecond
where AWS takes several.
The join stands beside the same query alone, and beside the same join with a table of the ids. BRIDGE_BENCH_CALLS
changes the number of calls.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg

from demo.aws_lambda import AwsLambda, Function
from destination_s3vectors.sql_bridge.handler import Bridge
from tests.benchmarks.load_pgvector import server

CALLS = int(os.environ.get("BRIDGE_BENCH_CALLS", "1000"))
PRODUCTS, NEAREST = 100_000, 100
DIMENSIONS = 1024
BARE = "arn:aws:lambda:us-east-1:123456789012:function:bare"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:s3vl"
INDEX = "arn:aws:s3vectors:us-east-1:123456789012:bucket/shop/index/products"
METADATA = {"text": "word " * 200, "page": 7, "source": "s3://documents/a.pdf", "tags": ["a", "b"]}
VECTOR = [n / DIMENSIONS for n in range(DIMENSIONS)]
JOIN = (
    "SELECT p.id, p.price, v.distance FROM {} v JOIN product p ON p.id = v.vector_id"
    " WHERE p.in_stock AND p.price < 500 ORDER BY v.distance"
)


class Ready:
    """A client of S3 Vectors whose answers take no time."""

    def query_vectors(self, *, topK: int, **_: object) -> dict[str, Any]:  # noqa: N803 -- the service's name
        vectors = [{"key": f"p{n * 7}", "distance": n / 1000, "metadata": METADATA} for n in range(topK)]
        return {"distanceMetric": "cosine", "vectors": vectors}


def main() -> dict[str, Any]:
    functions: dict[str, Function] = {BARE: lambda _: {}, FUNCTION: Bridge(lambda _: Ready(), lambda _: None).answer}
    with (
        tempfile.TemporaryDirectory() as name,
        server(Path(name)) as postgres,
        AwsLambda(functions) as aws_lambda,
        psycopg.connect(postgres.dsn(), autocommit=True) as connection,
    ):
        _install(connection, aws_lambda)
        return {"calls": CALLS, **_calls(connection), "join": _joins(connection)}


def _install(connection: psycopg.Connection, aws_lambda: AwsLambda) -> None:
    connection.execute(aws_lambda.install)
    connection.execute(files("destination_s3vectors.sql_bridge").joinpath("s3vl.sql").read_text())
    connection.execute("SELECT s3vl.configure(%s)", [FUNCTION])
    connection.execute("SELECT s3vl.register_index('products', %s)", [INDEX])
    connection.execute(
        "CREATE TABLE product AS SELECT 'p' || n AS id, n % 1000 AS price, n % 3 > 0 AS in_stock"
        f" FROM generate_series(0, {PRODUCTS - 1}) n".encode()
    )
    connection.execute(f"CREATE TABLE found AS SELECT * FROM {_search(NEAREST)}".encode())
    connection.execute("ALTER TABLE product ADD PRIMARY KEY (id); ANALYZE product; ANALYZE found")


def _calls(connection: psycopg.Connection) -> dict[str, Any]:
    ways = {
        "bare_invoke": lambda: connection.execute(
            "SELECT * FROM aws_lambda.invoke(%s, '{}'::jsonb)", [BARE]
        ).fetchall(),
        "bare_invoke_with_the_vector": lambda: connection.execute(
            "SELECT * FROM aws_lambda.invoke(%s, jsonb_build_object('query_vector', %s::float8[]))", [BARE, VECTOR]
        ).fetchall(),
        "query_vectors": lambda: connection.execute(
            "SELECT * FROM s3vl.query_vectors(%s, 'products')", [VECTOR]
        ).fetchall(),
    }
    taken = _in_turns(ways, CALLS)
    median = {way: statistics.median(each) for way, each in taken.items()}
    return {
        "milliseconds": {way: _told(each) for way, each in taken.items()},
        "own_milliseconds": _ms(median["query_vectors"] - median["bare_invoke_with_the_vector"]),
        "ratio": round(median["query_vectors"] / median["bare_invoke_with_the_vector"], 2),
    }


def _joins(connection: psycopg.Connection) -> dict[str, Any]:
    statements = {
        "query_alone": f"SELECT vector_id, distance FROM {_search(NEAREST)}",
        "joined": JOIN.format(_search(NEAREST)),
        "table_joined": JOIN.format("found"),
    }
    ways = {name: lambda text=text: connection.execute(text.encode()).fetchall() for name, text in statements.items()}
    taken = _in_turns(ways, max(10, CALLS // 10))
    median = {way: statistics.median(each) for way, each in taken.items()}
    return {
        "products": PRODUCTS,
        "nearest": NEAREST,
        "milliseconds": {way: _told(each) for way, each in taken.items()},
        "ratio": round(median["joined"] / (median["query_alone"] + median["table_joined"]), 2),
    }


def _search(count: int) -> str:
    return f"s3vl.query_vectors('{{{','.join(map(str, VECTOR))}}}'::float8[], 'products', top_k => {count})"


def _in_turns(ways: Mapping[str, Callable[[], object]], calls: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(calls + max(calls // 20, 1)):
        for way, ask in ways.items():
            begun = time.perf_counter()
            ask()
            if turn >= calls // 20:  # the first ones make connections and plans
                taken[way].append(time.perf_counter() - begun)
    return taken


def _told(seconds: list[float]) -> dict[str, float]:
    return {"median": _ms(statistics.median(seconds)), "p99": _ms(statistics.quantiles(seconds, n=100)[98])}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
