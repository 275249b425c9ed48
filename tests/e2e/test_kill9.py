"""`kill -9` of the running system, again and again, anywhere: what is left is whole, and the next start goes on."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from candle_data import write_days
from program import SEED, Running, run, running
from recorded_run import (
    assert_replays,
    assert_whole,
    checkpointed_hash,
    events,
    folded_hash,
    head,
    live,
)

from actors.ports import Frame, Head
from domain.base import Recorded
from domain.catalog import decode_effects, decode_input
from domain.deal import ExitReason, Plan
from domain.market import MINUTE_MS, MarketTick
from domain.operations import Restored, StateRestored
from domain.orders import OrderAccepted, OrderFilled, OrderRequested, Role
from domain.position_events import ExitRequested, PositionClosed, PositionOpened, PositionRequested
from domain.venue import PlaceOrder
from infra.postgres import embedded
from infra.postgres.fault import STEPS

pytestmark = pytest.mark.slow

KILLS_AT_START, KILLS_IN_RUN = 3, 7
RANDOM_KILLS = KILLS_AT_START + KILLS_IN_RUN
TIME_STOP_MINUTES = 40
SYSTEM = (
    "--symbols", "6", "--speed", "3000", "--seed", "7", "--no-dashboard", "--json",
    "--set", "market.tick_ms=5000", "--set", f"strategy.time_stop_minutes={TIME_STOP_MINUTES}",
    "--set", "strategy.cooldown_minutes=0",
    "--set", "strategy.name=trend",
)  # fmt: skip

# ── a run that was killed many times ──────────────────────────────────────────────────────────────────────────────


class KilledRun:
    """A run under one `--home`, and the last event of each of its sessions."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = embedded.start(home)
        self.ends: list[int] = []
        self._head = head(self.url)

    def session(self, end: Callable[[Running], object], *, interval_ms: int, fault: str = "") -> None:
        """Start the system, let `end` end it, and see that what is left is whole and replays."""
        settings = ("--home", self.home, "--set", f"database.commit_interval_ms={interval_ms}")
        with running(*SYSTEM, *settings, HINDSIGHT_FAULT=fault) as system:
            end(system)
        if self._head == Head() == head(self.url):
            return  # killed before anything was durable: there is nothing to look at yet
        before, self._head = self._head, assert_whole(self.url, self._head)
        assert_replays(self.url, before.input_seq + 1)
        self.ends.append(self._head.seq)

    def crossings(self) -> dict[str, PositionClosed]:
        """Give the closed positions that were open while the system was dead."""
        found: dict[str, PositionClosed] = {}
        opened: dict[str, int] = {}
        for recorded in events(self.url, PositionOpened, PositionClosed):
            if isinstance(recorded.event, PositionOpened):
                opened[recorded.stream] = recorded.seq
            elif any(opened[recorded.stream] <= end < recorded.seq for end in self.ends):
                found[recorded.stream] = recorded.event
        return found

    def frames(self) -> list[Frame]:
        """Give the whole tape."""
        with live(self.url) as reader:
            return list(reader.frames(0))


def at_random(moment_s: float, *, started: bool) -> Callable[[Running], None]:
    """Kill the system so long after it was called, or after it has `started`: how long that takes is the machine's."""

    def kill(system: Running) -> None:
        if started:
            system.until(system.started)
        assert system.lives_for(moment_s), system.ended()
        system.kill9()

    return kill


def at_a_fault_point(system: Running) -> None:
    """Wait until it kills itself."""
    assert system.ended().code == -signal.SIGKILL, system.said()


def politely(system: Running) -> None:
    """Let it stop cleanly, which leaves a checkpoint."""
    system.until(system.started)
    assert system.lives_for(0.5)
    assert system.signal(signal.SIGTERM).code == 0, system.said()


@pytest.fixture(scope="module")
def killed(home: Path) -> Iterator[KilledRun]:
    """Kill one run at every step of a commit and at random moments, with clean stops in between."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    sessions: list[tuple[Callable[[Running], None], str]] = [
        *((at_a_fault_point, f"{step}:{chance.randint(2, 12)}") for step in STEPS),
        *((at_random(chance.uniform(0.3, 3.0), started=False), "") for _ in range(KILLS_AT_START)),
        *((at_random(chance.uniform(0.0, 2.0), started=True), "") for _ in range(KILLS_IN_RUN)),
        *[(politely, "")] * 2,
    ]
    chance.shuffle(sessions)
    found = KilledRun(home)
    for end, fault in sessions:
        found.session(end, interval_ms=chance.choice((20, 250)), fault=fault)

    found.session(lambda system: _until_old_positions_are_closed(system, found), interval_ms=250)
    yield found
    embedded.stop(home)


def _until_old_positions_are_closed(system: Running, killed: KilledRun) -> None:
    system.until(system.started)
    wanted = {ExitReason.TIME_STOP, ExitReason.STOP}
    system.comes_to(lambda: wanted <= {closed.reason for closed in killed.crossings().values()}, seconds=30)
    assert system.signal(signal.SIGTERM).code == 0, system.said()


# ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_store_is_whole_and_all_sessions_replay_without_a_divergence(killed: KilledRun) -> None:
    verified = run("verify", "--home", killed.home, "--json")
    assert (verified.code, verified.json["ok"], verified.json["problems"]) == (0, True, []), verified
    replayed = run("replay", "--verify", "--home", killed.home, "--json")
    assert (replayed.code, replayed.json["divergences"], replayed.json["chain_equal"]) == (0, 0, True), replayed
    assert replayed.json["events"] == verified.json["checked_events"] == killed.ends[-1]


def test_every_restored_state_is_the_fold_of_the_events_before_it(killed: KilledRun) -> None:
    restored = [recorded.event for recorded in events(killed.url, StateRestored)]
    assert len(restored) >= len(STEPS) + RANDOM_KILLS // 2
    assert sum(event.unclean for event in restored) >= len(STEPS)
    for event in restored:
        assert event.state_hash == folded_hash(killed.url, event.from_seq), event


def test_a_fold_from_a_checkpoint_is_the_fold_from_zero(killed: KilledRun) -> None:
    with live(killed.url) as reader:
        assert reader.checkpoint(reader.head().input_seq) is not None
    for seq in killed.ends:
        assert checkpointed_hash(killed.url, seq) == folded_hash(killed.url, seq)


def test_read_models_that_followed_through_every_kill_equal_a_fresh_fold(killed: KilledRun) -> None:
    rebuilt = run("rebuild", "--home", killed.home, "--json")
    unequal = [view["name"] for view in rebuilt.json["projections"] if not view["equal_to_previous"]]
    assert (rebuilt.code, unequal) == (0, []), rebuilt
    assert sum(view["rows"] for view in rebuilt.json["projections"]) > 0


def test_no_order_is_placed_twice_and_no_fill_counts_twice(killed: KilledRun) -> None:
    placed = Counter[str]()
    for frame in killed.frames():
        asked_again = isinstance(decode_input(frame.input), Restored)
        for issued in decode_effects(frame.effects):
            if isinstance(issued.effect, PlaceOrder) and not asked_again:
                placed[issued.effect.order_id] += 1
    assert placed
    assert max(placed.values()) == 1

    fills = events(killed.url, OrderFilled)
    trades = Counter((recorded.stream, recorded.event.trade_id) for recorded in fills)
    assert max(trades.values()) == 1
    entered, left = Counter[str](), Counter[str]()
    for recorded in fills:
        (entered if recorded.event.role is Role.ENTRY else left)[recorded.stream] += recorded.event.quantity
    plans = {recorded.stream: recorded.event.plan for recorded in events(killed.url, PositionRequested)}
    assert all(quantity == plans[stream].quantity for stream, quantity in entered.items())
    closed = [recorded.stream for recorded in events(killed.url, PositionClosed)]
    assert all(left[stream] == entered[stream] for stream in closed)


def test_a_time_stop_armed_before_a_kill_fires_at_its_time(killed: KilledRun) -> None:
    opened = {recorded.stream: recorded.event.time_ms for recorded in events(killed.url, PositionOpened)}
    frames = killed.frames()
    exits = [one for one in events(killed.url, ExitRequested) if one.event.reason is ExitReason.TIME_STOP]
    assert {one.stream for one in exits} & killed.crossings().keys()
    for one in exits:
        due_ms = opened[one.stream] + TIME_STOP_MINUTES * MINUTE_MS
        assert one.at_ms >= due_ms
        before = next(
            f for f in reversed(frames[: one.input_seq - 1]) if not isinstance(decode_input(f.input), Restored)
        )
        assert before.at_ms < due_ms, f"{one.stream} was due before input {before.input_seq}, but left at {one}"

    over = {recorded.stream for recorded in (*exits, *events(killed.url, PositionClosed))}
    late = [
        stream for stream in opened.keys() - over if opened[stream] + TIME_STOP_MINUTES * MINUTE_MS <= frames[-1].at_ms
    ]
    assert not late


def test_a_stop_that_rests_while_the_system_is_dead_protects_when_it_is_back(killed: KilledRun) -> None:
    crossed = killed.crossings()
    assert any(closed.reason is ExitReason.STOP for closed in crossed.values())
    held = _protected(killed)
    by_input: dict[int, list[Recorded]] = {}
    for recorded in events(killed.url, OrderFilled, PositionClosed):
        by_input.setdefault(recorded.input_seq, []).append(recorded)
    touched: set[str] = set()
    for frame in killed.frames():
        input_ = decode_input(frame.input)
        if isinstance(input_, Restored):
            touched.clear()  # what filled them was not durable: the venue starts again from what is
        elif isinstance(input_, MarketTick):
            assert not touched, f"the price was behind the stops of {touched}, and input {frame.input_seq} came first"
            marks = {quote.symbol: Decimal(str(quote.mark)) for quote in input_.quotes}
            touched = {
                stream
                for stream, (plan, since, until) in held.items()
                if since < frame.input_seq < until
                and plan.symbol in marks
                and (plan.stop - marks[plan.symbol]) * plan.side.sign >= 0
            }
        touched -= {recorded.stream for recorded in by_input.get(frame.input_seq, ())}


def _protected(killed: KilledRun) -> dict[str, tuple[Plan, int, int]]:
    """Give, for each position, its plan and the inputs between which its stop rested and nobody wanted to leave."""
    stops = {r.event.order_id for r in events(killed.url, OrderRequested) if r.event.role is Role.STOP}
    since = {r.stream: r.input_seq for r in events(killed.url, OrderAccepted) if r.event.order_id in stops}
    until: dict[str, int] = {}
    for recorded in events(killed.url, PositionClosed, ExitRequested):
        until.setdefault(recorded.stream, recorded.input_seq)
    plans = {recorded.stream: recorded.event.plan for recorded in events(killed.url, PositionRequested)}
    return {stream: (plans[stream], first, until.get(stream, 2**63)) for stream, first in since.items()}


def test_a_backtest_killed_on_its_way_leaves_no_half_run_and_is_done_again(store: str, tmp_path: Path) -> None:
    given = ("--data", write_days(tmp_path, days=3.0), "--store", store, "--json")
    whole = run("backtest", *given[:2], "--store", "memory", "--json").json
    for step in ("after_copy", "after_commit"):
        with running("backtest", *given, HINDSIGHT_FAULT=f"{step}:2") as backtest:
            at_a_fault_point(backtest)
        assert run("runs", "--store", store, "--json").json == []
    again = run("backtest", *given).json
    assert (again["run_id"], again["chain_head"]) == (whole["run_id"], whole["chain_head"])
    assert [listed["run_id"] for listed in run("runs", "--store", store, "--json").json] == [whole["run_id"]]
