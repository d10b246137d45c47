"""S3 to SQL: source-s3, destination-s3vectors, and one statement that joins what a search finds with a table."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from demo.sql_bridge import bridged, index_arn
from tests.conftest import Bucket, Database, VectorBucket
from tests.end_to_end.pipeline import Run, discover, sync

DIMENSIONS = 8
QUESTION = [1.0] + [0.1] * (DIMENSIONS - 1)
JOIN = """
    SELECT p.sku, v.distance
    FROM s3vl.query_vectors(%s::float8[], 'products', top_k => 200, metadata_filter => %s) v
    JOIN product p ON p.sku = v.metadata ->> 'sku'
    WHERE p.tenant = 'north' AND p.in_stock AND p.price < 50 ORDER BY v.distance"""


@dataclass(frozen=True, slots=True)
class Product:
    """Vector and tenant lie in S3; tenant, price and stock in PostgreSQL."""

    sku: str
    tenant: str
    vector: list[float]
    price: int
    in_stock: bool

    @property
    def distance(self) -> float:
        a, b = np.array(QUESTION, np.float32), np.array(self.vector, np.float32)
        return float(1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def made(chance: random.Random, numbers: Iterable[int]) -> list[Product]:
    return [
        Product(
            f"sku-{number}",
            chance.choice(["north", "south"]),
            [chance.gauss(0, 1) for _ in range(DIMENSIONS)],
            chance.randrange(100),
            chance.random() < 0.6,
        )
        for number in numbers
    ]


def expected(products: Iterable[Product]) -> list[tuple[str, Any]]:
    fitting = [each for each in products if each.tenant == "north" and each.in_stock and each.price < 50]
    return [(each.sku, pytest.approx(each.distance, abs=1e-5)) for each in sorted(fitting, key=lambda p: p.distance)]


@dataclass(frozen=True, slots=True)
class Line:
    """From the bucket to the index, by the two commands."""

    folder: Path
    bucket: Bucket
    vectors: VectorBucket

    def upload(self, name: str, products: Iterable[Product]) -> None:
        rows = ({"sku": each.sku, "tenant": each.tenant, "vector": each.vector} for each in products)
        self.bucket.put(f"products/{name}.jsonl", "\n".join(map(json.dumps, rows)))

    def load(self, before: Run | None = None) -> Run:
        stream = {"name": "products", "globs": ["products/*.jsonl"], "format": {"filetype": "jsonl"}}
        source = self.bucket.sign_in() | {"sync_deletions": True, "streams": [stream]}
        (found,) = discover(self.folder, source)
        modes = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
        catalog = {"streams": [{"stream": found, **modes, "primary_key": found["source_defined_primary_key"]}]}
        destination = {
            "embedding": {"mode": "from_field", "field_name": "vector", "dimensions": DIMENSIONS},
            "processing": {"chunk_size": 100, "text_fields": ["sku"], "metadata_fields": ["sku", "tenant"]},
            "indexing": self.vectors.indexing(),
        }
        states = list(before.states.values()) if before else []
        run = sync(self.folder, source, destination, catalog, states, program="destination-s3vectors")
        assert run.is_clean, run.describe()
        return run


@pytest.fixture
def shop(database: Database) -> Iterator[psycopg.Connection]:
    """A database with the table that the products in S3 are joined with."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE product (sku text PRIMARY KEY, tenant text, price int, in_stock boolean)")
        yield connection


def stock(shop: psycopg.Connection, products: Iterable[Product]) -> None:
    for each in products:
        row = [each.sku, each.tenant, each.price, each.in_stock]
        shop.execute("INSERT INTO product VALUES (%s, %s, %s, %s)", row)


def asked(shop: psycopg.Connection, metadata_filter: str | None = None) -> list[tuple[Any, ...]]:
    return shop.execute(JOIN, [QUESTION, metadata_filter]).fetchall()


def test_sql_joins_what_a_search_finds_with_a_table(
    tmp_path: Path, bucket: Bucket, vector_bucket: VectorBucket, shop: psycopg.Connection
) -> None:
    chance = random.Random(7)
    kept, dropped = made(chance, range(60)), made(chance, range(60, 80))
    line = Line(tmp_path, bucket, vector_bucket)
    line.upload("kept", kept)
    line.upload("dropped", dropped)
    stock(shop, [*kept, *dropped])
    first = line.load()
    logged: list[str] = []
    with bridged(shop, vector_bucket.indexing(), logged.append):
        index = index_arn(vector_bucket.indexing(), vector_bucket.name, "airbyte.products")
        shop.execute("SELECT s3vl.register_index('products', %s)", [index])
        logged.clear()

        assert asked(shop) == expected([*kept, *dropped])
        assert len(logged) == 1  # one search for the whole join
        of_tenant = '{"tenant": {"$eq": "north"}}'
        assert asked(shop, of_tenant) == expected([*kept, *dropped])
        assert json.loads(logged[0])["rows"] == 80
        assert json.loads(logged[1])["rows"] == sum(each.tenant == "north" for each in [*kept, *dropped])

        # What PostgreSQL knows is true at once, what lies in S3 after a sync.
        shop.execute("UPDATE product SET in_stock = NOT in_stock")
        bucket.client.delete_object(Bucket=bucket.name, Key="products/dropped.jsonl")
        added = made(chance, range(80, 90))
        line.upload("added", added)
        stock(shop, added)
        turned = [replace(each, in_stock=not each.in_stock) for each in [*kept, *dropped]]
        assert asked(shop) == expected(turned)
        line.load(first)
        assert asked(shop) == expected([*turned[: len(kept)], *added])
