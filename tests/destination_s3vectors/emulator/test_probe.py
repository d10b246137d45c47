"""The probe finds no difference in the emulator, and says so of a server that differs."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import rule_from
from destination_s3vectors.emulator.probe.check import Check, run
from destination_s3vectors.emulator.probe.command import CHECKS, probe
from destination_s3vectors.emulator.server import REGION, Emulator


def command(endpoint: str, *more: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "destination_s3vectors.emulator", "probe", "--endpoint", endpoint, "--region", REGION]
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    return subprocess.run([*line, *more], env=os.environ | keys, capture_output=True, text=True, check=False)


def test_the_emulator_behaves_as_documented(client: Any) -> None:
    results = probe(client, "probe")
    differing = {each.check.name: (each.check.expected, each.found) for each in results if each.verdict == "differs"}
    assert not differing
    assert all(each.verdict != "skipped" for each in results)
    assert len(results) == len(CHECKS)
    assert client.list_vector_buckets()["vectorBuckets"] == []


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_difference_is_reported_and_the_bucket_removed(emulator: Emulator, client: Any) -> None:
    emulator.faults.set(
        [rule_from({"kind": "deny", "action": "s3vectors:ListTagsForResource"}, ["ListTagsForResource"])]
    )
    done = command(emulator.endpoint)
    assert done.returncode == 1, done.stderr
    assert "found 'AccessDeniedException 403'" in done.stdout
    assert "1 differs" in done.stdout
    assert client.list_vector_buckets()["vectorBuckets"] == []


def test_the_report_can_be_json(emulator: Emulator) -> None:
    done = command(emulator.endpoint, "--json", "--bucket-prefix", "mine")
    assert done.returncode == 0, done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert len(checks) == len(CHECKS)
    assert {check["verdict"] for check in checks} == {"ok"}


def test_an_endpoint_that_refuses_the_bucket_gives_no_verdict(emulator: Emulator) -> None:
    emulator.faults.set([rule_from({"kind": "deny", "action": "s3vectors:CreateVectorBucket"}, ["CreateVectorBucket"])])
    done = command(emulator.endpoint)
    assert done.returncode == 2
    assert "could not run" in done.stderr


@pytest.mark.parametrize(("expected", "verdict"), [(1, "ok"), (2, "differs")])
def test_a_check_compares(expected: int, verdict: str) -> None:
    ground: Any = None
    assert run(Check("one", expected, lambda _: 1), ground).verdict == verdict


def test_an_error_of_the_service_is_what_was_found(client: Any) -> None:
    missing = Check("missing", "NotFoundException 404", lambda _: client.get_vector_bucket(vectorBucketName="nowhere"))
    ground: Any = None
    assert run(missing, ground).verdict == "ok"
