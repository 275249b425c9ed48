"""The weight governor: no sliding span above our share, urgent calls first, everything else waits its turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from infra.binance.endpoints import CONNECTIONS, FUNDING, FUTURES_DATA, ORDERS_1M, ORDERS_10S, WEIGHT
from infra.binance.limits import DEFAULTS, MINUTE_MS, PARTS, SHARE, Governor, Limit, Ticket
from infra.binance.priority import Priority

ALL = int(2_400 * SHARE)


def entered(governor: Governor, amount: int, priority: Priority = Priority.CRITICAL, pool: str = WEIGHT) -> Ticket:
    return governor.enter({pool: amount}, priority)


def full(governor: Governor, now_ms: int = 0) -> list[Ticket]:
    """Use the whole share up, by calls that are answered at once."""
    for _ in range(ALL // 40):
        entered(governor, 40)
    granted = governor.grant(now_ms)
    for ticket in granted:
        governor.settle(ticket, now_ms)
    return granted


def test_calls_that_fit_go_at_once() -> None:
    governor = Governor()
    ticket = entered(governor, 5)
    assert governor.grant(0) == [ticket]
    assert (governor.used(WEIGHT, 0), governor.wait_ms(0), governor.waiting()) == (5, None, 0)


def test_at_ninety_percent_the_next_call_waits_until_the_first_is_a_minute_old() -> None:
    governor = Governor()
    assert len(full(governor)) == 54
    late = entered(governor, 40)
    assert governor.grant(10) == []
    assert governor.wait_ms(10) == MINUTE_MS - 10
    assert governor.grant(MINUTE_MS) == [late]


def test_a_call_counts_from_its_grant_until_a_minute_after_its_answer() -> None:
    governor = Governor()
    slow = entered(governor, 2_000)
    governor.grant(0)
    entered(governor, 500)
    assert governor.grant(10 * MINUTE_MS) == []  # still in flight
    assert governor.wait_ms(10 * MINUTE_MS) is None
    governor.settle(slow, 10 * MINUTE_MS)
    assert governor.grant(11 * MINUTE_MS - 1) == []
    assert len(governor.grant(11 * MINUTE_MS)) == 1


def test_the_urgent_go_first_and_equals_in_their_order() -> None:
    governor = Governor()
    order = [Priority.LOW, Priority.NORMAL, Priority.CRITICAL, Priority.HIGH, Priority.CRITICAL]
    tickets = [entered(governor, 1, priority) for priority in order]
    assert governor.grant(0) == [tickets[i] for i in (2, 4, 3, 1, 0)]


def test_beside_an_account_history_leaves_room_for_queries_orders_and_closes() -> None:
    governor = Governor()
    governor.keep_room()
    for priority in sorted(Priority):
        for _ in range(3_000):
            entered(governor, 1, priority)
        governor.grant(0)
        assert governor.used(WEIGHT, 0) == int(2_400 * SHARE * PARTS[priority])


def test_without_an_account_every_kind_of_call_may_use_the_whole_share() -> None:
    for priority in Priority:
        governor = Governor()
        for _ in range(3_000):
            entered(governor, 1, priority)
        assert len(governor.grant(0)) == ALL


@pytest.mark.parametrize("keyed", [False, True])
def test_140_symbols_start_and_fill_their_gaps_within_one_minute_s_share(keyed: bool) -> None:
    """product.md §2: 1d 100, 4h 200, 1h, 15m, 5m and 1m 300 each weigh 2; then the tickers and the contracts; and once
    more one call for each symbol: the candles that closed meanwhile.
    """
    governor = Governor()
    if keyed:
        governor.keep_room()
    for _ in range(140 * 6):
        entered(governor, 2, Priority.LOW)
    for weight in (1, 40, 10):
        entered(governor, weight, Priority.NORMAL)
    for _ in range(140):
        entered(governor, 1, Priority.LOW)
    assert len(governor.grant(0)) == 140 * 6 + 3 + 140


def test_a_large_call_is_not_starved_by_small_ones_behind_it() -> None:
    governor = Governor()
    full(governor)
    large = entered(governor, 2_000)
    small = [entered(governor, 1) for _ in range(5)]
    assert governor.grant(1) == []
    assert governor.grant(MINUTE_MS) == [large, *small]


def test_a_full_pool_holds_nobody_up_who_does_not_need_it() -> None:
    governor = Governor()
    full(governor)
    entered(governor, 40)
    open_interest = entered(governor, 1, Priority.LOW, FUTURES_DATA)
    assert governor.grant(1) == [open_interest]


def test_the_pools_of_five_minutes() -> None:
    for pool, capacity in ((FUTURES_DATA, 1_000), (FUNDING, 500)):
        governor = Governor()
        for _ in range(capacity):
            entered(governor, 1, Priority.CRITICAL, pool)
        granted = governor.grant(0)
        assert len(granted) == int(capacity * SHARE)
        for ticket in granted:
            governor.settle(ticket, 0)
        assert governor.grant(5 * MINUTE_MS - 1) == []
        assert len(governor.grant(5 * MINUTE_MS)) == capacity - int(capacity * SHARE)


def test_orders_count_in_ten_seconds_and_in_a_minute_for_each_account() -> None:
    governor = Governor()
    cost = {f"{ORDERS_10S}:a": 1, f"{ORDERS_1M}:a": 1}
    for _ in range(2_000):
        governor.enter(cost, Priority.CRITICAL)
    seen: list[int] = []
    for second in range(60):
        granted = governor.grant(second * 1_000)
        for ticket in granted:
            governor.settle(ticket, second * 1_000)
        seen.append(len(granted))
    assert seen[0] == seen[10] == seen[20] == seen[30] == 270
    assert sum(seen) == 1_080
    other = governor.enter({f"{ORDERS_10S}:b": 1, f"{ORDERS_1M}:b": 1}, Priority.CRITICAL)
    assert other in governor.grant(59_000)


def test_connections_are_free_again_at_once_and_the_last_ones_are_kept_for_closes() -> None:
    governor = Governor()
    for _ in range(200):
        entered(governor, 1, Priority.LOW, CONNECTIONS)
    granted = governor.grant(0)
    assert len(granted) == 86
    close = entered(governor, 1, Priority.CRITICAL, CONNECTIONS)
    assert governor.grant(0) == [close]
    for ticket in (close, *granted):
        governor.settle(ticket, 0)
    assert len(governor.grant(0)) == 86


def test_one_connection_is_enough_for_every_kind_of_call() -> None:
    governor = Governor({CONNECTIONS: Limit(1, 0, whole=True)})
    for priority in Priority:
        entered(governor, 1, priority, CONNECTIONS)
        (ticket,) = governor.grant(0)
        governor.settle(ticket, 0)


def test_what_others_use_on_this_address_counts_too() -> None:
    governor = Governor()
    ticket = entered(governor, 100)
    governor.grant(0)
    governor.observe(WEIGHT, 100 + 1_500, 10)
    assert governor.used(WEIGHT, 10) == 1_600
    governor.observe(WEIGHT, 1_500, 20)
    assert governor.used(WEIGHT, 20) == 1_600
    governor.settle(ticket, 20)
    assert governor.used(WEIGHT, MINUTE_MS + 10) == 100


def test_a_429_stops_everybody_until_it_is_over() -> None:
    governor = Governor()
    governor.stop(5_000)
    ticket = entered(governor, 1)
    assert (governor.grant(4_999), governor.wait_ms(1_000)) == ([], 4_000)
    assert governor.grant(5_000) == [ticket]


def test_a_418_stops_everybody_and_its_end_never_moves_nearer() -> None:
    governor = Governor()
    governor.ban(120_000)
    governor.ban(60_000)
    entered(governor, 1)
    assert governor.grant(119_999) == []
    assert (governor.banned_ms(100_000), governor.banned_ms(120_000)) == (20_000, 0)
    assert len(governor.grant(120_000)) == 1


def test_a_limit_that_the_exchange_says_is_exhausted_pauses_for_its_span() -> None:
    governor = Governor()
    governor.exhausted(f"{ORDERS_10S}:a", 1_000)
    governor.enter({f"{ORDERS_10S}:a": 1}, Priority.CRITICAL)
    assert governor.grant(10_999) == []
    assert len(governor.grant(11_000)) == 1


def test_limits_are_learnt_from_the_exchange() -> None:
    governor = Governor()
    full(governor)
    entered(governor, 40)
    assert governor.grant(1) == []
    governor.learn({WEIGHT: Limit(6_000)})
    assert len(governor.grant(2)) == 1


def test_a_caller_that_gave_up_takes_nothing() -> None:
    governor = Governor()
    first, second = entered(governor, 1), entered(governor, 1)
    governor.leave(first)
    assert governor.waiting() == 1
    assert governor.grant(0) == [second]
    assert governor.used(WEIGHT, 0) == 1


def test_a_call_that_could_never_go_is_refused() -> None:
    governor = Governor({WEIGHT: Limit(20)})
    with pytest.raises(InvalidInput, match="limit of weight"):
        entered(governor, 40)


@given(st.lists(st.sampled_from(sorted(Priority)), min_size=1, max_size=40))
def test_a_granted_call_was_never_less_urgent_than_one_left_waiting(priorities: list[Priority]) -> None:
    governor = Governor({WEIGHT: Limit(20)})
    tickets = [entered(governor, 1, priority) for priority in priorities]
    granted = governor.grant(0)
    left = [ticket for ticket in tickets if ticket not in granted]
    assert all(went.priority >= stayed.priority for went in granted for stayed in left)


def test_the_defaults_are_binance_s() -> None:
    assert {pool: (limit.capacity, limit.span_ms) for pool, limit in DEFAULTS.items()} == {
        WEIGHT: (2_400, 60_000),
        FUTURES_DATA: (1_000, 300_000),
        FUNDING: (500, 300_000),
        ORDERS_10S: (300, 10_000),
        ORDERS_1M: (1_200, 60_000),
        CONNECTIONS: (100, 0),
    }
