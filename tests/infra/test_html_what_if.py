"""The page of a what-if: both sides, their difference, and the trades that only one of them made."""

from __future__ import annotations

from decimal import Decimal

import plotly.graph_objects as go
import pytest
from html_reading import Reading, figures_of, painted
from msgspec.structs import replace
from worlds import traded

from domain.operations import SessionStarted
from infra.counterfactual import Outcome, Trade
from infra.html.what_if import MEASURES, what_if_page
from infra.what_if import FIGURES, Difference, OtherEnd, WhatIf, what_if

D = Decimal
TRADE = Trade(
    position="position:main/BTCUSDT-1", symbol="BTCUSDT", side="LONG", opened_ms=1_700_000_000_000,
    closed_ms=1_700_003_600_000, reason="STOP", entry_price=D(100), exit_price=D(98), quantity=D(2), net=D("-4.5"),
)  # fmt: skip
BASE = Outcome(
    trades=2, win_rate=0.5, realized_pnl=D("-10"), fees=D("3"), funding=D("0.5"), max_drawdown=0.2, sharpe=0.1,
    signals=4, exposure=1.25, closed=(TRADE, TRADE), curve=((1_700_000_000_000, D(1_000)), (1_700_000_060_000, D(800))),
)  # fmt: skip
CHANGED = replace(BASE, trades=1, win_rate=None, realized_pnl=D("5"), fees=D("1"), max_drawdown=0.1, closed=(TRADE,))
DIFFERENCE = Difference(
    trades=-1, signals=0, win_rate=None, realized_pnl=D("15"), fees=D("-2"), funding=D(0), max_drawdown=-0.1,
    exposure=0.0, only_base=(TRADE,), only_changed=(),
)  # fmt: skip
FOUND = WhatIf(BASE, CHANGED, DIFFERENCE)
PAGE = what_if_page(FOUND, ["account.leverage=3"])


def table_row(name: str) -> str:
    """Give the cells of a figure's row, and their tones."""
    start = PAGE.index(f"<td>{MEASURES[name].label}</td>")
    return PAGE[start : PAGE.index("</tr>", start)]


def test_the_page_is_well_formed_and_names_the_changes() -> None:
    assert "Changed account.leverage=3" in Reading(PAGE).text


def test_every_figure_of_a_what_if_is_shown() -> None:
    assert sorted(MEASURES) == sorted(FIGURES)
    for name in FIGURES:
        assert table_row(name)


@pytest.mark.parametrize(
    ("name", "cells"),
    [("realized_pnl", ("-10.00", "5.00", "+15.00")), ("trades", ("2", "1", "-1")),
     ("max_drawdown", ("20.0 %", "10.0 %", "-10.0 points")), ("signals", ("4", "4", "0"))],
)  # fmt: skip
def test_a_figure_stands_on_both_sides_with_its_difference(name: str, cells: tuple[str, ...]) -> None:
    assert tuple(Reading(f"<tr>{table_row(name)}</tr>").words[1:]) == cells


def test_what_can_not_be_said_is_not_zero() -> None:
    assert Reading(f"<tr>{table_row('win_rate')}</tr>").words[1:] == ["50.0 %", "-", "-"]


def test_less_drawdown_and_fewer_fees_are_good_news() -> None:
    for name in ("realized_pnl", "max_drawdown", "fees"):
        assert 'class="number gain"' in table_row(name)
    assert "gain" not in table_row("trades")


def test_both_curves_and_both_drawdowns_are_drawn() -> None:
    balances, drawdowns = figures_of(PAGE).values()
    assert [trace["y"] for trace in balances["data"]] == [[1000.0, 800.0]] * 2
    assert [trace["y"] for trace in drawdowns["data"]] == [[0.0, -0.2]] * 2
    for figure in (balances, drawdowns):
        go.Figure(painted(figure))


def test_the_trades_of_one_side_only_are_listed_with_their_sum() -> None:
    text = Reading(PAGE).text
    assert "Opened at the same time on the same side by both: 1" in text
    assert "net (USDT, -4.50 in all)" in text
    assert "main/BTCUSDT-1" in text
    assert text.count("None.") == 2


def test_a_trade_that_both_made_and_that_ended_otherwise_stands_with_both_ends() -> None:
    other = replace(TRADE, reason="TARGET", exit_price=D(104), net=D("7.5"))
    difference = replace(DIFFERENCE, only_base=(), other_ends=(OtherEnd(TRADE, other),))
    text = Reading(what_if_page(WhatIf(BASE, CHANGED, difference), [])).text
    assert "of which 1 came to something else" in text
    assert "98 STOP 104 TARGET 2 +12.00" in text


def test_a_change_of_settings_can_not_break_out_of_its_place() -> None:
    page = what_if_page(FOUND, ["strategy.name=<img src=x>"])
    assert "img" not in {tag for tag, _ in Reading(page).elements}


def test_a_recorded_market_traded_twice_gives_the_same_page_twice() -> None:
    world = traded()
    world.journal.commit()

    def half(started: SessionStarted) -> SessionStarted:
        account = replace(started.config.account, leverage=2)
        return replace(started, config=replace(started.config, account=account))

    first, second = (what_if_page(what_if(world.journal, half, world.found), ["account.leverage=2"]) for _ in "12")
    assert first == second
    assert "account.leverage=2" in Reading(first).text
