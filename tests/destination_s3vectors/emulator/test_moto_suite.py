"""The emulator under tests that others wrote, most of them verified by their authors against the service.

They come in moto's source distribution, downloaded once and kept in the user's cache.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from demo.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from destination_s3vectors.emulator.server import ACCOUNT, REGION, Emulator
from tests.untested import untested

TESTS = 53  # with all parameters, of moto 5.2.5; a newer one has more
CONFTEST = f'''
import uuid

import pytest


@pytest.fixture
def account_id():
    return "{ACCOUNT}"


@pytest.fixture
def bucket_name():
    return str(uuid.uuid4())
'''


def test_the_emulator_passes_the_tests_of_moto(emulator: Emulator, s3_server: S3Server, tmp_path: Path) -> None:
    folder = tmp_path / "suite"
    _unpack(_source_distribution(), folder)
    (folder / "tests" / "conftest.py").write_text(CONFTEST)
    environment = os.environ | {
        "MOTO_TEST_ALLOW_AWS_REQUEST": "true",
        "AWS_ENDPOINT_URL_S3VECTORS": emulator.endpoint,
        "AWS_ENDPOINT_URL_STS": s3_server.endpoint,  # one test asks who it is
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "-o",
        "markers=aws_verified",
    ]
    done = subprocess.run(
        [*command, f"--rootdir={folder}", "tests/test_s3vectors"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = re.search(r"^(\d+) passed in", done.stdout, re.MULTILINE)
    assert summary, done.stdout
    assert int(summary[1]) >= TESTS


def _source_distribution() -> Path:
    """Of the installed version. Without one, the test fails in CI and is skipped elsewhere."""
    version = importlib.metadata.version("moto")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "destination-s3vectors-tests"
    file = cache / f"moto-{version}.tar.gz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", f"moto=={version}"]
        done = subprocess.run([*command, "-q", "-d", str(cache)], capture_output=True, text=True, check=False)
        if done.returncode or not file.exists():
            untested(f"moto's tests could not be downloaded, so the emulator was NOT held against them: {done.stderr}")
    return file


def _unpack(archive: Path, folder: Path) -> None:
    """Its s3vectors tests alone."""
    with tarfile.open(archive) as found:
        for member in found.getmembers():
            path = Path(*Path(member.name).parts[1:])
            wanted = path == Path("tests/__init__.py") or path.is_relative_to("tests/test_s3vectors")
            content = found.extractfile(member) if wanted else None
            if content is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content.read())
