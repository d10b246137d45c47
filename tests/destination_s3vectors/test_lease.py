"""One writer for each stream: who is refused, who takes over, and who stops."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.indexes.account import Account
from destination_s3vectors.indexes.lease import Leases
from destination_s3vectors.service.transport import Transport, client_for
from tests.conftest import VectorBucket
from tests.destination_s3vectors.contents import vectors_of
from tests.destination_s3vectors.stores import DOCS, opened
from tests.embedded_documents import document
from tests.sessions import signed_in
from tests.waiting import until
from vector_ingest.errors import TransientError

KEY = "lease#docs"
SHORT = 0.3  # seconds; renewed much more often
quick = partial(Leases, good_for=SHORT, renewed_every=SHORT / 10)


@pytest.fixture
def account(vector_bucket: VectorBucket) -> Iterator[Account]:
    with opened(vector_bucket) as store:
        yield store.places.account


@contextmanager
def held(account: Account, make: Callable[[Account], Leases] = quick) -> Iterator[Leases]:
    leases = make(account)
    try:
        leases.acquire("docs", "docs")
        yield leases
    finally:
        leases.release()


def changed(account: Account, **changes: Any) -> None:
    found = account.read(KEY)
    assert found
    account.write({KEY: {**found, **changes}})


def test_a_second_sync_of_a_stream_is_refused_while_the_first_lives(vector_bucket: VectorBucket) -> None:
    with opened(vector_bucket) as first, opened(vector_bucket) as second:
        target = first.prepare(DOCS)
        with pytest.raises(
            TransientError, match=rf"docs is being written by another sync .process {os.getpid()} on .*"
        ):
            second.prepare(DOCS)
        first.replace(target, [document("a", "one")])  # it is not disturbed


def test_the_next_sync_may_write_when_the_first_has_ended(vector_bucket: VectorBucket) -> None:
    for _ in range(2):
        with opened(vector_bucket) as store:
            store.replace(store.prepare(DOCS), [document("a", "one")])


def test_other_streams_are_free(account: Account) -> None:
    with held(account):
        other = quick(account)
        other.acquire("others", "others")
        other.release()


def test_a_sync_holds_the_leases_of_all_its_streams_and_releases_them(account: Account) -> None:
    leases = quick(account)
    for name in ("docs", "others", "third"):
        leases.acquire(name, name)
    assert {key for key, _ in account.entries("lease#")} == {"lease#docs", "lease#others", "lease#third"}
    leases.release()
    assert list(account.entries("lease#")) == []


def test_a_refused_sync_leaves_the_lease_of_the_other_and_none_of_its_own(account: Account) -> None:
    with held(account):
        before = account.read(KEY)
        assert before
        other = quick(account)
        other.acquire("others", "others")
        with pytest.raises(TransientError):
            other.acquire("docs", "docs")
        other.release()
        assert [(key, found["owner"]) for key, found in account.entries("lease#")] == [(KEY, before["owner"])]


def test_release_of_nothing_is_no_error(account: Account) -> None:
    quick(account).release()
    assert list(account.entries("")) == []


@pytest.mark.parametrize("reused", [False, True], ids=["gone", "its number is another process's"])
def test_the_lease_of_a_dead_process_of_this_machine_is_taken_over_at_once(account: Account, reused: bool) -> None:
    with held(account, partial(Leases, renewed_every=60)):
        if reused:
            changed(account, started="1")
        else:
            process = subprocess.Popen([sys.executable, "-c", ""])
            process.wait()
            changed(account, process=process.pid)
        changed(account, owner="dead")
        began = time.monotonic()
        with held(account, Leases) as heir:
            assert time.monotonic() - began < 20  # seconds; a lease is good for 30
            heir.assert_held()


def test_a_lease_of_another_machine_that_is_not_renewed_is_taken_over_after_its_time(account: Account) -> None:
    with held(account, partial(Leases, renewed_every=60)):
        changed(account, owner="far", host="elsewhere boot", process=1)
        began = time.monotonic()
        with held(account) as heir:
            assert time.monotonic() - began >= SHORT
            heir.assert_held()


def test_a_lease_of_another_machine_that_is_renewed_is_respected(account: Account) -> None:
    with held(account, partial(Leases, renewed_every=60)):
        changed(account, owner="far", host="elsewhere boot", process=1)
        beats = iter(range(1, 1000))

        def wait(_: float) -> None:
            if (beat := next(beats)) == 5:
                changed(account, beat=beat)

        with pytest.raises(TransientError, match="process 1 on elsewhere"):
            Leases(account, good_for=60, wait=wait).acquire("docs", "docs")
        found = account.read(KEY)
        assert found
        assert found["owner"] == "far"


def test_a_lease_of_another_machine_that_is_given_back_meanwhile_is_taken(account: Account) -> None:
    with held(account, partial(Leases, renewed_every=60)):
        changed(account, owner="far", host="elsewhere boot", process=1)
        with held(account, partial(Leases, good_for=60, wait=lambda _: account.remove([KEY]))) as heir:
            heir.assert_held()


def test_a_lease_is_renewed_so_that_it_changes_while_the_sync_lives(account: Account) -> None:
    with held(account):
        before = account.read(KEY)
        until(lambda: account.read(KEY) != before)


@pytest.mark.parametrize("call", ["replace", "delete", "finish"])
def test_a_sync_that_lost_its_lease_stops_before_its_next_write(vector_bucket: VectorBucket, call: str) -> None:
    made: list[Leases] = []

    def leases(account: Account) -> Leases:
        made.append(quick(account))
        return made[-1]

    with opened(vector_bucket, leases) as store:
        target = store.prepare(DOCS)
        store.replace(target, [document("a", "one")])
        until(lambda: is_taken_over(store.places.account, made[0]))
        before = vectors_of(vector_bucket, "airbyte.docs")
        calls: dict[str, Callable[[], object]] = {
            "replace": lambda: store.replace(target, [document("b", "two")]),
            "delete": lambda: store.delete(target, [document("a").document]),
            "finish": lambda: store.finish(target, complete=True),
        }
        with pytest.raises(TransientError, match=r"docs was taken over by another sync .process 1 on elsewhere"):
            calls[call]()
        assert vectors_of(vector_bucket, "airbyte.docs") == before
    (lease,) = [v for v in vectors_of(vector_bucket, "airbyte.ingest--account") if v["key"] == KEY]
    assert "far" in lease["metadata"]["entry"]  # it is the other's, and stays


def is_taken_over(account: Account, leases: Leases) -> bool:
    """Written again and again, since a renewal under way may write over it."""
    changed(account, owner="far", host="elsewhere boot", process=1)
    return is_lost(leases)


def is_lost(leases: Leases) -> bool:
    try:
        leases.assert_held()
    except TransientError:
        return True
    return False


def test_a_lease_that_somebody_removed_is_lost(account: Account) -> None:
    with held(account) as leases:
        account.remove([KEY])
        until(lambda: is_lost(leases))


def test_a_sync_that_could_not_renew_for_too_long_waits_before_it_writes(
    vector_bucket: VectorBucket, account: Account
) -> None:
    with held(account) as leases:
        vector_bucket.emulator.faults.set([Rule("slow", "GetVectors", seconds=6 * SHORT, times=1)])
        until(lambda: bool(vector_bucket.emulator.faults.state()[0]["fired"]))
        time.sleep(1.5 * SHORT)
        before = account.read(KEY)
        leases.assert_held()
        assert account.read(KEY) != before


def test_a_sync_that_can_not_renew_at_all_ends_instead_of_waiting_for_ever(
    vector_bucket: VectorBucket, account: Account
) -> None:
    client = client_for(signed_in("test", "test"), "eu-central-1", vector_bucket.emulator.endpoint)
    with (
        closing(Transport(client, patience=SHORT / 10)) as impatient,
        held(replace(account, requests=impatient), partial(quick, good_for=SHORT / 3)) as leases,
    ):
        vector_bucket.emulator.faults.set([Rule("internal", "GetVectors")])
        time.sleep(SHORT)
        with pytest.raises(TransientError, match="InternalServerException"):
            leases.assert_held()
        vector_bucket.emulator.faults.set([])


def test_of_two_that_began_at_the_same_moment_one_is_left(account: Account) -> None:
    with held(account) as first:
        # As if the second had looked before the first wrote.
        second = account.read(KEY)
        assert second
        account.write({KEY: {**second, "owner": "second"}})
        until(lambda: is_lost(first))
