"""What a symbol makes of its candles: analyses, signals, and what is followed virtually.

    closed candles ─▶ analysis ─▶ SymbolAnalyzed ─┬─ published ────────────▶ SignalRaised
                                                  ├─ Prime, but not (yet) ─▶ SignalDeclined, with all reasons
                                                  └─ watched, or declined ─▶ VirtualPositionPlanned

A user's own strategy answers with its side; a signal is raised when that changes. The built-in ones answer with an
`Assessment`: a signal is raised when a Prime verdict is confirmed (see `scoring/publication.py`). Between two closed
quarters, and while it is published already, a Prime is neither raised nor declined.
"""

from __future__ import annotations

import math

import msgspec
from msgspec.structs import replace

from domain import sizing
from domain.analysis.full import FLOW_BARS, Analysis, Moment, Ways, analyse, withheld
from domain.analysis.full import NAMES as BUILT_IN
from domain.base import event_id
from domain.commands import Analyze
from domain.config import Config
from domain.deal import VIRTUAL
from domain.errors import Refused
from domain.factors import MarketContext
from domain.market import INTERVALS_MS
from domain.strategies import Pass, Proposal, Strategy, View, needs_of
from domain.symbol.events import SignalDeclined, SignalRaised, SymbolAnalyzed, SymbolEvent, VirtualPositionPlanned
from domain.symbol.state import Facts, SymbolState


class Signals(msgspec.Struct, frozen=True):
    """The settings, the strategy, and by what a built-in one analyses; None for a user's own."""

    config: Config
    strategy: Strategy
    ways: Ways | None

    @classmethod
    def of(cls, config: Config, strategy: Strategy) -> Signals:
        """Find out which kind of strategy it is. The full analysis needs the 5m frame."""
        built_in = config.strategy.name in BUILT_IN and INTERVALS_MS[config.base_interval] <= INTERVALS_MS["5m"]
        return cls(config, strategy, Ways.of(config) if built_in else None)

    def analyze(self, state: SymbolState, asked: Analyze) -> tuple[SymbolEvent, ...]:
        """Give the analysis of a close, and what follows from it. An old price enters nothing."""
        time_ms, unfit = asked.time_ms, _unfit(asked)
        if self.ways is not None:
            return self._assessed(state, time_ms, self._around(state, time_ms), self.ways, unfit)
        settings = self.config.strategy
        around = self._around(state, time_ms) if needs_of(settings.name).context else None
        view = View(state.facts.symbol, time_ms, settings.analysis_interval, state.frames, state.reading, around)
        return self._said(state, view, _storable(self.strategy(view)), unfit)

    def _around(self, state: SymbolState, time_ms: int) -> MarketContext:
        assert state.frames.last is not None, "an analysis follows a candle"
        quality = state.facts.data_quality(time_ms, state.frames.base_ms)
        return state.context.around(state.frames.last, state.facts.instrument, self.config, quality)

    def _said(
        self, state: SymbolState, view: View, outcome: Proposal | Pass, unfit: tuple[str, ...]
    ) -> tuple[SymbolEvent, ...]:
        """A user's own strategy has answered: a signal is raised when its side changes."""
        time_ms, interval, name = view.time_ms, view.interval, self.config.strategy.name
        if not isinstance(outcome, Proposal):
            none = SymbolAnalyzed(time_ms, interval, view.close, name, "NONE", (outcome.reason,), outcome.facts)
            return (none,)
        analyzed = SymbolAnalyzed(
            time_ms,
            interval,
            view.close,
            name,
            outcome.side.value,
            outcome.reasons,
            outcome.facts,
            outcome.confidence,
            outcome.win,
        )
        if outcome.side is state.facts.published:
            return (analyzed,)
        reasons = self._objections(state.facts, time_ms, unfit)
        if reasons:
            return analyzed, SignalDeclined(time_ms, outcome.side, reasons)
        return analyzed, SignalRaised(state.facts.signals + 1, time_ms, name, outcome)

    def _assessed(
        self, state: SymbolState, time_ms: int, context: MarketContext, ways: Ways, unfit: tuple[str, ...]
    ) -> tuple[SymbolEvent, ...]:
        """A built-in strategy answers: a confirmed Prime is raised, what is less may be followed virtually."""
        facts, config = state.facts, self.config.strategy
        assert state.frames.last is not None, "an analysis follows a candle"
        assert state.reading is not None, "built-in strategies that assess look at it"
        moment = Moment(facts.symbol, time_ms, state.frames.last, state.reading, context, _order_flow(state))
        said = analyse(moment, ways, facts.gate_state, facts.publication)
        against = self._objections(facts, time_ms, unfit) if said.publication.publish else ()
        if against:
            said = withheld(said, facts.publication, against)
        interval, outcome = config.analysis_interval, said.outcome
        close = state.frames.last.close
        if not isinstance(outcome, Proposal):
            none = SymbolAnalyzed(time_ms, interval, close, config.name, "NONE", said.reasons, (), None, None,
                                  said.assessment)  # fmt: skip
            return (none,)
        analyzed = SymbolAnalyzed(
            time_ms,
            interval,
            close,
            config.name,
            outcome.side.value,
            said.reasons,
            (),
            outcome.confidence,
            outcome.win,
            said.assessment,
        )
        proposal = replace(outcome, facts=())
        strength, side = said.assessment.strength.value, outcome.side
        if said.publication.publish:
            return analyzed, SignalRaised(facts.signals + 1, time_ms, config.name, proposal, strength)
        if against or said.publication.reason == "PUBLICATION_COOLDOWN":
            declined = SignalDeclined(time_ms, side, said.reasons, strength)
            return analyzed, declined, *(() if unfit else self._unsigned(state, proposal, said))
        if said.publication.reason == "UNCONFIRMED":  # it may be a signal at the next close
            return analyzed, SignalDeclined(time_ms, side, said.reasons, strength)
        if said.tier == "watch" and config.follow_watched and not unfit:
            return analyzed, *self._unsigned(state, proposal, said)
        return (analyzed,)

    def _unsigned(self, state: SymbolState, proposal: Proposal, said: Analysis) -> tuple[SymbolEvent, ...]:
        """Follow virtually what is no signal, if nothing of that side is followed or traded already."""
        facts = state.facts
        if not facts.tradable or any(attached.side is proposal.side for attached in facts.attached):
            return ()
        signal_id = event_id(f"symbol:{facts.symbol}", facts.version + 1)  # the analysis, which comes first
        followed = self.follow(state, proposal, signal_id, facts.signals + 1, said.reasons[0])
        return tuple(
            replace(event, reasons=said.reasons, strength=said.assessment.strength.value, tier=said.tier)
            for event in followed
            if isinstance(event, VirtualPositionPlanned)
        )

    def _objections(self, facts: Facts, time_ms: int, unfit: tuple[str, ...]) -> tuple[str, ...]:
        cooldown_ms = 0 if self.ways else self.config.strategy.cooldown_minutes * 60_000  # publication has its own
        recent = cooldown_ms and facts.last_signal_ms is not None and time_ms - facts.last_signal_ms < cooldown_ms
        # The bar that closes now is whole, or there were no analysis; the one before it may lack candles.
        two_bars_ms = 2 * INTERVALS_MS[self.config.strategy.analysis_interval]
        gapped = facts.last_gap_ms is not None and time_ms - facts.last_gap_ms <= two_bars_ms
        found = (
            ("NO_INSTRUMENT", not facts.tradable),
            ("COOLDOWN", recent),
            ("RECENT_GAP", gapped),
        )
        return (*(reason for reason, holds in found if holds), *unfit)

    def follow(
        self, state: SymbolState, proposal: Proposal, signal_id: str, number: int, why: str
    ) -> tuple[SymbolEvent, ...]:
        """Plan a virtual position for a proposal that is not traded, or say why not even that."""
        facts, side = state.facts, proposal.side
        # The newest one: an older one has been replaced, and is on its way out.
        active = next((a for a in reversed(facts.attached) if a.account == VIRTUAL), None)
        time_ms = facts.last_signal_ms or 0
        if active is not None and active.side is side:
            return (SignalDeclined(time_ms, side, (why, "VIRTUAL_SAME_SIDE_ACTIVE")),)
        if facts.instrument is None or facts.leaving:
            return (SignalDeclined(time_ms, side, (why, "NO_INSTRUMENT")),)
        purse = self.config.account.initial_balance
        try:
            plan = sizing.plan(
                proposal,
                facts.instrument,
                self.config,
                account=VIRTUAL,
                equity=purse,
                available=purse,
                signal_id=signal_id,
                strategy=self.config.strategy.name,
            )
        except Refused as no:
            return (SignalDeclined(time_ms, side, (why, no.code)),)
        position = f"position:{VIRTUAL}/{facts.symbol}-{number}"
        return (VirtualPositionPlanned(position, plan, why, active.position if active else ""),)


def _unfit(asked: Analyze) -> tuple[str, ...]:
    """Say why the candle's price is not the one of this moment."""
    found = (("LATE_CANDLE", asked.late), ("STALE_PRICE", asked.stale))
    return tuple(reason for reason, holds in found if holds)


def _order_flow(state: SymbolState) -> float | None:
    """Give (taker buy - taker sell) / total of the newest 5m candles, -1 … 1; None where takers are not known.

    The candles weigh by their turnover in USDT: in base volume a mirrored market would get another answer.
    """
    window = state.frames.frame("5m").window
    bought = total = 0.0
    rows = (window.volume, window.quote_volume, window.taker_buy_volume, window.close)
    for volume, quote, taker, close in zip(*(column[-FLOW_BARS:].tolist() for column in rows), strict=True):
        if math.isnan(taker):
            return None
        if volume > 0.0:
            turnover = volume * close if math.isnan(quote) else quote
            bought += turnover * (2.0 * taker / volume - 1.0)
            total += turnover
    return bought / total if total > 0.0 else None


def _storable(outcome: Proposal | Pass) -> Proposal | Pass:
    """Make a strategy's numbers Python's own: numpy's can't be stored. A proposal with NaN or infinity is none."""
    facts = tuple((name, float(value)) for name, value in outcome.facts)
    if isinstance(outcome, Pass):
        return Pass(outcome.reason, facts)
    prices = {name: float(getattr(outcome, name)) for name in ("entry", "stop", "target", "confidence", "win")}
    if not all(map(math.isfinite, prices.values())):
        return Pass("PROPOSAL_NOT_FINITE", facts)
    return replace(outcome, **prices, facts=facts)
