"""What Airbyte's own checks ask of a connector's folder, as far as it concerns connectors outside its repository."""

import re
import tomllib
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0

from tests.acceptance.shared_config import ROOT

CONNECTORS = {"source-s3": "source", "destination-pgvector": "destination", "destination-s3vectors": "destination"}
connectors = pytest.mark.parametrize("connector", CONNECTORS)


def metadata(connector: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / connector / "metadata.yaml").read_text())["data"]
    return data


def project(connector: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / connector / "pyproject.toml").read_text())["project"]
    return table


@connectors
def test_metadata_is_of_airbytes_model(connector: str) -> None:
    ConnectorMetadataDefinitionV0.model_validate(yaml.safe_load((ROOT / connector / "metadata.yaml").read_text()))


@connectors
def test_metadata_says_what_the_package_says(connector: str) -> None:
    data, package = metadata(connector), project(connector)
    assert data["connectorType"] == CONNECTORS[connector]
    assert data["dockerImageTag"] == package["version"]
    assert data["license"] == package["license"] == "MIT"
    assert data["dockerRepository"].endswith(f"/{connector}")
    assert connector in package["scripts"]  # the image's entrypoint is the command named like the connector


@connectors
def test_the_version_is_a_semantic_one(connector: str) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", metadata(connector)["dockerImageTag"])


@connectors
def test_tags_name_the_language_and_the_cdk(connector: str) -> None:
    tags = metadata(connector)["tags"]
    assert all(re.fullmatch(r"[a-z-]+:[a-z0-9-]+", tag) for tag in tags)
    assert [sum(tag.startswith(f"{key}:") for tag in tags) for key in ("language", "cdk")] == [1, 1]


@connectors
def test_a_new_major_version_tells_what_breaks(connector: str) -> None:
    data = metadata(connector)
    major = int(data["dockerImageTag"].split(".")[0])
    told = (data.get("releases") or {}).get("breakingChanges") or {}
    assert all(f"{number}.0.0" in told for number in range(1, major + 1))


@pytest.mark.parametrize("connector", [name for name, kind in CONNECTORS.items() if kind == "destination"])
def test_a_destination_takes_refreshes(connector: str) -> None:
    """Else the platform never says that a stream is complete."""
    assert metadata(connector)["supportsRefreshes"] is True


def test_each_connector_has_an_id_of_its_own() -> None:
    assert len({metadata(connector)["definitionId"] for connector in CONNECTORS}) == len(CONNECTORS)


@connectors
def test_the_icon_is_a_square_svg(connector: str) -> None:
    icon = ET.fromstring((ROOT / connector / metadata(connector)["icon"]).read_text())  # noqa: S314 (a file of this repository)
    assert icon.tag.endswith("svg")
    _, _, width, height = (float(part) for part in icon.attrib["viewBox"].split())
    assert width == height


@connectors
def test_the_folder_has_a_readme_and_no_files_of_the_old_way(connector: str) -> None:
    assert (ROOT / connector / "README.md").stat().st_size > 200
    assert not [name for name in ("setup.py", "Dockerfile", "requirements.txt") if (ROOT / connector / name).exists()]


@connectors
def test_no_address_is_without_tls(connector: str) -> None:
    allowed = ("http://json-schema.org/", "http://www.w3.org/", "http://127.0.0.1", "http://localhost")
    for path in (ROOT / connector).rglob("*"):
        if path.suffix in (".py", ".yaml", ".json", ".md", ".toml") and "secrets" not in path.parts:
            for address in re.findall(r"http://\S*", path.read_text()):
                assert address.startswith(allowed), f"{path}: {address}"
