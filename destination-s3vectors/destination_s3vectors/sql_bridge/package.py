"""The Lambda function as a zip: `python -m destination_s3vectors.sql_bridge.package requirements.lock dist`.

In it are the handler with the modules of this folder that it imports, and botocore with what that needs: the versions
and hashes of the lock file, wheels of pure Python only, so that the same zip runs on arm64 and x86_64. Of botocore's
descriptions of services only those of SERVICES are packed. The same sources give the same bytes (with the same zlib),
and the name carries their hash: new code has a new name, which is what CloudFormation looks at.
"""

import argparse
import ast
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

# Both are attributes of Lambda: `template.yaml` names the same. Deprecation dates of the runtimes:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIME = "python3.13"
HANDLER = "destination_s3vectors.sql_bridge.handler"  # the module; its function is `handler`
# Of the deployment package: uploaded directly, and unpacked with all layers.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ZIPPED_BYTES, UNPACKED_BYTES = 50 * 1024 * 1024, 250 * 1024 * 1024
REQUIREMENTS = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")  # whole: the installer refuses a gap
IMPORTED = ("botocore", "jmespath", "dateutil", "six", "urllib3")  # the same, as modules name them
SERVICES = ("s3vectors", "bedrock-runtime", "secretsmanager")  # whose clients the handler makes

PACKAGE = HANDLER.partition(".")[0]
ROOT = Path(__file__).parents[2]
# Kept of a distribution's own folder: its name, version and licence.
KEPT = re.compile(r"METADATA|LICEN[CS]E.*|NOTICE.*|licenses/.*")
SERVICE_DATA = re.compile(r"botocore/data/([^/]+)/")
EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can say


class PackageError(Exception):
    """The package cannot be made of what is there."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m destination_s3vectors.sql_bridge.package", description=__doc__)
    parser.add_argument("lock", type=Path, help="requirements with versions and hashes")
    parser.add_argument("folder", type=Path, help="where the zip goes")
    given = parser.parse_args()
    try:
        files = {**own_files(), **dependencies(given.lock)}
        content = zipped(files)
        check_size(files, content)
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    path: Path = given.folder / f"s3vl-{hashlib.sha256(content).hexdigest()[:16]}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    sys.stdout.write(
        f"{path}\n{len(content):,} bytes of {ZIPPED_BYTES:,}; unpacked {_total(files):,} of {UNPACKED_BYTES:,}\n"
    )
    return 0


def own_files() -> dict[str, bytes]:
    """The handler's module and all of the package that is imported from there, by their paths in the zip."""
    files: dict[str, bytes] = {}
    waiting = [HANDLER]
    while waiting:
        module = waiting.pop()
        path = _source(module)
        name = path.relative_to(ROOT).as_posix()
        if name in files:
            continue
        files[name] = path.read_bytes()
        waiting += filter(None, [module.rpartition(".")[0]])  # the package around it
        waiting += _imports(module, files[name])
    return files


def dependencies(lock: Path) -> dict[str, bytes]:
    """What the wheels of REQUIREMENTS hold, as far as the handler needs it."""
    with tempfile.TemporaryDirectory(prefix="s3vl-") as made:
        target = Path(made) / "packages"
        _install(pinned(lock.read_text()), target)
        files = {
            path.relative_to(target).as_posix(): path.read_bytes()
            for path in sorted(target.rglob("*"))
            if path.is_file()
        }
    for name, content in files.items():
        if name.endswith("/WHEEL") and not re.search(rb"^Tag: .*py3-none-any$", content, re.MULTILINE):
            message = f"{name.partition('-')[0]} is not pure Python: one zip would not run on every architecture"
            raise PackageError(f"{message}. Take a version with a wheel `none-any`.")
    return {name: content for name, content in files.items() if _is_packed(name)}


def pinned(lock: str) -> str:
    """The lines of REQUIREMENTS with their hashes."""
    entries = {entry.partition("==")[0]: entry for entry in re.split(r"\n(?=\S)", lock)}  # hashes are indented
    missing = [name for name in REQUIREMENTS if name not in entries]
    if missing:
        raise PackageError(f"the lock file has no {', '.join(missing)}: make it anew with `make lock`")
    return "\n".join(entries[name] for name in REQUIREMENTS) + "\n"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same files: in order, without times and owners."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Lambda runs it as another user
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, 9)
    return content.getvalue()


def check_size(files: Mapping[str, bytes], content: bytes) -> None:
    for what, size, most in (("has", len(content), ZIPPED_BYTES), ("unpacks to", _total(files), UNPACKED_BYTES)):
        if size > most:
            raise PackageError(f"the zip {what} {size:,} bytes, Lambda takes {most:,}: pack fewer SERVICES or modules")


def _total(files: Mapping[str, bytes]) -> int:
    return sum(map(len, files.values()))


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(module: str, source: bytes) -> Iterator[str]:
    """Those of the package. PackageError: another that will not be there."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
            names += [name for each in node.names if _source(name := f"{node.module}.{each.name}").is_file()]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top == PACKAGE:
                yield name
            elif top not in sys.stdlib_module_names and top not in IMPORTED:
                raise PackageError(f"{module} imports {name}, which is not packed: see REQUIREMENTS")


def _install(requirements: str, target: Path) -> None:
    listed = target.with_suffix(".txt")
    listed.write_text(requirements)
    uv = Path(sys.executable).with_name("uv")
    program = str(uv) if uv.exists() else shutil.which("uv") or "uv"
    command = [program, "pip", "install", "-q", "--require-hashes", "--only-binary", ":all:", "--no-config"]
    command += ["--python", sys.executable, "--python-version", RUNTIME.removeprefix("python"), "--target", str(target)]
    done = subprocess.run([*command, "-r", str(listed)], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise PackageError(f"the pinned packages could not be installed:\n{done.stderr}")


def _is_packed(name: str) -> bool:
    """Neither scripts, nor what installers leave, nor services that are never called."""
    top, _, rest = name.partition("/")
    if top.endswith(".dist-info"):
        return KEPT.fullmatch(rest) is not None
    service = SERVICE_DATA.match(name)
    return top not in ("bin", ".lock") and "__pycache__" not in name and (not service or service[1] in SERVICES)


if __name__ == "__main__":
    sys.exit(main())
