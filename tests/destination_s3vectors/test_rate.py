"""Writes keep under the limits of an index in any second, slow down when refused, and recover."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from hypothesis import given
from hypothesis import strategies as st

from destination_s3vectors.service import limits
from destination_s3vectors.service.rate import GROWTH_SECONDS, LEAST, SLACK, BatchSize, Pacer, wait_before


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=300))
def test_no_second_holds_more_than_the_service_takes(sizes: list[int]) -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    starts: list[tuple[float, int]] = []
    for size in sizes:
        pacer.take(size)
        starts.append((time.now, size))
    for at, (begin, _) in enumerate(starts):
        within = [size for start, size in starts[at:] if start < begin + 1 - 1e-9]
        # The last one's vectors are taken from the second that it begins.
        assert sum(within[:-1]) <= limits.VECTORS_PER_SECOND * (1 + SLACK)
        assert len(within) <= limits.REQUESTS_PER_SECOND * (1 + SLACK)


def test_full_calls_come_at_nearly_the_service_s_own_pace_and_five_in_a_second() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    starts = []
    for _ in range(101):
        pacer.take(500)
        starts.append(time.now)
    assert 0.95 <= 50_000 / (starts[-1] - starts[0]) / limits.VECTORS_PER_SECOND < 1
    assert all(late - early > 1 for early, late in zip(starts, starts[5:], strict=False))


def test_small_calls_keep_to_the_limit_of_requests() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    for _ in range(2001):
        pacer.take(1)
    assert 2000 / 1000 < time.now - 100 < 2000 / 950


def test_time_without_writes_is_not_saved_up_for_a_burst() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    pacer.take(500)
    time.now += 60
    begin = time.now
    for _ in range(11):
        pacer.take(500)
    assert time.now - begin > 10 * 500 / limits.VECTORS_PER_SECOND - SLACK


def test_a_late_start_is_made_good() -> None:
    time = Time()
    pacer = Pacer(time.clock, lambda seconds: time.sleep(seconds + 0.03))  # threads wake up late
    for _ in range(101):
        pacer.take(500)
    assert 50_000 / (time.now - 100) > 0.95 * limits.VECTORS_PER_SECOND


def test_refusals_that_come_together_cut_the_pace_once_and_it_recovers_to_the_full_one() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    taken = [pacer.take(10) for _ in range(8)]
    for each in taken:
        pacer.refused(each)
    assert 0.7 <= pacer.pace < 0.72
    pacer.refused(pacer.take(10))
    assert 0.48 < pacer.pace < 0.52
    time.now += 5
    assert 0.73 < pacer.pace < 0.77
    time.now += 10
    assert pacer.pace == 1


def test_the_pace_never_falls_to_nothing() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    for _ in range(100):
        pacer.refused(pacer.take(1))
    assert pacer.pace >= LEAST


def test_a_slower_pace_makes_the_slots_longer() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    pacer.refused(pacer.take(500))
    begin = time.now
    pacer.take(500)
    pacer.take(500)
    full = 500 / 2450
    assert time.now - begin > full + full * 1.2


def test_threads_share_the_slots() -> None:
    slots: list[float] = []
    lock = Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slots.append(seconds)

    pacer = Pacer(lambda: 0.0, sleep)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pacer.take(245), range(41)))
    assert [round(seconds, 6) for seconds in sorted(slots)] == [round(0.1 * slot, 6) for slot in range(1, 41)]


def test_a_batch_that_is_too_much_halves_the_size_once_and_time_doubles_it() -> None:
    time = Time()
    batch = BatchSize(time.clock)
    for _ in range(8):
        batch.refused(500)
    assert batch.vectors == 250
    batch.refused(250)
    batch.refused(3)  # so few are no reason
    assert batch.vectors == 125
    time.now += GROWTH_SECONDS
    assert batch.vectors == 250
    time.now += 100 * GROWTH_SECONDS
    assert batch.vectors == 500


def test_the_size_ends_at_one() -> None:
    time = Time()
    batch = BatchSize(time.clock)
    for _ in range(20):
        batch.refused(batch.vectors)
    assert batch.vectors == 1


def test_waits_are_random_and_grow_to_a_bound() -> None:
    assert all(0 <= wait_before(tries) <= min(20, 0.1 * 2.0**tries) for tries in range(1, 1000))
    assert len({wait_before(3) for _ in range(9)}) == 9
