"""Puts of vectors of 1,536 dimensions with 1 KB of metadata, against stock boto3 and against the service's limit.

First the client's own work: vectors a second of its CPU, ours and `put_vectors` of boto3 as it comes, both to a server
in another process that throws all away. They take turns, and the figures are medians. Ours goes through the whole
transport, from four threads as in the connector. Then the pace: from four threads into the emulator, in a process of
its own, that refuses what is above the documented 2,500 vectors a second. VECTORS_BENCH_ROWS changes the number of
vectors.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3.session
import numpy as np
import numpy.typing as npt
import orjson

from destination_s3vectors.service import limits
from destination_s3vectors.service.transport import Transport, Vector, client_for
from tests.sessions import signed_in

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

ROWS = int(os.environ.get("VECTORS_BENCH_ROWS", "30000"))
TURNS = 5
DIMENSIONS = 1536
BATCH = 1000  # vectors of one put of a load thread
METADATA = {"text": "word " * 200, "page": 7, "source": "s3://documents/a.pdf", "tags": ["a", "b"]}
INDEX = "arn:aws:s3vectors:us-east-1:123456789012:bucket/bench-bucket/index/bench"


def main() -> dict[str, Any]:
    data = np.random.default_rng(1).standard_normal((ROWS, DIMENSIONS), np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)  # as most models give them
    ours, stock = against_stock(data)
    return {
        "vectors_per_client_cpu_second": {"ours": round(ours), "stock_boto3": round(stock)},
        "ratio": round(ours / stock, 1),
        "into_the_emulator": paced(data),
    }


def against_stock(data: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Vectors a second of the client's CPU, ours and stock."""
    turns: list[tuple[float, float]] = []
    with started("tests.servers.null_sink") as endpoint:
        transport = Transport(client_for(signed_in("a-key", "a-secret", "us-east-1"), None, endpoint))
        own = boto3.session.Session("a-key", "a-secret", region_name="us-east-1")
        client = own.client("s3vectors", endpoint_url=endpoint)
        for _ in range(1 + TURNS):
            ours = cpu_rate(lambda rows: put_ours(transport, INDEX, rows), data[: max(1, ROWS // 4)])
            stock = cpu_rate(lambda rows: put_stock(client, rows), data[: max(1, ROWS // 20)])
            turns.append((ours, stock))
        transport.close()
        client.close()
    del turns[0]  # the first calls also make connections, and ask the system for memory
    return statistics.median(ours for ours, _ in turns), statistics.median(stock for _, stock in turns)


@contextmanager
def started(module: str, *options: str) -> Iterator[str]:
    """The endpoint that the module prints when it runs as a process."""
    with subprocess.Popen([sys.executable, "-m", module, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def cpu_rate(put: Callable[[npt.NDArray[np.float32]], object], rows: npt.NDArray[np.float32]) -> float:
    begun = time.process_time()
    put(rows)
    return len(rows) / (time.process_time() - begun)


def put_ours(transport: Transport, index: str, rows: npt.NDArray[np.float32]) -> None:
    """From four threads, as the connector does."""

    def put(start: int) -> None:
        transport.put(index, vectors(rows[start : start + BATCH], start))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(0, len(rows), BATCH)))


def put_stock(client: "S3VectorsClient", rows: npt.NDArray[np.float32]) -> None:
    for start in range(0, len(rows), limits.PUT_VECTORS):
        call: Any = [
            {"key": f"document#{start + at}", "data": {"float32": row.tolist()}, "metadata": METADATA}
            for at, row in enumerate(rows[start : start + limits.PUT_VECTORS])
        ]
        client.put_vectors(indexArn=INDEX, vectors=call)


def vectors(rows: npt.NDArray[np.float32], start: int = 0) -> Sequence[Vector]:
    return [Vector(f"document#{start + at}", row, orjson.dumps(METADATA)) for at, row in enumerate(rows)]


def paced(data: npt.NDArray[np.float32]) -> dict[str, Any]:
    with started("destination_s3vectors.emulator") as endpoint:
        client = client_for(signed_in("a-key", "a-secret", "us-east-1"), None, endpoint)
        client.create_vector_bucket(vectorBucketName="bench-bucket")
        index = client.create_index(
            vectorBucketName="bench-bucket",
            indexName="bench",
            dataType="float32",
            dimension=DIMENSIONS,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
        )["indexArn"]
        transport = Transport(client)
        begun, cpu = time.perf_counter(), time.process_time()
        put_ours(transport, index, data)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        requests, refused = writes(endpoint)
        there = sum(1 for _ in transport.list_all(index, metadata=False))
        transport.close()
    return {
        "vectors": len(data),
        "stored": there,
        "share_of_the_limit": round(len(data) / seconds / limits.VECTORS_PER_SECOND, 3),
        "requests": requests,
        "refused_share_of_requests": round(refused / requests, 4),
        "share_of_a_core": round(cpu / seconds, 2),
    }


def writes(endpoint: str) -> tuple[int, int]:
    """Requests that put or delete, and how many of them were refused: as the emulator counted, not the client."""
    with urllib.request.urlopen(f"{endpoint}/_emulator/log") as answer:
        log: dict[str, Any] = json.load(answer)
    found = [log[operation] for operation in ("PutVectors", "DeleteVectors") if operation in log]
    return sum(each["calls"] for each in found), sum(sum(each["refused"].values()) for each in found)
