"""The live view: it fits the terminal, and shows what an operator must not miss."""

from __future__ import annotations

import pytest
from rich.console import Console, ConsoleDimensions
from trading_history import TradingHistory, plan_of

from actors.ports import Frame, Step
from domain.account import EntriesHalted, EntriesResumed
from domain.deal import VIRTUAL
from domain.position_events import PositionAbandoned
from domain.scan.summary import Held, NearMiss, ScanSummary
from infra.cli.view import Footing, LiveView, scan_line

FOOTING = Footing(1_768_250_000_000, 12.0, 1_000, 3, 0)


def drawn(history: TradingHistory, width: int, height: int) -> list[str]:
    """Draw what a history leaves, as the lines of a terminal of this size."""
    view = LiveView("simulated exchange x60")
    for recorded in history.events:
        view.take(Step(Frame(recorded.input_seq, recorded.at_ms, b"", b""), (recorded,), (), (), b""))
    console = Console(width=width, height=height, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(view.render(FOOTING, ConsoleDimensions(width, height)))
    return capture.get().splitlines()


def crowded() -> TradingHistory:
    """Give three positions with money, forty virtual ones, and as many symbols."""
    history = TradingHistory().start()
    for number in range(40):
        history.request(plan_of(VIRTUAL, symbol=f"A{number}USDT"), number)
        history.candle(f"A{number}USDT", 0.28177)
    for number in range(3):
        history.enter(history.request(plan_of(symbol=f"Z{number}USDT"), number))
        history.candle(f"Z{number}USDT", 126_824.0)
    return history


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 16), (120, 40), (200, 60)])
def test_all_parts_fit_the_terminal(width: int, height: int) -> None:
    lines = drawn(crowded(), width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert all(
        part in text for part in ("HEALTHY", "open 3", "Positions: 3 open, 40 followed", "Symbols: 43", "Latest")
    )


def test_what_holds_money_is_shown_first_with_all_its_digits() -> None:
    table = [line.split() for line in drawn(crowded(), 80, 24) if line.startswith("Z")]
    assert [row[:6] for row in table[:3]] == [[f"Z{n}USDT", "LONG", "2", "100", "126824", "90"] for n in range(3)]


def test_a_halt_stands_in_the_header_until_it_is_lifted() -> None:
    history = TradingHistory().start()
    history.record(("account:main", EntriesHalted("OPERATOR")))
    assert any(
        "NO NEW POSITIONS: halted by OPERATOR; `python run.py resume`" in line for line in drawn(history, 80, 24)
    )
    history.record(("account:main", EntriesResumed("OPERATOR")))
    assert not any("NO NEW POSITIONS" in line for line in drawn(history, 80, 24))


def test_an_entry_that_came_to_nothing_is_no_position() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of(), 1)
    history.record((position, PositionAbandoned("-2019")))
    text = "\n".join(drawn(history, 80, 24))
    assert "Positions: 0 open" in text
    assert "not entered BTCUSDT: -2019" in text


def test_what_the_shell_says_is_in_the_news() -> None:
    view = LiveView("sim")
    view.note(FOOTING.market_time_ms, "The simulated exchange had died; it was started again.")
    console = Console(width=80, height=24)
    with console.capture() as capture:
        console.print(view.render(FOOTING, ConsoleDimensions(80, 24)))
    assert "20:33:20 The simulated exchange had died" in capture.get()


@pytest.mark.parametrize(
    ("lacking", "told"), [(1.23, "nearest A lacks 1.2"), (0.0, "nearest A is strong enough, kept back by NO_ROOM")]
)
def test_a_scan_says_what_the_nearest_symbol_lacked(lacking: float, told: str) -> None:
    miss = NearMiss("A", "LONG", 70.0, lacking, ("NO_ROOM",))
    summary = ScanSummary(1, 1, 0, 0, 0, 1, (), (miss,), (("NO_ROOM", 1),), Held(1, 1, 1))
    assert told in scan_line(summary)
