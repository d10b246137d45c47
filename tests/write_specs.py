"""Run as a program: each connector's spec.json anew, from its form. The other keys of a spec.json stay as they are."""

import json
from importlib import import_module
from importlib.resources import files
from pathlib import Path

from vector_ingest.command.spec import connection_specification

PACKAGES = ("source_s3", "destination_pgvector", "destination_s3vectors")


def main() -> None:
    for package in PACKAGES:
        config = import_module(f"{package}.config")
        path = Path(str(files(package))) / "spec.json"
        spec = json.loads(path.read_text())
        spec["connectionSpecification"] = connection_specification(config.Config, config.GROUPS)
        text = json.dumps(spec, indent=2, ensure_ascii=False) + "\n"
        if text != path.read_text():
            path.write_text(text)
            print(f"Written: {path}")


if __name__ == "__main__":
    main()
