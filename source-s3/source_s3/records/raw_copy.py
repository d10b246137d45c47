"""Objects copied as they are: each becomes a file in the staging folder, and a record that refers to it.

The destination takes the file from there and removes it. A file gets its name when it is whole.
"""

import errno
import os
import posixpath
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from source_s3.config import FileTransfer
from source_s3.content.object_file import open_object
from source_s3.plan import StreamPlan
from source_s3.records.pieces import Job, Piece, now, timestamp
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import STRING, Properties
from vector_ingest.errors import ConfigError, TransientError
from vector_ingest.messages import dumps

VARIABLE, USUAL = "AIRBYTE_STAGING_DIRECTORY", "/staging/files"  # where the platform mounts what both sides see
COPY_BYTES = 1024 * 1024
NAME_BYTES, PATH_BYTES = 255, 3000  # what file systems take for one name, and a safe part of what they take for a path
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DOTS = {".": "%2E", "..": "%2E%2E"}
FILE_FACTS: Properties = {
    **{name: {"type": "string"} for name in ("folder", "file_name", "source_uri")},
    "bytes": {"type": "integer"},
    **dict.fromkeys(("id", "created_at", "updated_at", "mime_type"), STRING),
}


def require_names_differ(plan: StreamPlan, items: Sequence[S3Object]) -> None:
    """ConfigError where folders are left out and two objects have one name."""
    if plan.transfer is None or plan.transfer.preserve_directory_structure:
        return
    keys: dict[str, list[str]] = defaultdict(list)
    for item in items:
        keys[item.key.rpartition("/")[2]].append(item.key)
    twice = [found for found in keys.values() if len(found) > 1]
    if twice:
        raise ConfigError(
            f"Stream `{plan.name}`: {len(twice)} file names stand for several objects each, such as "
            f"{' and '.join(twice[0][:2])}, and one would overwrite the other. Turn `preserve_directory_structure` on, "
            "or narrow the globs."
        )


def copy_object(job: Job, item: S3Object) -> Piece:
    """ConfigError: the staging folder can't be written. TransientError: it is full, or the object can't be read."""
    plan = job.plan
    assert plan.transfer is not None
    path = relative_path(item.key, plan.transfer)
    folder = staging_folder() / uuid.uuid4().hex  # no two files share a path, whatever they are called
    file = folder / (path if _is_possible(path) else "file")
    try:
        file.parent.mkdir(parents=True)
        _download(job.bucket, item, file)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _explained(error, item, folder.parent) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    line = _record_line(plan.name, job.namespace, _data(job.bucket, item), _reference(file, path, item))
    return Piece(rows=1, lines=line + b"\n", records=1, place=item.size)


def read_head(bucket: Bucket, item: S3Object) -> None:
    """Prove that the object may be read."""
    with open_object(bucket, item, read_ahead=False) as body:
        body.read(1)


def staging_folder() -> Path:
    """Where files go. Outside of the platform its folder is not there: then below that for temporary files."""
    mounted = Path(os.environ.get(VARIABLE, USUAL))
    return mounted if mounted.exists() else Path(tempfile.gettempdir()) / "airbyte-file-transfer"


def relative_path(key: str, transfer: FileTransfer) -> str:
    """The path that the destination is told. A key may hold `..`, which must not lead out of any folder."""
    parts = [DOTS.get(part, part) for part in key.strip("/").split("/")]
    return "/".join(parts) if transfer.preserve_directory_structure else parts[-1]


def _is_possible(path: str) -> bool:
    """Keys have up to 1,024 bytes, in one part or in many."""
    names = [len(name.encode()) for name in path.split("/")]
    return max(names) + len(".part") <= NAME_BYTES and sum(names) + len(names) <= PATH_BYTES and path != ""


def _download(bucket: Bucket, item: S3Object, file: Path) -> None:
    part = file.with_name(f"{file.name}.part")
    with open_object(bucket, item, read_ahead=True) as body, part.open("wb") as out:
        shutil.copyfileobj(body, out, COPY_BYTES)
    size = part.stat().st_size
    if size != item.size:
        raise TransientError(
            f"Could not copy {item.name}: {size} of {item.size} bytes are in the file. Try again, and look at the disk "
            f"of {file.parent}."
        )
    part.replace(file)


def _explained(error: OSError, item: S3Object, staging: Path) -> ConfigError | TransientError:
    if error.errno in FULL:
        there = next(folder for folder in (staging, *staging.parents) if folder.exists())
        return TransientError(
            f"Could not copy {item.name} of {item.size} bytes: the disk of {staging} is full "
            f"({shutil.disk_usage(there).free} bytes are free). Give the connector's staging folder more room."
        )
    return ConfigError(
        f"Could not copy {item.name} to {staging}: {error.strerror or error}. The staging folder must be writable; the "
        f"environment variable {VARIABLE} names another."
    )


def _data(bucket: Bucket, item: S3Object) -> Mapping[str, Any]:
    folder, name = posixpath.split(item.key)
    return {
        "folder": folder,
        "file_name": name,
        "bytes": item.size,
        "source_uri": f"s3://{bucket.holding(item)}/{item.key}",
        "updated_at": timestamp(item.last_modified),
    }


def _reference(file: Path, path: str, item: S3Object) -> Mapping[str, Any]:
    return {"staging_file_url": str(file), "source_file_relative_path": path, "file_size_bytes": item.size}


def _record_line(
    stream: str, namespace: str | None, data: Mapping[str, Any], file_reference: Mapping[str, Any]
) -> bytes:
    record = {"stream": stream, "data": data, "emitted_at": now(), "file_reference": file_reference}
    return dumps({"type": "RECORD", "record": record if namespace is None else {**record, "namespace": namespace}})
