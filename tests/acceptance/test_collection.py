"""The CDK's suites are green, too, when they find nothing to test. Here it is made sure that they find all of it."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.acceptance.shared_config import ROOT, entries

# The suites' tests, by the sections of the file that they take their configurations from.
TESTS = {
    "test_config_matches_spec": {"spec"},
    "test_check": {"connection"},
    "test_discover": {"discovery"},
    "test_basic_read": {"basic_read", "full_refresh"},
    "test_fail_read_with_bad_catalog": {"basic_read", "full_refresh"},
}
SUITES = {
    "source-s3": "test_source_s3.py",
    "destination-pgvector": "test_destination_pgvector.py",
    "destination-s3vectors": "test_destination_s3vectors.py",
}


def test_each_entry_belongs_to_one_connector() -> None:
    assert sum(len(entries(connector)) for connector in SUITES) == len(entries())


@pytest.fixture(scope="module")
def suites_report() -> str:
    """What pytest says of all the suites, run for themselves."""
    files = [f"tests/acceptance/{file}" for file in SUITES.values()]
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.xdist_group("suites")  # they run once for all
@pytest.mark.parametrize(("connector", "file"), SUITES.items())
def test_each_configuration_is_tested_and_not_skipped(suites_report: str, connector: str, file: str) -> None:
    passed = Counter(re.findall(rf"^PASSED \S+/{file}::\S+::(test_\w+)\[", suites_report, re.MULTILINE))
    configured = {
        test: {entry["config_path"] for section, entry in entries(connector) if section in sections}
        for test, sections in TESTS.items()
    }
    assert passed == {test: len(paths) for test, paths in configured.items() if paths}
