"""How many requests are in flight, and when they come back."""

from threading import Thread

from vector_ingest.errors import TransientError
from vector_ingest.packing.pace import Gate, wait_before


def test_a_request_comes_back_when_the_service_says_and_not_all_at_once() -> None:
    waits = {wait_before(TransientError("slow down", 7), 1) for _ in range(9)}
    assert len(waits) == 9
    assert all(7 <= seconds <= 7.7 for seconds in waits)


def test_without_a_time_the_wait_grows_and_is_random() -> None:
    waits = [wait_before(TransientError("slow down"), tries) for tries in range(1, 100)]
    assert len(set(waits)) == 99
    assert all(seconds <= min(60, 2**tries) for tries, seconds in enumerate(waits, 1))
    assert max(waits) > 30


def test_a_service_that_says_0_is_not_asked_without_a_pause() -> None:
    waits = [wait_before(TransientError("slow down", 0.0), tries) for tries in range(1, 9)]
    assert all(seconds > 0 for seconds in waits)
    assert max(waits) > 1


def test_as_many_pass_as_allowed_and_no_more() -> None:
    gate = Gate(3)
    inside = [gate.passage() for _ in range(3)]
    for passage in inside:
        passage.__enter__()
    assert not gate.is_open()
    waiting = Thread(target=lambda: gate.passage().__enter__())
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    inside[0].__exit__(None, None, None)
    waiting.join(60)
    assert not waiting.is_alive()


def test_the_gate_narrows_once_for_requests_that_fail_together_and_widens_slowly() -> None:
    gate = Gate(8)
    passages = [gate.passage() for _ in range(8)]
    for passage in passages:
        passage.__enter__()
    for passage in passages:
        error = TransientError("slow down")
        passage.__exit__(type(error), error, None)
    assert gate.limit == 4
    for _ in range(4):
        with gate.passage():
            pass
    assert 4.8 <= gate.limit <= 5
    for _ in range(100):
        with gate.passage():
            pass
    assert gate.limit == 8


def test_a_gate_that_begins_narrow_doubles_with_each_round_until_the_first_failure() -> None:
    gate = Gate(32, start=1)
    for expected in (2, 4, 8):
        tickets = [gate.enter() for _ in range(int(gate.limit))]
        for ticket in tickets:
            gate.leave(ticket, failed=False)
        assert gate.limit == expected
    gate.leave(gate.enter(), failed=True)
    gate.leave(gate.enter(), failed=False)
    assert gate.limit == 4.25
