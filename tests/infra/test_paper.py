"""The in-process venue: latency, ticks, funding, restart."""

from __future__ import annotations

from decimal import Decimal

import pytest
from paper_steps import (
    BTC,
    FREE,
    KEY,
    STOP,
    order,
    taken,
    tick,
    venue,
)

from domain.errors import InvalidInput
from domain.holding import hold
from domain.market import FundingArrived
from domain.values import ZERO, OrderSide, Side
from domain.venue import (
    CancelOrder,
    VenueAccepted,
    VenueFilled,
    VenueFunded,
    VenueRejected,
)
from infra.paper import PaperVenue

# ── effects and answers ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_falls_due_after_the_latency() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), at_ms=1_000)
    assert paper.next_due_ms() == 1_050
    assert paper.pop_due(1_049) is None
    assert paper.pop_due(1_050) == (1_050, VenueAccepted(f"{KEY}@2", 1_000))
    assert paper.next_due_ms() is None


def test_answers_come_in_order_of_due_time_then_creation() -> None:
    paper = venue()
    for number, at_ms in ((2, 20), (3, 10), (4, 20)):
        paper.execute(CancelOrder("main", f"{KEY}@{number}", "BTCUSDT"), at_ms)
    found = [(due_ms, answer.order_id[-1]) for due_ms, answer in taken(paper) if isinstance(answer, VenueRejected)]
    assert found == [(60, "3"), (70, "2"), (70, "4")]


def test_an_unknown_symbol_or_account_is_rejected() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY, key="position:main/XRPUSDT-1"), 0)
    paper.execute(order(2, OrderSide.BUY, key="position:nobody/BTCUSDT-1"), 0)
    codes = [answer.code for _, answer in taken(paper) if isinstance(answer, VenueRejected)]
    assert codes == ["-1121", "-4109"]
    assert not paper.active("XRPUSDT")


def test_a_symbol_is_active_as_long_as_somebody_has_an_order_or_a_position_in_it() -> None:
    paper = venue()
    assert not paper.active("BTCUSDT")
    paper.execute(order(2, OrderSide.BUY), 0)
    paper.execute(order(2, OrderSide.BUY, key="position:virtual/BTCUSDT-2"), 0)
    paper.execute(CancelOrder("main", f"{KEY}@2", "BTCUSDT"), 0)
    assert paper.active("BTCUSDT")
    paper.execute(CancelOrder("virtual", "position:virtual/BTCUSDT-2@2", "BTCUSDT"), 0)
    assert not paper.active("BTCUSDT")
    taken(paper)
    assert paper.idle


# ── ticks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_fills_at_the_next_tick_not_at_its_own() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 1_000)
    paper.on_tick(tick(100.0), 1_000)
    assert [type(answer) for _, answer in taken(paper)] == [VenueAccepted]
    paper.on_tick(tick(200.0), 2_000)
    ((due_ms, filled),) = taken(paper)
    assert isinstance(filled, VenueFilled)
    assert (due_ms, filled.time_ms, filled.price) == (2_050, 2_000, 201)


def test_a_tick_moves_only_its_own_symbols() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 0)
    taken(paper)
    paper.on_tick(tick(100.0, "ETHUSDT"), 1_000)
    assert paper.idle


def test_a_stop_is_checked_against_the_newest_price_unless_that_is_old() -> None:
    for at_ms, expected in ((61_000, VenueRejected), (61_001, VenueAccepted)):
        paper = venue()
        paper.restore_desk("main", Decimal(100), {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 10, 0)}, ())
        paper.observe("BTCUSDT", 100.0, 1_000)
        stop = order(5, OrderSide.SELL, STOP, trigger=Decimal(101), close_position=True)
        paper.execute(stop, at_ms)
        assert [type(answer) for _, answer in taken(paper)] == [expected]


def test_funding_that_is_told_a_moment_late_reaches_who_held_the_symbol_then() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 0)
    paper.on_tick(tick(100.0), 1_000)
    paper.execute(order(3, OrderSide.SELL, reduce_only=True), 1_500)
    paper.on_tick(tick(100.0), 2_000)
    taken(paper)
    wallet = paper.desk("main").wallet
    assert wallet is not None
    for time_ms in (1_000, 2_001, 2_000, 2_000):  # at its entry, after its exit, at its exit, and the same again
        paper.on_funding(FundingArrived("BTCUSDT", time_ms, 0.001, 100.0), 3_000)
    paper.on_funding(FundingArrived("ETHUSDT", 2_000, 0.001, 100.0), 3_000)
    ((_, funded),) = taken(paper)
    assert isinstance(funded, VenueFunded)
    assert (funded.position, funded.time_ms, funded.amount) == (KEY, 2_000, Decimal("-0.1"))
    assert paper.desk("main").wallet == wallet - Decimal("0.1")
    assert paper.bookings("main")[-1].kind == "FUNDING_FEE"


def test_funding_reaches_every_holder_of_the_symbol() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 0)
    paper.execute(order(2, OrderSide.SELL, key="position:virtual/BTCUSDT-2"), 0)
    paper.execute(order(2, OrderSide.BUY, key="position:main/ETHUSDT-1"), 0)
    paper.on_tick(tick(100.0), 1)
    taken(paper)
    paper.on_funding(FundingArrived("BTCUSDT", 8, 0.001, 100.0), 9)
    found = [(a.position, a.amount) for _, a in taken(paper) if isinstance(a, VenueFunded)]
    assert found == [(KEY, Decimal("-0.1")), ("position:virtual/BTCUSDT-2", Decimal("0.1"))]


# ── restart ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_restored_stop_protects_again() -> None:
    paper = venue()
    paper.restore_desk(
        "main",
        Decimal(1_000),
        {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 10, 0)},
        [order(5, OrderSide.SELL, STOP, trigger=Decimal(95), close_position=True)],
    )
    assert paper.active("BTCUSDT")
    paper.execute(order(5, OrderSide.SELL, STOP, trigger=Decimal(95), close_position=True), 500)
    paper.on_tick(tick(94.0), 1_000)
    answers = [answer for _, answer in taken(paper)]
    assert [type(answer) for answer in answers] == [VenueAccepted, VenueFilled]
    assert paper.desk("main").wallet == 993


def test_a_desk_is_not_restored_without_its_instruments() -> None:
    paper = PaperVenue(FREE, {"main": ZERO})
    with pytest.raises(InvalidInput, match="expected the instrument of BTCUSDT, found none"):
        paper.restore_desk("main", ZERO, {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 10, 0)}, ())
