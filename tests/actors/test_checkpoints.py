"""Checkpoints are a cache: from any of them, from zero, or lived through, the state is the same to the byte."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors.kernel import CHECKPOINT_SCHEMA, Kernel
from actors.ports import Checkpoint
from domain.config import Config, StrategyConfig, SupervisionConfig
from domain.deal import ExitReason
from domain.errors import CorruptHistory, InvalidInput
from domain.market import HistoryArrived
from domain.operations import OperatorCommand, OperatorKind, SessionEnded
from domain.orders import OrderRejected, OrderRequested, Role
from domain.strategies import Strategy, trend
from domain.values import Side
from domain.venue import VenueRejected
from infra import replay
from infra.memory import MemoryJournal
from tests.actors.toys import CountingHistory, Stage, timer, toys
from tests.worlds import CONFIG, SYMBOL, Told, World, candle, open_ms, proposal

ETH = "ETHUSDT"


class Lived:
    """A small run with a checkpoint and the state's hash after every input."""

    def __init__(self) -> None:
        script = {
            (SYMBOL, 1): proposal(),
            (ETH, 3): proposal(Side.SHORT),
            (SYMBOL, 6): "a bug",
            (ETH, 9): proposal(),
            (ETH, 11): proposal(),
        }
        rules = SupervisionConfig(window_ms=120_000)
        config = replace(CONFIG, supervision=rules, strategy=replace(CONFIG.strategy, time_stop_minutes=6))
        self.hashes: dict[int, str] = {}
        self.checkpoints: dict[int, Checkpoint] = {}
        self.world = World(Told(script), config=config, symbols=(SYMBOL, ETH))
        self.world.runner._on_step = self._look
        self._live()
        self.world.journal.commit()

    def _look(self, step: object) -> None:
        kernel = self.world.kernel
        at = kernel.head.input_seq
        self.hashes[at] = kernel.population.state_hash()
        checkpoint = kernel.checkpoint()
        if checkpoint is not None:
            self.checkpoints[at] = checkpoint

    def _live(self) -> None:
        world = self.world
        bars = tuple(candle(minute, 100.0 + minute % 3, 103.0, 98.0) for minute in range(-60, 0))
        world.runner.feed(open_ms(0), HistoryArrived(SYMBOL, "1m", bars))
        for minute in range(14):
            price = 100.0 + 0.1 * (minute % 4)
            world.close(minute, BTCUSDT=price, ETHUSDT=price)
            for second in (1, 2, 3):
                world.quote(open_ms(minute + 1) + second * 1_000, BTCUSDT=price, ETHUSDT=price - 0.2 * second)
        world.runner.feed(open_ms(15), OperatorCommand(1, OperatorKind.CLOSE, ETH, "ann"))
        world.quote(open_ms(15) + 500, BTCUSDT=101.0, ETHUSDT=101.0)
        world.quote(open_ms(15) + 900, BTCUSDT=101.0, ETHUSDT=101.0)
        world.runner.feed(open_ms(15) + 950, SessionEnded("asked to"))


@pytest.fixture(scope="module")
def lived() -> Lived:
    return Lived()


def kernel_over(journal: MemoryJournal) -> Kernel:
    return Kernel(journal, lambda _: Told())


def test_the_small_run_is_worth_looking_at(lived: Lived) -> None:
    reasons = {recorded.event.reason for recorded in lived.world.journal.events(0, topics=["PositionClosed"])}
    assert {ExitReason.TIME_STOP, ExitReason.OPERATOR} <= reasons
    assert len(lived.checkpoints) > 40
    assert any("position:" in actor.stream for one in lived.checkpoints.values() for actor in one.actors)
    assert any(actor.ephemeral != b"\xc0" for one in lived.checkpoints.values() for actor in one.actors)


def test_folding_from_zero_gives_the_live_state_at_every_cut(lived: Lived) -> None:
    journal = lived.world.journal
    seqs = {frame.input_seq: 0 for frame in journal.frames(0)}
    for recorded in journal.events(0):
        seqs[recorded.input_seq] = recorded.seq
    seq = 0
    for input_seq, last in sorted(seqs.items()):
        seq = last or seq
        if input_seq not in lived.hashes:
            continue
        kernel = kernel_over(journal)
        kernel.restore(None, journal.events(0, seq), journal.head())
        assert kernel.population.state_hash() == lived.hashes[input_seq], f"after input {input_seq}"
        kernel.close()


def test_restoring_from_any_checkpoint_gives_the_state_of_the_end(lived: Lived) -> None:
    journal = lived.world.journal
    for input_seq, checkpoint in lived.checkpoints.items():
        kernel = kernel_over(journal)
        kernel.restore(checkpoint, journal.events(checkpoint.head.seq), journal.head())
        assert kernel.population.state_hash() == lived.hashes[journal.head().input_seq], f"from input {input_seq}"
        kernel.close()


def test_a_checkpoint_thawed_and_frozen_again_is_the_same(lived: Lived) -> None:
    for checkpoint in lived.checkpoints.values():
        kernel = kernel_over(lived.world.journal)
        kernel.resume_replay(checkpoint)
        assert kernel.population.freeze() == checkpoint.actors
        assert kernel.checkpoint() == checkpoint
        kernel.close()


def test_a_decision_replay_from_any_checkpoint_finds_no_divergence(lived: Lived) -> None:
    """Quotes, timers and positions under way included."""
    journal = lived.world.journal
    for input_seq, checkpoint in lived.checkpoints.items():
        journal._checkpoints = [checkpoint]
        report = replay.verify(journal, lived.world.found, from_input=input_seq + 1)
        assert report.first_divergence is None, f"from input {input_seq}"
        assert report.chain_equal
        assert report.inputs == journal.head().input_seq - input_seq
    journal._checkpoints = []


def test_deleting_all_checkpoints_changes_nothing(lived: Lived) -> None:
    journal = lived.world.journal
    journal._checkpoints = list(lived.checkpoints.values())
    with_cache = [replay.as_of(journal, seq, lived.world.found) for seq in range(0, journal.head().seq, 9)]
    journal._checkpoints = []
    assert [replay.as_of(journal, seq, lived.world.found) for seq in range(0, journal.head().seq, 9)] == with_cache


def test_a_session_that_goes_on_from_a_checkpoint_or_from_zero_does_the_same(lived: Lived) -> None:
    heads = []
    for checkpoints in ([], [lived.checkpoints[max(lived.checkpoints)]], list(lived.checkpoints.values())):
        journal = lived.world.journal.after_crash()
        journal._checkpoints = checkpoints
        world = World(lived.world.strategy, config=lived.world.config, journal=journal, at_ms=open_ms(16))
        world.close(16, BTCUSDT=101.0, ETHUSDT=101.0)
        assert world.verified().divergences == 0
        heads.append(world.kernel.head)
    assert heads[0] == heads[1] == heads[2]


def test_strategies_that_need_other_things_take_turns_and_the_fold_is_the_same() -> None:
    journal = MemoryJournal(checkpoint_schema=CHECKPOINT_SCHEMA)
    for turn, name in enumerate(("trend", "hybrid", "trend", "mine.py", "hybrid")):
        config = Config(strategy=StrategyConfig(name=name))
        world = World(trend.propose, config=config, journal=journal, at_ms=open_ms(35 * turn) + 1)
        for minute in range(35 * turn, 35 * turn + 35):
            world.close(minute, BTCUSDT=100.0 + minute % 7)
        checkpoint = world.kernel.checkpoint()
        assert checkpoint is not None
        world.journal.commit()
        events, head = list(journal.events(0)), world.kernel.head
        for start, since in ((None, 0), (checkpoint, checkpoint.head.seq)):
            kernel = Kernel(journal, world.found)
            kernel.restore(start, [event for event in events if event.seq > since], head)
            assert kernel.population.state_hash() == world.kernel.population.state_hash(), name
            kernel.close()
        assert world.verified().divergences == 0
        world.kernel.close()


def test_no_checkpoint_is_taken_while_a_crash_is_remembered(lived: Lived) -> None:
    (letter,) = lived.world.journal.events(0, topics=["DeadLetter"])
    taken = {lived.world.journal._frames[at - 1].at_ms for at in lived.checkpoints}
    assert not any(letter.at_ms <= at_ms < letter.at_ms + 120_000 for at_ms in taken)
    assert any(at_ms >= letter.at_ms + 120_000 for at_ms in taken)


def test_no_checkpoint_is_taken_while_a_timer_is_armed_that_no_state_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = timer("t", 5_000, "ring")
    toys(monkeypatch, {"untold": (timer("u", 5_000, "x"),), "told": (ring,)}, armed={"told": ring})
    stage = Stage()
    stage.poke(("symbol:A", "told"))
    assert stage.kernel.checkpoint() is not None
    stage.poke(("symbol:A", "untold"))
    assert stage.kernel.checkpoint() is None
    stage.poke(at_ms=5_000)
    assert stage.kernel.checkpoint() is None, "`told` is armed no more, but its state says so"


def test_a_replay_from_between_a_refused_exit_and_its_retry_does_not_retry_early() -> None:
    """The retry is armed by the time of the refusal, which a position's state does not tell."""
    world = World(Told({(SYMBOL, 0): proposal()}), config=CONFIG).enter()
    at_ms = world.kernel.head.at_ms
    world.runner.feed(at_ms + 1, OperatorCommand(1, OperatorKind.CLOSE, SYMBOL, "ann"))
    exit_id = world.events(OrderRequested)[-1].event_id
    refused = VenueRejected(exit_id, at_ms + 2, "-1001", "Internal error.")
    world.runner.venue = None  # what the venue inside would say is not asked for
    world.runner.feed(at_ms + 2, refused)
    assert world.events(OrderRejected)[0].event.role is Role.EXIT
    checkpoint = world.kernel.checkpoint()
    if checkpoint is not None:
        world.journal.save(checkpoint)
    cut = world.kernel.head.input_seq
    for ms in (100, 4_000, 6_000):
        world.quote(at_ms + ms, BTCUSDT=100.0)
    assert [r.event.role for r in world.events(OrderRequested)][-2:] == [Role.EXIT, Role.EXIT]
    assert world.verified(from_input=cut + 1).first_divergence is None


def test_a_fold_asks_no_strategy_so_the_users_file_may_be_gone(lived: Lived) -> None:
    def gone(name: str) -> Strategy:
        raise InvalidInput("strategy.name", "an existing file", name)

    journal = lived.world.journal
    seq = journal.head().seq
    expected = replay.as_of(journal, seq, lived.world.found)
    assert replay.as_of(journal, seq, gone) == expected
    with pytest.raises(InvalidInput, match="existing file"):
        replay.verify(journal, gone)


def test_restoring_from_a_checkpoint_reads_no_stream_alone(lived: Lived) -> None:
    checkpoint = lived.checkpoints[max(lived.checkpoints)]
    history = CountingHistory(lived.world.journal)
    kernel = Kernel(history, lambda _: Told())
    kernel.restore(checkpoint, lived.world.journal.events(checkpoint.head.seq), lived.world.journal.head())
    assert history.asked == []


def test_a_checkpoint_that_does_not_say_the_settings_is_damage(lived: Lived) -> None:
    checkpoint = lived.checkpoints[max(lived.checkpoints)]
    headless = replace(checkpoint, actors=tuple(a for a in checkpoint.actors if a.stream != "operations:main"))
    with pytest.raises(CorruptHistory, match="which settings were in force"):
        kernel_over(lived.world.journal).restore(headless, (), lived.world.journal.head())


def test_a_checkpoint_names_the_shape_of_its_states(lived: Lived) -> None:
    assert {checkpoint.schema for checkpoint in lived.checkpoints.values()} == {CHECKPOINT_SCHEMA}


@pytest.mark.parametrize(("base", "analysis"), [("5m", "5m"), ("1m", "5m")])
def test_a_run_can_not_go_on_with_other_candle_frames(base: str, analysis: str) -> None:
    world = World()
    world.close(0, BTCUSDT=100.0)
    world.journal.commit()
    other = replace(CONFIG, base_interval=base, strategy=replace(CONFIG.strategy, analysis_interval=analysis))
    with pytest.raises(InvalidInput, match="as in this run so far"):
        World(config=other, journal=world.journal.after_crash())


def test_a_run_may_go_on_with_another_analysis_interval_of_the_same_frames() -> None:
    first = replace(CONFIG, strategy=replace(CONFIG.strategy, analysis_interval="5m"))
    world = World(config=first)
    for minute in range(7):
        world.close(minute, BTCUSDT=100.0)
    world.journal.commit()
    second = replace(first, strategy=replace(first.strategy, analysis_interval="15m"))
    again = World(Told({(SYMBOL, 14): "a bug"}), config=second, journal=world.journal.after_crash(), at_ms=open_ms(7))
    for minute in range(7, 20):
        again.close(minute, BTCUSDT=100.0)
    third = again.after_crash()
    assert third.verified().divergences == 0
