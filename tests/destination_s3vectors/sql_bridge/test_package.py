"""The zip of the Lambda function: what is in it, and that it runs where nothing else is."""

import ast
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import botocore
import pytest

from destination_s3vectors.sql_bridge import package
from tests.destination_s3vectors.sql_bridge.conftest import Service

LOCK = Path(__file__).parents[3] / "requirements.lock"
# As Lambda does it: the handler by name, from a folder that has all but the standard library.
PROGRAM = """
import importlib, json, sys, types
folder, name, event = sys.argv[1:]
sys.path.append(folder)
standard = [path for path in sys.path if path != folder]
module, _, function = name.rpartition(".")
context = types.SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 5000)
answer = getattr(importlib.import_module(module), function)(json.loads(event), context)
files = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
strange = [file for file in files if not file.startswith((folder, *standard))]
json.dump({"answer": answer, "strange": strange, "path": sys.path}, sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Built:
    zip: Path
    told: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("lambda")
    command = [sys.executable, "-m", "destination_s3vectors.sql_bridge.package", str(LOCK), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (path,) = folder.iterdir()
    return Built(path, done.stdout)


def test_the_package_alone_answers_in_a_bare_interpreter(built: Built, service: Service, tmp_path: Path) -> None:
    with zipfile.ZipFile(built.zip) as archive:
        archive.extractall(tmp_path)
    service.put(service.products, ("x", [1.0, 0.0, 0.0], {"price": 3}))
    event = {"operation": "query_vectors", "index_arn": service.products, "query_vector": [1.0, 0.0, 0.0]}
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    environment = {"AWS_ENDPOINT_URL_S3VECTORS": service.emulator.endpoint, "PATH": os.defpath, **keys}
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(tmp_path), f"{package.HANDLER}.handler"]
    done = subprocess.run(
        [*command, json.dumps(event)], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stderr)
    assert said["answer"]["result"]["vectors"] == [{"key": "x", "distance": pytest.approx(0), "metadata": {"price": 3}}]
    assert said["strange"] == []
    assert not any("site-packages" in path for path in said["path"])
    assert json.loads(done.stdout)["operation"] == "query_vectors"  # the log line


def test_the_same_sources_give_the_same_bytes_and_the_name_says_which(built: Built) -> None:
    again = package.zipped({**package.own_files(), **package.dependencies(LOCK)})
    assert again == built.zip.read_bytes()
    other = package.zipped({**package.own_files(), "more": b""})
    assert other != again
    with zipfile.ZipFile(built.zip) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}  # readable for Lambda's user


def test_the_size_is_told_and_far_below_the_limits_of_lambda(built: Built) -> None:
    size = built.zip.stat().st_size
    assert built.told.splitlines()[0] == str(built.zip)
    assert f"{size:,} bytes of 52,428,800" in built.told
    assert size < 3_000_000  # so that the console still shows the code
    with pytest.raises(package.PackageError, match=r"has 52,428,801 bytes, Lambda takes 52,428,800"):
        package.check_size({}, bytes(package.ZIPPED_BYTES + 1))
    with pytest.raises(package.PackageError, match="unpacks to"):
        package.check_size({"a": bytes(package.UNPACKED_BYTES + 1)}, b"")


def test_it_holds_the_handler_its_needs_and_their_licences(built: Built) -> None:
    names = zipfile.ZipFile(built.zip).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if "." not in top} == {
        "botocore", "jmespath", "dateutil", "urllib3", "destination_s3vectors",
    }  # fmt: skip
    for requirement in package.REQUIREMENTS:
        folder = next(top for top in tops if top.startswith(f"{requirement.replace('-', '_')}-"))
        assert any(name.startswith(f"{folder}/") and "LICENSE" in name for name in names)
    services = {name.split("/")[2] for name in names if name.startswith("botocore/data/") and name.count("/") > 2}
    assert services == set(package.SERVICES)
    assert not any(name.endswith((".pyc", ".sql", ".md", "worker.py", "package.py")) for name in names)


def test_every_service_that_the_handler_asks_is_packed() -> None:
    known = {path.name for path in (Path(botocore.__file__).parent / "data").iterdir() if path.is_dir()}
    first = [
        node.args[0].value
        for source in package.own_files().values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    assert known & {name for name in first if isinstance(name, str)} == set(package.SERVICES)


def test_what_would_be_missing_is_refused() -> None:
    lock = LOCK.read_text()
    assert package.pinned(lock).count("--hash=sha256:") >= 2 * len(package.REQUIREMENTS)
    with pytest.raises(package.PackageError, match="the lock file has no urllib3"):
        package.pinned(lock.replace("\nurllib3==", "\nurllib33=="))


def test_other_bytes_than_those_of_the_lock_are_refused(tmp_path: Path) -> None:
    entry = next(entry for entry in LOCK.read_text().split("\n") if entry.startswith("six=="))
    wrong = tmp_path / "wrong.lock"
    other = "    --hash=sha256:" + "0" * 64
    lines = LOCK.read_text().split("\n")
    place = lines.index(entry)
    lines[place + 1 : place + 3] = [other]
    wrong.write_text("\n".join(lines))
    command = [sys.executable, "-m", "destination_s3vectors.sql_bridge.package", str(wrong), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert "hash" in done.stderr.lower()
    assert list(tmp_path.glob("*.zip")) == []


def test_a_module_that_will_not_be_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "destination_s3vectors" / "sql_bridge"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "handler.py").write_text("def handler(event, context):\n    from numpy import array\n    return array\n")
    monkeypatch.setattr(package, "ROOT", tmp_path)
    with pytest.raises(package.PackageError, match=r"sql_bridge.handler imports numpy, which is not packed"):
        package.own_files()
