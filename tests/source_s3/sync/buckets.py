"""Small objects in the bucket of a test, by their keys."""

from tests.conftest import Bucket


def put(bucket: Bucket, *keys: str) -> None:
    for key in keys:
        bucket.put(key, f"id\n{key}\n")


def remove(bucket: Bucket, *keys: str) -> None:
    bucket.client.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": key} for key in keys]})


def numbered(count: int, folder: str = "") -> list[str]:
    return [f"{folder}{number:02}.csv" for number in range(count)]
