"""The deterministic kernel: one input in, all that follows from it out.

`process` numbers and dates an input, fires the timers that are due, gives it to its actors, and runs them until no
message is left, in the order in which the messages were sent, on the calling thread. Nothing inside waits, reads a
clock or draws a number: the same inputs give the same events, byte for byte. Live trading, backtest and replay drive
this same class; where inputs come from and where steps go is the shell's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors import account, market, operations, position, scan, symbol
from actors.base import EventSourcedActor
from actors.dispatch import DeterministicDispatcher
from actors.population import Population
from actors.ports import Checkpoint, Frame, Head, History, Step
from actors.supervisor import Supervisor, said
from actors.timers import Timers
from domain.base import Effect, Event, Input, Issued, Message, Reaction, Recorded, Tell, Timer
from domain.base import event_id as id_of
from domain.catalog import TOPICS, encode_effects, encode_event, encode_input
from domain.config import Config
from domain.errors import CorruptHistory
from domain.operations import DECIDER as OPERATIONS_RULES
from domain.operations import STREAM as OPERATIONS
from domain.operations import RecordCrash, Restored, RunStarted, SessionStarted
from domain.proof.chain import roll, row_bytes
from domain.strategies import Pass, Proposal, Strategy, View

MESSAGES_MAX = 1_000_000
"""More messages than this from one input is a loop between actors, not work."""
CHECKPOINT_SCHEMA = "6"
"""Changes whenever the shape of any actor's state changes; older checkpoints are then ignored."""
KINDS: dict[str, type[EventSourcedActor]] = {
    "operations": operations.OperationsActor,
    "symbol": symbol.SymbolActor,
    "market": market.MarketActor,
    "scan": scan.ScanActor,
    "account": account.AccountActor,
    "position": position.PositionActor,
}


class Kernel:
    """All actors of one run, and the one door to them. Not thread-safe: one thread drives it."""

    def __init__(self, history: History, strategies: Callable[[str], Strategy]) -> None:
        """`history` gives an actor's past when it must be rebuilt; `strategies` finds a strategy by its name."""
        self._strategies = strategies
        self._dispatcher = DeterministicDispatcher()
        self._supervisor = Supervisor()
        self._timers = Timers()
        self._head = Head()
        self._failure: BaseException | None = None
        self.population = Population(KINDS, self._dispatcher, history, self)
        self.restored_hash = ""
        self.config = Config()
        self._begin(0)

    @property
    def head(self) -> Head:
        """The end of the history so far."""
        return self._head

    def next_timer_ms(self) -> int | None:
        """Give the logical time at which the next timer is due."""
        return self._timers.next_due_ms()

    # ── one input ─────────────────────────────────────────────────────────────────────────────────────────────────

    def process(self, at_ms: int, input_: Input) -> Step:
        """Take one input, received at `at_ms` (UTC; never runs backwards), and give all that followed from it.

        If it raises, the input is half done: the kernel takes no more, and raises the same again.
        """
        if self._failure is not None:
            raise self._failure
        try:
            self._begin(max(at_ms, self._head.at_ms))
            self._take(input_)
            return self._finish(input_)
        except BaseException as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Let all actors go. Their registry, which is the process's, would keep them for ever."""
        self._dispatcher.close()

    def _take(self, input_: Input) -> None:
        if type(input_) is Restored:
            self._resume()  # it arms all timers and lets nobody be down: in life there is nothing to wake before it
        else:
            self._wake()
        if type(input_) is SessionStarted:
            config = input_.config
            self._configure(config, self._strategies(config.strategy.name))
        for tell in input_.deliveries():
            self._deliver(tell.stream, tell.message)
        self._run()
        if self._touched:
            over = [actor for actor in self._touched if actor.is_over]
            if over:
                self.population.dismiss(over)

    def _finish(self, input_: Input) -> Step:
        frame = Frame(self._input_seq, self._at_ms, encode_input(input_), encode_effects(self._issued))
        content = roll(self._head.content_hash, frame.input_seq, frame.at_ms, frame.input, self._rows, frame.effects)
        self._head = Head(self._seq, self._input_seq, self._at_ms, content)
        return Step(frame, tuple(self._events), tuple(self._rows), tuple(self._issued), content)

    def _begin(self, at_ms: int) -> None:
        head = self._head
        self._at_ms = at_ms
        self._input_seq = head.input_seq + 1
        self._seq = head.seq
        self._events: list[Recorded] = []
        self._rows: list[bytes] = []
        self._issued: list[Issued] = []
        self._touched: list[EventSourcedActor] = []

    def _wake(self) -> None:
        """Restart actors whose pause is over and fire the timers that are due, each run to its end."""
        for stream in self._supervisor.due(self._at_ms):
            self._restart(stream)
            self._run()
        while (due := self._timers.pop_due(self._at_ms)) is not None:
            self._deliver(*due)
            self._run()

    def _run(self) -> None:
        if self._dispatcher.run_until_idle(MESSAGES_MAX) >= MESSAGES_MAX:
            raise CorruptHistory(self._seq, f"input {self._input_seq} made more than {MESSAGES_MAX:,} messages")
        if self._failure is not None:
            raise self._failure

    def _deliver(self, stream: str, message: Message) -> None:
        ref = self.population.refs.get(stream)
        if ref is None:
            actor = self.population.wake(stream, message, self._events)
            self._touched.append(actor)
            ref = actor.actor_ref
        self._dispatcher.tell(ref, message)

    # ── what actors ask of their room ─────────────────────────────────────────────────────────────────────────────

    def happened(self, actor: EventSourcedActor, version: int, events: tuple[Event, ...]) -> None:
        """Record an actor's events."""
        if actor.decider.finished is not None:
            self._touched.append(actor)
        seq, input_seq, at_ms, stream = self._seq, self._input_seq, self._at_ms, actor.stream
        rows: list[bytes] = []
        recorded: list[Recorded] = []
        for event in events:
            seq += 1
            state = encode_event(input_seq, at_ms, event)
            rows.append(row_bytes(seq, actor.stream_bytes, version, TOPICS[type(event)], state))
            recorded.append(Recorded(seq, stream, version, input_seq, at_ms, event))
            version += 1
        self._seq = seq
        self._rows += rows
        self._events += recorded

    def reacted(self, actor: EventSourcedActor, version: int, reactions: tuple[Reaction, ...]) -> None:
        """Carry out what an event set in motion."""
        for reaction in reactions:
            if type(reaction) is Tell:
                self._deliver(reaction.stream, reaction.message)
            elif type(reaction) is Timer:
                self._timers.arm(actor.stream, reaction)
            else:
                assert isinstance(reaction, Effect), "there are three kinds of reactions"
                self._issued.append(Issued(id_of(actor.stream, version), reaction))

    def crashed(self, actor: EventSourcedActor, message: Message, error: Exception) -> None:
        """Say in the run's own stream that an actor raised, and when it comes back."""
        if actor.stream == OPERATIONS:
            self.failed(CorruptHistory(self._seq, f"the operations actor itself raised: {error!r}"))
            return
        verdict = self._supervisor.crashed(actor.stream, self._at_ms, self.config.supervision)
        stays_down = verdict.restart_ms is None
        kind, text = type(message).__name__, said(error)
        letter = RecordCrash(actor.stream, kind, text, self._input_seq, verdict.crashes, stays_down)
        self._deliver(OPERATIONS, letter)
        if verdict.restart_ms == self._at_ms:
            self._restart(actor.stream)

    def missed(self, actor: EventSourcedActor, message: Message) -> None:
        """Keep a message for an actor that is down."""
        self._supervisor.hold(actor.stream, message)

    def failed(self, error: BaseException) -> None:
        """Stop after the messages that are on their way: what they do is not recorded."""
        self._failure = self._failure or error

    # ── time travel ───────────────────────────────────────────────────────────────────────────────────────────────

    def checkpoint(self) -> Checkpoint | None:
        """Give all states between two inputs, or None while they would not tell everything.

        They don't while a crash is remembered, or a timer is armed otherwise than the states say.
        """
        calm = self._supervisor.calm(self._at_ms, self.config.supervision)
        if not calm or not self._timers.same_as(self._derived()[0]):
            return None
        return Checkpoint(CHECKPOINT_SCHEMA, self._head, self.population.freeze())

    def restore(self, checkpoint: Checkpoint | None, events: Iterable[Recorded], head: Head) -> None:
        """Rebuild all actors of a kernel that is new: from a checkpoint, if there is one, and the events after it.

        `head` is the end of that history. What is ephemeral, and what waits for an answer, comes back with the
        `Restored` input that the shell sends next.
        """
        if checkpoint is not None:
            self._thaw(checkpoint, ephemeral=False)
        apply = self.population.apply
        for recorded in events:
            if type(recorded.event) is RunStarted:
                self._restore_settings(recorded.event.config)
            apply(recorded)
        self._head = head

    def resume_replay(self, checkpoint: Checkpoint) -> None:
        """Stand exactly where a checkpoint was taken, ephemeral parts and timers included, for a decision replay."""
        self._thaw(checkpoint, ephemeral=True)
        self._head = checkpoint.head
        self._timers, _ = self._derived()

    def _thaw(self, checkpoint: Checkpoint, *, ephemeral: bool) -> None:
        self._restore_settings(_config_of(checkpoint))
        for frozen in checkpoint.actors:
            self.population.thaw(frozen, ephemeral=ephemeral)

    def _resume(self) -> None:
        """Do what a restore does, in life and in replay alike: forget what is ephemeral, ask again, arm timers."""
        for stream in self._supervisor.reset():
            self.population.rebuild(stream, self._events)
        self.population.dismiss(actor for actor in self.population.actors() if actor.is_over)
        self.restored_hash = self.population.state_hash()
        for actor in self.population.actors():
            actor.state = actor.decider.forget(actor.state)
        self._timers, again = self._derived()
        self._issued.extend(again)

    def _derived(self) -> tuple[Timers, list[Issued]]:
        """Derive all timers from the actors' states, and what else they would ask for again."""
        timers, again = Timers(), list[Issued]()
        for actor in self.population.actors():
            for item in actor.decider.resume(actor.state):
                if isinstance(item, Timer):
                    timers.arm(actor.stream, item)
                else:
                    again.append(item)
        return timers, again

    def _restart(self, stream: str) -> None:
        """Bring back an actor that crashed, as its history says, with its timers, and give it what waited."""
        actor = self.population.rebuild(stream, self._events)
        self._touched.append(actor)
        for item in actor.decider.resume(actor.state):
            if isinstance(item, Timer):
                self._timers.arm(stream, item)  # the one that it raised at is gone otherwise, a time stop for ever
        for message in self._supervisor.release(stream):
            self._dispatcher.tell(actor.actor_ref, message)

    def _restore_settings(self, config: Config) -> None:
        """Put recorded settings in force. A fold asks no strategy, so the user's file may be gone by now."""

        def found(view: View) -> Proposal | Pass:
            return self._strategies(config.strategy.name)(view)

        self._configure(config, found)

    def _configure(self, config: Config, strategy: Strategy) -> None:
        """Put settings in force: every actor decides by them from now on."""
        self.config = config
        self.population.configure({kind: actor.decider_for(config, strategy) for kind, actor in KINDS.items()})


def _config_of(checkpoint: Checkpoint) -> Config:
    """Find the settings that were in force when a checkpoint was taken."""
    for frozen in checkpoint.actors:
        if frozen.stream == OPERATIONS:
            state = OPERATIONS_RULES.thaw(frozen.state)
            if state.config is not None:
                return state.config
    raise CorruptHistory(checkpoint.head.seq, "a checkpoint does not say which settings were in force")
