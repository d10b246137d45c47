"""Where a quarantine can lie: a folder of a bucket, or of a file system."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from source_s3.policy.quarantine import Place
from source_s3.stream_config import folder_of_bucket
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

DELETED_AT_ONCE = 1000  # keys of one DeleteObjects: docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
PROBE = ".source-s3-check"


def place_at(address: str, client: "S3Client") -> Place:
    """ConfigError: neither s3://bucket/folder/ nor an absolute path."""
    if (found := folder_of_bucket(address)) is not None:
        return BucketPlace(client, *found)
    if not Path(address).is_absolute():
        raise ConfigError(
            f"The place {address!r} for bad rows can't be used: expected s3://bucket/folder/ or an absolute path"
        )
    return FolderPlace(Path(address))


def prove_writable(place: Place) -> None:
    """ConfigError or TransientError if nothing can be put there, or taken away."""
    place.put(PROBE, b"")
    place.delete([PROBE])


class BucketPlace:
    """A folder of a bucket. `folder` is empty, or ends with a slash."""

    def __init__(self, client: "S3Client", bucket: str, folder: str) -> None:
        self._client, self._bucket, self._folder = client, bucket, folder

    @property
    def address(self) -> str:
        return f"s3://{self._bucket}/{self._folder}"

    def put(self, name: str, content: bytes) -> None:
        with aws_errors(f"put a file into the quarantine at {self.address}"):
            self._client.put_object(Bucket=self._bucket, Key=self._folder + name, Body=content)

    def get(self, name: str) -> bytes:
        with aws_errors(f"read {name} from the quarantine at {self.address}"):
            return self._client.get_object(Bucket=self._bucket, Key=self._folder + name)["Body"].read()

    def names(self, prefix: str) -> Iterator[str]:
        with aws_errors(f"list the quarantine at {self.address}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._folder + prefix
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    yield entry["Key"].removeprefix(self._folder)

    def delete(self, names: Sequence[str]) -> None:
        for first in range(0, len(names), DELETED_AT_ONCE):
            keys: list[ObjectIdentifierTypeDef] = [
                {"Key": self._folder + name} for name in names[first : first + DELETED_AT_ONCE]
            ]
            with aws_errors(f"empty the quarantine at {self.address}"):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            for failed in answer.get("Errors", []):
                raise ConfigError(
                    f"Could not delete {failed.get('Key')} from the quarantine at {self.address}: "
                    f"{failed.get('Code')}. Allow s3:DeleteObject there"
                )


class FolderPlace:
    """A folder of a file system, made if missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def address(self) -> str:
        return f"{self._folder}/"

    def put(self, name: str, content: bytes) -> None:
        path = self._folder / name
        with self._named("write into"):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync_folder(path.parent)

    def get(self, name: str) -> bytes:
        with self._named(f"read {name} from"):
            return (self._folder / name).read_bytes()

    def names(self, prefix: str) -> Iterator[str]:
        with self._named("list"):
            paths = sorted((self._folder / prefix).rglob("*.jsonl"))
        return (path.relative_to(self._folder).as_posix() for path in paths)

    def delete(self, names: Sequence[str]) -> None:
        with self._named("delete from"):
            for name in names:
                (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _named(self, action: str) -> Iterator[None]:
        """A ValueError is Python's word on a path with a NUL in it."""
        try:
            yield
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"Could not {action} the quarantine at {self.address}: {error}. Mend the folder, or choose another"
            ) from error


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a crash of the machine, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
