"""The governor against a model of the exchange's counter: all of our share is used, and never more in any minute."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.binance.endpoints import WEIGHT
from infra.binance.limits import MINUTE_MS, SHARE, Governor, Limit, Ticket
from infra.binance.priority import Priority


def entered(governor: Governor, amount: int, priority: Priority = Priority.CRITICAL) -> Ticket:
    return governor.enter({WEIGHT: amount}, priority)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(Priority)),
        st.sampled_from([1, 2, 5, 10, 40]),
        st.integers(0, 4_000),  # until the next call is wished
        st.integers(0, 30_000),  # how long the answer takes
        st.floats(0, 1),  # where between grant and answer the exchange counts it
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150)
@given(STEPS)
def test_no_sliding_minute_ever_exceeds_ninety_percent(
    steps: list[tuple[Priority, int, int, int, float]],
) -> None:
    """Whenever the exchange counts a call while it is under way, and however the answers are mixed up."""
    capacity = 60
    governor = Governor({WEIGHT: Limit(capacity)})
    flights: list[tuple[int, Ticket, int]] = []
    counted: list[tuple[int, int]] = []
    plans: dict[Ticket, tuple[int, float]] = {}
    wishes = list(steps)
    now_ms = due_ms = 0
    while wishes or flights or governor.waiting():
        if wishes and now_ms >= due_ms:
            priority, weight, gap_ms, answer_ms, where = wishes.pop(0)
            plans[entered(governor, weight, priority)] = (answer_ms, where)
            due_ms = now_ms + gap_ms
        for landing in [flight for flight in flights if flight[0] <= now_ms]:
            flights.remove(landing)
            governor.settle(landing[1], now_ms)
        for ticket in governor.grant(now_ms):
            answer_ms, where = plans[ticket]
            flights.append((now_ms + answer_ms, ticket, 0))
            counted.append((now_ms + int(answer_ms * where), ticket.cost[WEIGHT]))
        waits = [landing[0] for landing in flights] + ([due_ms] if wishes else [])
        wait_ms = governor.wait_ms(now_ms)
        waits += [now_ms + wait_ms] if wait_ms is not None else []
        now_ms = max(now_ms, min(waits, default=now_ms))
    assert len(counted) == len(steps)
    for end_ms, _ in counted:
        within = sum(weight for at_ms, weight in counted if end_ms - MINUTE_MS < at_ms <= end_ms)
        assert within <= capacity * SHARE


class Counter:
    """The exchange's own: it books a call at some moment on its way, and begins anew at every full minute."""

    def __init__(self, phase_ms: int) -> None:
        self.phase_ms = phase_ms
        self.booked: list[tuple[int, int]] = []

    def book(self, at_ms: int, weight: int) -> int:
        """Give what stands in the header of the answer."""
        self.booked.append((at_ms, weight))
        began_ms = (at_ms + self.phase_ms) // MINUTE_MS * MINUTE_MS - self.phase_ms
        return sum(each for moment, each in self.booked if began_ms <= moment <= at_ms)

    def most_in_a_sliding_minute(self) -> int:
        moments = [moment for moment, _ in self.booked]
        return max(sum(w for at_ms, w in self.booked if end - MINUTE_MS < at_ms <= end) for end in moments)

    def most_in_a_fixed_minute(self) -> int:
        minutes: dict[int, int] = {}
        for at_ms, weight in self.booked:
            minute = (at_ms + self.phase_ms) // MINUTE_MS
            minutes[minute] = minutes.get(minute, 0) + weight
        return max(minutes.values())


class Traffic:
    """Calls between a governor and a counter; every moment of it is known."""

    def __init__(self, governor: Governor, counter: Counter) -> None:
        self.governor = governor
        self.counter = counter
        self.now_ms = 0
        self.waiting: list[tuple[Ticket, int, float]] = []
        self.flights: list[tuple[int, int, Ticket]] = []  # booked, answered
        self.headers: dict[Ticket, int] = {}
        self.ended: list[tuple[int, int]] = []

    def wish(self, weight: int, answer_ms: int, where: float) -> None:
        self.waiting.append((entered(self.governor, weight, Priority.LOW), answer_ms, where))

    def go(self, until_ms: int) -> None:
        """Let time pass, from event to event."""
        self._happen()
        while (next_ms := self._next_ms()) <= until_ms:
            self.now_ms = next_ms
            self._happen()
        self.now_ms = until_ms
        self._happen()

    def end(self) -> None:
        while self.waiting or self.flights:
            self.go(min(self._next_ms(), self.now_ms + MINUTE_MS))

    def _next_ms(self) -> int:
        moments = [at for flight in self.flights for at in flight[:2] if at > self.now_ms]
        wait_ms = self.governor.wait_ms(self.now_ms)
        moments += [self.now_ms + wait_ms] if wait_ms else []
        return min(moments) if moments else self.now_ms + MINUTE_MS

    def _happen(self) -> None:
        for booked_ms, _, ticket in self.flights:
            if booked_ms <= self.now_ms and ticket not in self.headers:
                self.headers[ticket] = self.counter.book(booked_ms, ticket.cost[WEIGHT])
        for flight in [each for each in self.flights if each[1] <= self.now_ms]:
            self.flights.remove(flight)
            ticket = flight[2]
            self.governor.observe(WEIGHT, self.headers[ticket], self.now_ms, ticket)
            self.governor.settle(ticket, self.now_ms)
            self.ended.append((self.now_ms, ticket.cost[WEIGHT]))
        granted = self.governor.grant(self.now_ms)
        for ticket in granted:
            (wish,) = [each for each in self.waiting if each[0] is ticket]
            self.waiting.remove(wish)
            _, answer_ms, where = wish
            self.flights.append((self.now_ms + int(answer_ms * where), self.now_ms + answer_ms, ticket))
        if granted:
            self._happen()

    @property
    def counts_ms(self) -> int:
        """What must be counted now by the law: what is under way, and what was answered within a minute."""
        under_way = sum(flight[2].cost[WEIGHT] for flight in self.flights)
        return under_way + sum(weight for at_ms, weight in self.ended if at_ms > self.now_ms - MINUTE_MS)


TRAFFIC = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 5, 10, 40]),
        st.one_of(st.sampled_from([0, 10_000, 20_000]), st.integers(0, 20_000)),  # until the next call is wished
        st.integers(0, 30_000),  # how long the answer takes
        st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)),  # where on its way the exchange counts it
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150)
@example([(40, 20_000, 0, 0.0), (1, 20_000, 0, 0.0), (1, 20_000, 30_000, 0.0), *[(1, 20_000, 0, 0.0)] * 2], 0)
@given(TRAFFIC, st.integers(0, MINUTE_MS - 1))
def test_the_whole_share_is_used_and_never_more_in_any_minute_fixed_or_sliding(
    steps: list[tuple[int, int, int, float]], phase_ms: int
) -> None:
    """What the exchange reports of our own calls, however late, is never taken for somebody else's."""
    capacity = 60
    counter = Counter(phase_ms)
    traffic = Traffic(Governor({WEIGHT: Limit(capacity)}), counter)
    for weight, gap_ms, answer_ms, where in steps:
        traffic.wish(weight, answer_ms, where)
        traffic.go(traffic.now_ms + gap_ms)
        assert traffic.governor.used(WEIGHT, traffic.now_ms) == traffic.counts_ms
        if traffic.waiting:
            assert traffic.counts_ms + traffic.waiting[0][0].cost[WEIGHT] > capacity * SHARE
    traffic.end()
    assert len(counter.booked) == len(steps)
    assert counter.most_in_a_sliding_minute() <= capacity * SHARE
    assert counter.most_in_a_fixed_minute() <= capacity * SHARE


def test_a_report_that_was_long_on_its_way_is_not_taken_for_somebody_else_s_calls() -> None:
    """A minute's burst, and 59 s later one more call: its answer counts the burst, which is over when it arrives."""
    governor = Governor()
    burst = entered(governor, 1_700)
    governor.grant(0)
    governor.settle(burst, 100)
    slow = entered(governor, 1)
    assert governor.grant(59_000) == [slow]
    governor.observe(WEIGHT, 1_701, 61_600, slow)
    governor.settle(slow, 61_600)
    assert governor.used(WEIGHT, 61_600) == 1


def test_a_late_report_still_shows_what_others_used() -> None:
    governor = Governor()
    slow = entered(governor, 1)
    governor.grant(0)
    governor.observe(WEIGHT, 901, 2_600, slow)
    governor.settle(slow, 2_600)
    assert governor.used(WEIGHT, 2_600) == 901
