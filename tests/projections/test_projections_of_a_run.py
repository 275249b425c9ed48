"""The read models of a run that really traded agree with each other, and with the sums of the run itself."""

from __future__ import annotations

import functools
import math
from decimal import Decimal

import pytest
from msgspec.structs import replace
from worlds import CONFIG, STARTED, World, proposal

from domain.base import Recorded
from domain.deal import VIRTUAL
from domain.operations import SessionEnded
from domain.strategies import Pass, Proposal, View
from domain.values import ZERO, Side
from infra.followers.views import plain
from projections import PROJECTIONS
from projections.base import fold
from projections.totals import Totals

MINUTES = 300
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT")


def eager(view: View) -> Proposal | Pass:
    """Propose something in about one of five minutes, with so small a risk that most trades end soon."""
    draw = (view.time_ms // 60_000 * 7 + len(view.symbol) + ord(view.symbol[0])) % 23
    if draw > 4:
        return Pass("NOTHING")
    return proposal(Side.LONG if draw % 2 else Side.SHORT, view.close, view.close * 0.004)


def price(symbol: str, minute: int) -> float:
    phase = {"BTCUSDT": 0.0, "ETHUSDT": 1.3, "XRPUSDT": 2.1}[symbol]
    return round(100 + 3 * math.sin(minute / 17 + phase) + math.sin(minute / 3 + 2 * phase), 1)


@functools.cache
def traded() -> tuple[Recorded, ...]:
    """Give the events of a run with a limit low enough that some signals are denied."""
    limits = replace(CONFIG.account, max_open_positions=2, max_same_side_positions=1)
    world = World(eager, config=replace(CONFIG, account=limits), symbols=SYMBOLS)
    for minute in range(MINUTES):
        world.close(minute, **{symbol: price(symbol, minute) for symbol in SYMBOLS})
        at_ms = world.kernel.head.at_ms + 1_000
        world.quote(at_ms, **{symbol: price(symbol, minute) for symbol in SYMBOLS})
    world.runner.feed(world.kernel.head.at_ms, SessionEnded("end"))
    return tuple(world.events())


@functools.cache
def rows_of(name: str) -> list[dict[str, object]]:
    return [plain(row) for row in fold(PROJECTIONS[name], traded()).values()]


def summed(name: str, column: str) -> Decimal:
    return sum((row[column] for row in rows_of(name)), ZERO)  # type: ignore[misc]


@functools.cache
def totals() -> Totals:
    counted = Totals()
    counted.take(traded())
    return counted


def row_of(name: str, account: str) -> dict[str, object]:
    (row,) = (row for row in rows_of(name) if row["account"] == account)
    return row


def test_the_run_is_worth_looking_at() -> None:
    assert totals().closed > 10
    assert totals().virtual_closed > 3


def test_daily_pnl_adds_up_to_the_runs() -> None:
    assert (summed("pnl", "net"), summed("pnl", "fees")) == (totals().realized_pnl, totals().fees)
    assert sum(row["trades"] for row in rows_of("pnl")) == totals().closed  # type: ignore[misc]


def test_positions_add_up_to_the_same() -> None:
    ended = [row for row in rows_of("positions") if row["state"] == "CLOSED"]
    assert sum((row["net"] for row in ended), ZERO) == totals().realized_pnl  # type: ignore[misc]


def test_statistics_equal_the_runs() -> None:
    row = row_of("stats", "main")
    assert (row["trades"], row["wins"], row["win_rate"]) == (totals().closed, totals().wins, totals().win_rate)
    assert row["sharpe"] == pytest.approx(totals().sharpe)
    assert row["max_drawdown"] == totals().max_drawdown
    assert row_of("stats", VIRTUAL)["trades"] == totals().virtual_closed


def test_the_account_has_what_came_in_minus_what_went_out() -> None:
    row = row_of("accounts", "main")
    assert row["balance"] == totals().balance
    assert row["balance"] == row["deposited"] + row["realised"] - row["fees"] + row["funding"]  # type: ignore[operator]


def test_the_curve_ends_at_the_accounts_balance_plus_what_is_open() -> None:
    newest = max(rows_of("equity"), key=lambda row: row["time_ms"])  # type: ignore[arg-type,return-value]
    assert newest["balance"] == totals().balance
    held = {holding["position"] for holding in newest["holdings"]}  # type: ignore[attr-defined]
    assert held == {row["position"] for row in rows_of("positions") if row["live"]}


def test_every_signal_is_accounted_for_once() -> None:
    signals = [row for row in rows_of("signals") if row["outcome"] != "DECLINED"]
    assert len(signals) == totals().signals
    followed = {row["position"] for row in signals} - {""}
    assert followed == {row["position"] for name in ("positions", "virtual_positions") for row in rows_of(name)}
    assert all(row["outcome"] != "RAISED" for row in signals)


def test_every_signal_whose_position_ended_says_what_it_brought() -> None:
    net = {row["position"]: row["net"] for name in ("positions", "virtual_positions") for row in rows_of(name)}
    ended = [row for row in rows_of("signals") if row["result"]]
    assert len(ended) == totals().closed + totals().virtual_closed
    assert all(row["net"] == net[row["position"]] for row in ended)  # type: ignore[index]


def test_every_order_of_a_closed_position_has_come_to_its_end() -> None:
    over = {row["position"] for row in rows_of("positions") if row["state"] == "CLOSED"}
    assert all(not row["live"] for row in rows_of("orders") if row["position"] in over)
    assert len(rows_of("orders")) == totals().orders


def test_the_session_stands_in_health_from_its_start_to_its_end() -> None:
    (session,) = (row for row in rows_of("health") if row["kind"] == "SESSION")
    assert (session["subject"], session["ending"]) == (STARTED.code_version, "end")
