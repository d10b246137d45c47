"""The servers that all other tests stand on."""

from tests.conftest import Bucket, Database


def test_postgres_has_pgvector(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE EXTENSION vector")
        (distance,) = connection.execute("SELECT '[1,0]'::vector <=> '[0,1]'::vector").fetchone() or (None,)
    assert distance == 1


def test_s3_gives_back_what_was_put(bucket: Bucket) -> None:
    bucket.put("a/b.txt", "hello")
    assert bucket.client.get_object(Bucket=bucket.name, Key="a/b.txt")["Body"].read() == b"hello"
