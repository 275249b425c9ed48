"""A page for every read model: right figures, sound charts, and the same bytes for the same run."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import pytest
from html_reading import CSS, Reading, colours_of, figures_of, painted
from msgspec.structs import replace
from stored_runs import MemoryRun
from trading_history import HOUR_MS, TradingHistory, busy_history, plan_of

from domain.values import Side
from infra.followers.views import order_of, plain
from infra.html.on_candles import SYMBOLS_SHOWN, TRADES_IN_VIEW, TRADES_SHOWN
from infra.html.report import TITLES, report_page
from infra.html.thinning import POINTS_MAX
from infra.postgres.runs import RunInfo
from projections import PROJECTIONS
from projections.base import fold

CONFIG = '{"base_interval":"1m","account":{"name":"main","leverage":5},"symbols":["BTCUSDT"]}'
RUN = RunInfo("6779791cda9f", "backtest", "paper", "recorded", "e" * 32, CONFIG, datetime(2025, 1, 2, tzinfo=UTC))
NAMES = tuple(PROJECTIONS)
SMALL = 200_000
"""What a page may weigh beside plotly.js, in bytes."""


def rows_of(name: str, history: TradingHistory) -> list[dict[str, Any]]:
    projection = PROJECTIONS[name]
    rows = [plain(row) for row in fold(projection, history.events).values()]
    return sorted(rows, key=lambda row: [row[field] for field in order_of(projection)])


def page_of(name: str, history: TradingHistory, run: RunInfo = RUN) -> str:
    stored = MemoryRun()
    stored.add(history.events)
    return report_page(name, rows_of(name, history), run, stored.reader)


@functools.cache
def busy_page(name: str) -> str:
    return page_of(name, busy_history())


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_well_formed_and_loads_nothing(name: str) -> None:
    reading = Reading(busy_page(name))
    assert not [link for link in reading.attributes("src") + reading.attributes("href") if "//" in link]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_run_gives_the_same_bytes_whenever_it_was_made(name: str) -> None:
    again = replace(RUN, created_at=datetime(2026, 1, 1, tzinfo=UTC), epoch="f" * 32)
    assert page_of(name, busy_history(), again) == busy_page(name)


@pytest.mark.parametrize("name", NAMES)
def test_plotly_accepts_every_chart_and_the_page_has_its_colours(name: str) -> None:
    figures = figures_of(busy_page(name))
    assert figures
    for figure in figures.values():
        go.Figure(painted(figure))
        assert all(f"{colour}:" in CSS for colour in colours_of(figure))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_which_run_it_is_of_and_with_which_settings(name: str) -> None:
    text = Reading(busy_page(name)).text
    assert TITLES[name][0] in text
    for fact in ("6779791cda9f", "backtest on paper, recorded clock", "account.leverage 5", "UTC", "Chain head"):
        assert fact in text


@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_rows_says_so(name: str) -> None:
    text = Reading(report_page(name, [], RUN, MemoryRun().reader)).text
    assert f"The run has not brought a row of {name}" in text
    assert "History until empty" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_small_run_makes_a_small_page(name: str) -> None:
    page = busy_page(name)
    figures = page.index("/**\n* plotly.js"), page.index("(() => {\n  const figures")
    assert len(page) - (figures[1] - figures[0]) < SMALL


def test_settings_that_are_no_json_are_shown_as_they_stand() -> None:
    page = page_of("pnl", busy_history(), replace(RUN, config="interval = '1m'"))
    assert "interval = '1m'" in Reading(page).text


def test_a_read_model_without_a_page_of_its_own_is_a_table() -> None:
    row = {"model": "win", "trained_ms": 1_700_000_000_000, "score": Decimal("0.5"), "parts": [1, 2], "text": None}
    text = Reading(report_page("model_lineage", [row], RUN, MemoryRun().reader)).text
    for shown in ("Model lineage", "trained_ms", "2023-11-14 22:13:20", "[1,2]"):
        assert shown in text


def test_text_from_the_venue_or_an_operator_stays_text() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    history = TradingHistory().start()
    history.decline(hostile)
    reading = Reading(page_of("signals", history))
    assert hostile in reading.text
    assert "img" not in {tag for tag, _ in reading.elements}


# What stands on each page.


def test_pnl_sums_what_positions_brought() -> None:
    rows, text = rows_of("pnl", busy_history()), Reading(busy_page("pnl")).text
    assert f"{sum(row['net'] for row in rows):+,.2f} USDT" in text
    cumulative = figures_of(busy_page("pnl"))["chart-1"]["data"][0]
    assert cumulative["y"][-1] == pytest.approx(float(sum(row["net"] for row in rows)))


def test_pnl_adds_up_from_day_to_day() -> None:
    history = TradingHistory().start()
    for number in range(3):
        history.candle("BTCUSDT", 100.0, after_ms=24 * HOUR_MS).trade(plan_of(), number)
    rows = rows_of("pnl", history)
    cumulative, daily = (figures_of(page_of("pnl", history))[name]["data"][0] for name in ("chart-1", "chart-2"))
    assert daily["x"] == cumulative["x"] == [row["day"] for row in rows]
    assert daily["y"] == [float(row["net"]) for row in rows]
    assert cumulative["y"] == pytest.approx([float(sum(row["net"] for row in rows[: n + 1])) for n in range(3)])


def test_equity_is_drawn_as_it_was_with_its_drawdown_below() -> None:
    rows = rows_of("equity", busy_history())
    equity, balance, drawdown = figures_of(busy_page("equity"))["chart-1"]["data"]
    for trace, values in (
        (equity, [float(row["equity"]) for row in rows]),
        (balance, [float(row["balance"]) for row in rows]),
        (drawdown, [round(-row["deepest"], 8) for row in rows]),
    ):
        drawn = list(zip(trace["x"], trace["y"], strict=True))
        assert all((row["until_ms"], value) in drawn for row, value in zip(rows, values, strict=True))
    assert drawdown["yaxis"] == "y2"


def test_equity_stands_still_while_nothing_is_open() -> None:
    point = rows_of("equity", TradingHistory().start())[0]
    bought = {**point, "time_ms": 9_000, "until_ms": 9_900, "unrealised": "5", "equity": "1005"}
    rows = [{**point, "time_ms": 0, "until_ms": 1_000}, bought, {**bought, "time_ms": 20_000, "until_ms": 20_100}]
    equity = figures_of(report_page("equity", rows, RUN, MemoryRun().reader))["chart-1"]["data"][0]
    assert list(zip(equity["x"], equity["y"], strict=True)) == [
        (1_000, 1_000.0), (9_000, 1_000.0), (9_900, 1_005.0), (20_100, 1_005.0)
    ]  # fmt: skip


def test_standing_still_at_the_peak_is_not_below_it() -> None:
    point = rows_of("equity", TradingHistory().start())[0]
    hour = 3_600_000
    lost = {**point, "time_ms": 24 * hour, "until_ms": 25 * hour, "balance": "990", "equity": "990", "drawdown": 0.01}
    rows = [{**point, "time_ms": 0, "until_ms": 0}, lost, {**lost, "time_ms": 27 * hour, "until_ms": 27 * hour}]
    told = Reading(report_page("equity", rows, RUN, MemoryRun().reader)).text
    assert "Longest below a peak 3 h" in told


def test_a_long_curve_is_thinned_and_keeps_its_depth() -> None:
    history = TradingHistory().start()
    point = rows_of("equity", history)[0]
    rows = [{**point, "time_ms": n, "until_ms": n, "deepest": 0.5 if n == 7_777 else 0.0} for n in range(20_000)]
    page = report_page("equity", rows, RUN, MemoryRun().reader)
    traces = figures_of(page)["chart-1"]["data"]
    assert all(len(trace["x"]) <= POINTS_MAX for trace in traces)
    assert min(traces[2]["y"]) == -0.5


def test_stats_show_win_rates_by_confidence_for_money_and_virtually() -> None:
    rows = {row["account"]: row for row in rows_of("stats", busy_history())}
    real, virtual = figures_of(busy_page("stats"))["chart-1"]["data"]
    assert (real["name"], virtual["name"]) == ("main", "virtual")
    (bucket,) = rows["main"]["by_confidence"]
    assert (real["x"], real["y"]) == (["0.6 to 0.7"], [bucket["wins"] / bucket["trades"]])


def test_positions_stand_on_the_candles_of_their_symbol() -> None:
    figures = figures_of(busy_page("positions"))
    text = Reading(busy_page("positions")).text
    assert "BTCUSDT (USDT): 1 trade " in text
    candles, stop, target, way, long, short, exits = figures["chart-1"]["data"]
    row = next(row for row in rows_of("positions", busy_history()) if row["symbol"] == "BTCUSDT")
    assert candles["type"] == "candlestick"
    assert 105.0 in candles["close"]
    assert stop["y"] == [float(row["stop"])] * 2 + [None]
    assert target["y"] == [float(row["target"])] * 2 + [None]
    assert way["x"] == [row["opened_ms"], row["closed_ms"], None]
    assert (long["x"], long["y"]) == ([row["opened_ms"]], [float(row["entry_price"])])
    assert short["x"] == []
    assert (exits["x"], exits["marker"]["color"]) == ([row["closed_ms"]], ["--gain"])


def test_an_open_position_is_drawn_to_the_end_of_the_history() -> None:
    history = TradingHistory().start()
    history.enter(history.request(plan_of(side=Side.SHORT)))
    history.candle("BTCUSDT", 99.0, after_ms=HOUR_MS)
    stop, short = (figures_of(page_of("positions", history))["chart-1"]["data"][place] for place in (1, 5))
    assert stop["x"][1] == history.at_ms
    assert short["marker"]["symbol"] == "triangle-down"


def test_many_trades_are_bounded_and_the_newest_are_in_view() -> None:
    history = TradingHistory().start()
    for number in range(TRADES_SHOWN + 5):
        history.candle("BTCUSDT", 100.0 + number % 3).trade(plan_of(), number)
    page = page_of("positions", history)
    chart = figures_of(page)["chart-1"]
    assert f"the last {TRADES_SHOWN} of {TRADES_SHOWN + 5} trades" in Reading(page).text
    assert len(chart["data"][4]["x"]) == TRADES_SHOWN
    first_ms, last_ms = chart["layout"]["xaxis"]["range"]
    assert sum(first_ms <= opened_ms <= last_ms for opened_ms in chart["data"][4]["x"]) < TRADES_SHOWN
    assert all(first_ms <= opened_ms <= last_ms for opened_ms in chart["data"][4]["x"][-TRADES_IN_VIEW:])
    low, high = chart["layout"]["yaxis"]["range"]
    assert low < 90
    assert high > 120


def test_many_symbols_are_bounded_and_the_left_out_ones_are_counted() -> None:
    history = TradingHistory().start()
    for number in range(SYMBOLS_SHOWN + 2):
        history.trade(plan_of(symbol=f"S{number:02}USDT"), number)
    page = page_of("positions", history)
    drawn = [figure for figure in figures_of(page).values() if figure["data"][0]["type"] == "candlestick"]
    assert len(drawn) == SYMBOLS_SHOWN
    assert "2 symbols with fewer trades are not drawn" in Reading(page).text


def test_virtual_positions_say_why_they_were_not_traded() -> None:
    text, figures = Reading(busy_page("virtual_positions")).text, figures_of(busy_page("virtual_positions"))
    assert "Why they were not traded" in text
    assert figures[list(figures)[-1]]["data"][0]["y"] == ["HALTED"]


def test_signals_are_counted_by_what_became_of_them_and_why() -> None:
    rows, figures = rows_of("signals", busy_history()), figures_of(busy_page("signals"))
    by_day = {trace["name"]: sum(trace["y"]) for trace in figures["chart-1"]["data"]}
    assert sum(by_day.values()) == len(rows)
    assert by_day["TRADED"] == sum(row["outcome"] == "TRADED" for row in rows)
    against = figures["chart-5"]["data"][0]
    assert dict(zip(against["y"], against["x"], strict=True)) == {
        "HALTED": 2,
        "COOLDOWN": 1,
        "RECENT_GAP": 1,
        "-2019": 1,
    }


def test_orders_are_counted_by_role_and_state() -> None:
    rows, figures = rows_of("orders", busy_history()), figures_of(busy_page("orders"))
    assert sum(sum(trace["x"]) for trace in figures["chart-2"]["data"]) == len(rows)
    assert "-2019 Margin is insufficient." in Reading(busy_page("orders")).text


def test_health_is_a_timeline_of_what_lasted_and_what_happened() -> None:
    spans, *signs = figures_of(busy_page("health"))["chart-1"]["data"]
    rows = rows_of("health", busy_history())
    lasting = [row for row in rows if row["kind"] in {"SESSION", "HEALTH", "CONDITION"}]
    assert spans["base"] == [row["began_ms"] for row in lasting]
    assert all(length >= 1 for length in spans["x"])
    assert {sign["name"] for sign in signs} == {"RESTORED", "DEAD_LETTER", "STAYED_DOWN", "OPERATOR"}


def test_an_interrupted_session_is_drawn_up_to_the_next_one() -> None:
    history = TradingHistory().start()
    history.start().candle("BTCUSDT", 100.0, after_ms=HOUR_MS)
    spans = figures_of(page_of("health", history))["chart-1"]["data"][0]
    first, second = spans["base"]
    assert spans["x"][0] == second - first


def test_accounts_show_the_way_from_deposit_to_balance() -> None:
    (row,) = rows_of("accounts", busy_history())
    waterfall = figures_of(busy_page("accounts"))["chart-1"]["data"][0]
    deposited, realised, fees, funding, balance = waterfall["y"]
    assert deposited + realised + fees + funding == pytest.approx(balance)
    assert balance == float(row["balance"])
