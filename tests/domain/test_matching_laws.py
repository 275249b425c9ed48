"""What holds at the in-process exchange whatever happens."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from desk_steps import (
    BTC,
    BUY,
    FREE,
    KEY,
    OTHER,
    REAL,
    STOP,
    TARGET,
    closing,
    move,
    order,
    place,
)
from hypothesis import given
from hypothesis import strategies as st

from domain import matching
from domain.base import Input, stream_of
from domain.desk import Desk
from domain.holding import hold
from domain.instrument import Instrument
from domain.terms import Terms
from domain.values import ZERO, OrderSide, Side, money
from domain.venue import (
    PlaceOrder,
    VenueCanceled,
    VenueFilled,
    VenueFunded,
    VenueLiquidated,
    VenueRejected,
)


class Ledger:
    """What an account books from the answers alone, by average entry price: a second opinion on the wallet."""

    def __init__(self, wallet: Decimal) -> None:
        self.wallet = wallet
        self.open: dict[str, tuple[Decimal, Decimal]] = {}

    def book(self, answer: Input, sides: dict[str, OrderSide]) -> None:
        match answer:
            case VenueFilled():
                signed = answer.quantity if sides[answer.order_id] is BUY else -answer.quantity
                self._trade(stream_of(answer.order_id), signed, answer.price, answer.fee)
            case VenueLiquidated():
                self._trade(answer.position, -self.open[answer.position][0], answer.price, answer.fee)
            case VenueFunded():
                self.wallet += answer.amount
            case _:
                pass

    def _trade(self, key: str, signed: Decimal, price: Decimal, fee: Decimal) -> None:
        held, entry = self.open.get(key, (ZERO, ZERO))
        closed = min(abs(held), abs(signed)) if held * signed < 0 else ZERO
        direction = 1 if held > 0 else -1
        self.wallet += money(direction * (price - entry) * closed) - fee
        left, opened = held - direction * closed * (closed > 0), signed + direction * closed * (closed > 0)
        total = left + opened
        entry = (entry * abs(left) + price * abs(opened)) / abs(total) if total else ZERO
        self.open[key] = (total, entry)


points = st.integers(5_000, 20_000)
wishes = st.fixed_dictionaries(
    {
        "side": st.sampled_from(OrderSide),
        "quantity": st.integers(10, 2_000).map(lambda thousandths: str(Decimal(thousandths) / 1_000)),
        "key": st.sampled_from([KEY, OTHER]),
        "leverage": st.integers(1, 20),
        "conditional": st.none() | st.tuples(st.sampled_from([STOP, TARGET]), points),
        "only": st.sampled_from([{}, {"reduce_only": True}, {"close_position": True}]),
    }
)
moves = st.tuples(st.just("move"), points, points)
fundings = st.tuples(st.just("fund"), points, st.integers(-300, 300))
worlds = st.lists(st.one_of(wishes, moves, moves, fundings), max_size=25)


def wished(number: int, wish: dict[str, Any]) -> PlaceOrder:
    conditional, only = wish["conditional"], wish["only"]
    plain = {name: value for name, value in wish.items() if name not in {"conditional", "only"}}
    if conditional is None:
        return order(number, **plain, **only)
    return order(number, kind=conditional[0], trigger=Decimal(conditional[1]), **plain, **only)


def lived(world: list[Any]) -> tuple[Desk, list[Input], dict[str, OrderSide]]:
    """Run orders, moves (start, end) and fundings (mark, rate in bps) through one desk."""
    desk, answers, asked = Desk("main", Decimal(20_000)), [], {}
    for number, step in enumerate(world):
        if isinstance(step, dict):
            wish = wished(number, step)
            asked[wish.order_id] = wish.side
            desk, more = matching.place(desk, wish, REAL, None, 0)
            answers += more
            continue
        kind, first, second = step
        for key in tuple(desk.slots):
            if kind == "move":
                desk, more = move(desk, first, second, REAL, key)
            else:
                desk, more = matching.fund(desk, key, Decimal(second) / 10_000, Decimal(first), 10_000 + number)
            answers += more
    return desk, answers, asked


@given(worlds)
def test_the_wallet_is_what_was_there_plus_realised_less_fees_plus_funding(world: list[Any]) -> None:
    desk, answers, asked = lived(world)
    ledger = Ledger(Decimal(20_000))
    for answer in answers:
        ledger.book(answer, asked)
    assert desk.wallet == pytest.approx(ledger.wallet, abs=Decimal("1e-7"))
    for key, (signed, entry) in ledger.open.items():
        holding = desk.slots[key].holding if key in desk.slots else None
        assert (holding.side.sign * holding.quantity if holding else ZERO) == signed
        assert holding is None or abs(holding.entry_price - entry) < Decimal("1e-15")


@given(worlds)
def test_every_order_ends_at_most_once(world: list[Any]) -> None:
    _, answers, _ = lived(world)
    ends = [a.order_id for a in answers if isinstance(a, VenueFilled | VenueCanceled | VenueRejected)]
    assert len(ends) == len(set(ends))


@given(worlds)
def test_nothing_that_only_reduces_outlives_its_position(world: list[Any]) -> None:
    desk, _, _ = lived(world)
    for slot in desk.slots.values():
        assert slot.holding or not any(working.reduces_only for working in slot.working)


@given(worlds)
def test_the_same_steps_give_the_same_answers(world: list[Any]) -> None:
    assert lived(world) == lived(world)


@given(
    st.sampled_from(Side),
    st.integers(1, 20),
    st.integers(1, 10_000),
    points,
    st.lists(st.tuples(points, points), min_size=1),
    st.lists(st.integers(-100, 100), max_size=3),
)
def test_liquidation_never_loses_more_than_the_margin(
    side: Side, leverage: int, quantity: int, entry: int, way: list[tuple[int, int]], rates: list[int]
) -> None:
    holding = hold(BTC, side, Decimal(quantity) / 1_000, Decimal(entry), leverage, settled_ms=0)
    desk = matching.restored("main", ZERO, {KEY: holding}, ())
    for number, rate in enumerate(rates):
        desk, _ = matching.fund(desk, KEY, Decimal(rate) / 10_000, Decimal(entry), number + 1)
    for start, end in way:
        desk, _ = move(desk, start, end, REAL)
    if KEY not in desk.slots:
        assert desk.wallet is not None
        assert desk.wallet >= -holding.margin


@given(st.integers(1, 20), st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=6), st.data())
def test_a_mirrored_market_gives_the_mirrored_position_the_same_result(
    leverage: int, way: list[int], data: st.DataObject
) -> None:
    # without maintenance margin: its share of the notional is the one thing that reflection does not keep
    contract = Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), maintenance_rate=ZERO)
    terms = Terms(contract, FREE.rates)
    stop, target = data.draw(st.integers(1, 5_000)), data.draw(st.integers(1, 5_000))
    results = []
    for side in Side:
        at = [10_000 + side.sign * step for step in (0, *way)]
        desk = place(Desk("main", Decimal(20_000)), order(2, side.entry, leverage=leverage), terms=terms)
        desk, _ = move(desk, at[0], at[0], terms)
        desk = place(
            desk,
            closing(4, side.exit, STOP, 10_000 - side.sign * stop),
            closing(5, side.exit, TARGET, 10_000 + side.sign * target),
            terms=terms,
        )
        kinds_met: list[str] = []
        for start, end in pairwise(at):
            desk, answers = move(desk, start, end, terms)
            kinds_met += [type(answer).__name__ for answer in answers]
        results.append((desk.wallet, kinds_met))
    assert results[0] == results[1]
