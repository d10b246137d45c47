"""One acceptance-test-config.yml at the top for all connectors, and configurations that lead to this run's servers."""

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from boltons.typeutils import classproperty

ROOT = Path(__file__).parents[2]
# Named before a fixture runs: the suites are parametrized while pytest collects. One folder for each process.
CONFIGS = Path(tempfile.gettempdir()) / f"acceptance-configs-{os.getpid()}"


def entries(connector: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """(section, entry) of the file, with paths as they stand there; of one connector, or all."""
    file = yaml.safe_load((ROOT / "acceptance-test-config.yml").read_text())
    return [
        (section, entry)
        for section, content in file["acceptance_tests"].items()
        for entry in content["tests"]
        if connector is None or Path(entry["config_path"]).parts[0] == connector
    ]


class SharedConfig:
    """Stands before the CDK's suite among the bases: the CDK would look for a file beside each metadata.yaml."""

    connector_dir: Path

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return cls.connector_dir

    @classproperty  # type: ignore[untyped-decorator]  # boltons has no types
    def acceptance_test_config(cls) -> dict[str, Any]:  # noqa: N805 (a property of the class)
        file = yaml.safe_load((ROOT / "acceptance-test-config.yml").read_text())
        sections: dict[str, Any] = {}
        for section, entry in entries(cls.connector_dir.name):
            placed = {**entry, "config_path": str(CONFIGS / entry["config_path"])}
            sections.setdefault(section, {"tests": []})["tests"].append(placed)
        return {**file, "acceptance_tests": sections}
