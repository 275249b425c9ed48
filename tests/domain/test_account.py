"""One account: limits, margin, bookings, halts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import account, instrument
from domain.account import (
    AccountOpened,
    AccountUnexplained,
    Active,
    BalanceCorrected,
    EntryApproved,
    EntryDenied,
    FillBooked,
    ForeignPositionsFound,
)
from domain.base import Tell
from domain.commands import (
    BookFill,
    BookFunding,
    ClosePosition,
    CloseSymbol,
    Consider,
    FollowVirtually,
    HaltEntries,
    OpenAccount,
    OpenPosition,
    ReleasePosition,
    ResumeEntries,
)
from domain.config import AccountConfig, Config
from domain.deal import ExitReason
from domain.values import ZERO, Side
from domain.venue import AccountReconciled, ForeignPosition
from tests.domain.scenario import Scenario, proposal

CONFIG = Config(account=AccountConfig(max_open_positions=3, max_same_side_positions=2))


def active(config: Config = CONFIG) -> Scenario:
    return Scenario(account.decider(config), "account:main").when(OpenAccount(Decimal(10_000)))


def consider(symbol: str = "BTCUSDT", number: int = 1, side: Side = Side.LONG, risk: float = 2.0) -> Consider:
    found = instrument.assumed(symbol, 100.0)
    return Consider(symbol, number, f"symbol:{symbol}@9", proposal(side, risk=risk), found, "trend")


def denial(scenario: Scenario) -> str:
    return scenario.one(EntryDenied).code


def test_an_account_is_opened_once() -> None:
    scenario = active()
    assert scenario.one(AccountOpened).balance == Decimal(10_000)
    assert scenario.when(OpenAccount(Decimal(5))).events == []


def test_an_approved_entry_reserves_its_margin_and_opens_the_position_of_the_same_number() -> None:
    scenario = active().when(consider(number=42))
    approved = scenario.one(EntryApproved)
    assert approved.position == "position:main/BTCUSDT-42"
    assert scenario.reactions == [Tell(approved.position, OpenPosition(approved.plan))]
    assert scenario.state.available == Decimal(10_000) - approved.plan.margin


def test_the_loss_at_the_stop_is_the_risk_that_was_set() -> None:
    plan = active().when(consider()).one(EntryApproved).plan
    assert plan.quantity * (plan.reference_price - plan.stop) == Decimal(100)


def test_the_margin_cap_wins_over_the_risk() -> None:
    plan = active().when(consider(risk=0.1)).one(EntryApproved).plan
    assert plan.margin == Decimal(1_000)


def test_a_denied_entry_is_followed_virtually_with_the_reason() -> None:
    scenario = active().when(HaltEntries("OPERATOR"), consider())
    (tell,) = scenario.reactions
    assert tell == Tell("symbol:BTCUSDT", FollowVirtually("symbol:BTCUSDT@9", 1, proposal(), "HALTED"))


def test_entries_resume_only_when_every_cause_is_lifted() -> None:
    scenario = active().when(HaltEntries("A"), HaltEntries("B"), HaltEntries("A"), ResumeEntries("A"))
    assert scenario.kinds() == ["EntriesHalted", "EntriesHalted", "EntriesResumed"]
    assert denial(scenario.when(consider())) == "HALTED"
    assert scenario.when(ResumeEntries("B"), consider()).kinds() == ["EntriesResumed", "EntryApproved"]


def test_one_symbol_is_held_once() -> None:
    assert denial(active().when(consider()).when(consider(number=2))) == "SYMBOL_ALREADY_OPEN"


def test_a_direction_and_the_whole_have_their_limits() -> None:
    scenario = active().when(consider("AUSDT"), consider("BUSDT"))
    assert denial(scenario.when(consider("CUSDT"))) == "MAX_SAME_SIDE_POSITIONS"
    scenario.when(consider("CUSDT", side=Side.SHORT))
    assert denial(scenario.when(consider("DUSDT", side=Side.SHORT))) == "MAX_OPEN_POSITIONS"


def test_a_stop_beyond_the_liquidation_is_refused() -> None:
    assert denial(active().when(consider(risk=14.0))) == "STOP_BEYOND_LIQUIDATION"


def test_an_order_below_the_minimum_is_refused_not_raised() -> None:
    poor = Scenario(account.decider(CONFIG), "account:main").when(OpenAccount(Decimal(6)), consider())
    assert poor.events[-1].code == "BELOW_MIN_QUANTITY" or poor.events[-1].code == "BELOW_MIN_NOTIONAL"


@pytest.mark.parametrize("risk", [-2.0, 0.0])
def test_a_stop_on_the_wrong_side_is_refused(risk: float) -> None:
    assert denial(active().when(consider(risk=risk))) == "STOP_ON_WRONG_SIDE"


def test_fills_and_funding_change_the_balance() -> None:
    scenario = active().when(
        BookFill("p", "p@2", Decimal("0.5"), ZERO),
        BookFill("p", "p@5", Decimal("0.5"), Decimal(21)),
        BookFunding("p", Decimal(-1)),
    )
    assert scenario.state.balance == Decimal(10_019)


def test_a_released_position_frees_its_margin_once() -> None:
    scenario = active().when(consider(), ReleasePosition("position:main/BTCUSDT-1"))
    assert scenario.state.available == scenario.state.balance
    assert scenario.when(ReleasePosition("position:main/BTCUSDT-1")).events == []


def test_closing_one_symbol_leaves_the_others() -> None:
    scenario = active().when(consider("AUSDT"), consider("BUSDT"))
    scenario.when(CloseSymbol("AUSDT"))
    assert scenario.reactions == [Tell("position:main/AUSDT-1", ClosePosition(ExitReason.OPERATOR))]
    assert len(scenario.when(CloseSymbol("")).reactions) == 2
    assert scenario.when(CloseSymbol("ZUSDT")).events == []


WISHES = st.lists(
    st.one_of(
        st.builds(
            consider,
            st.sampled_from(["AUSDT", "BUSDT", "CUSDT", "DUSDT"]),
            st.integers(1, 4),
            st.sampled_from(Side),
            st.sampled_from([0.01, 0.5, 2.0, 9.0, 30.0]),
        ),
        st.builds(
            lambda s, n: ReleasePosition(f"position:main/{s}-{n}"),
            st.sampled_from(["AUSDT", "BUSDT"]),
            st.integers(1, 4),
        ),
        st.builds(
            BookFill, st.just("p"), st.just("p@2"), st.just(Decimal(1)), st.sampled_from([Decimal(50), Decimal(-60)])
        ),
    ),
    max_size=40,
)


@given(WISHES)
def test_margin_is_never_over_reserved_and_money_is_conserved(wishes: list[object]) -> None:
    scenario = active()
    history = list(scenario.events)
    moved = ZERO
    for wish in wishes:
        before = scenario.state.available
        events = scenario.when(wish).events
        history += events
        for event in events:
            if isinstance(event, EntryApproved):
                assert event.plan.margin <= before
                assert event.plan.margin <= scenario.state.balance * CONFIG.account.max_margin_per_trade
            if isinstance(event, FillBooked):
                moved += event.realised - event.fee
    assert isinstance(scenario.state, Active)
    assert scenario.state.balance == Decimal(10_000) + moved
    assert len(scenario.state.reserved) <= CONFIG.account.max_open_positions
    assert scenario.refolded(history, "account:main") == scenario.state
    assert scenario.decider.thaw(scenario.decider.freeze(scenario.state)) == scenario.state


def test_the_word_of_the_venue_counts_for_the_balance() -> None:
    scenario = active().when(AccountReconciled("main", 5, Decimal("9_990.5")))
    assert scenario.one(BalanceCorrected) == BalanceCorrected(Decimal("9990.5"), Decimal(10_000))
    assert scenario.state.balance == Decimal("9990.5")
    assert scenario.one(ForeignPositionsFound).positions == ()


def test_foreign_positions_are_reported_and_halt_nothing() -> None:
    foreign = (ForeignPosition("BTCUSDT", Side.SHORT, Decimal(1), Decimal(50_000)),)
    scenario = active().when(AccountReconciled("main", 5, Decimal(10_000), foreign))
    assert scenario.events == [ForeignPositionsFound(foreign)]
    assert scenario.state.halts == ()


def test_what_nobody_can_explain_halts_entries_until_it_is_explained() -> None:
    scenario = active().when(AccountReconciled("main", 5, Decimal(10_000), (), ("BTCUSDT: 1 there, 2 here",)))
    assert scenario.one(AccountUnexplained).differences == ("BTCUSDT: 1 there, 2 here",)
    assert scenario.state.halts == (account.UNRECONCILED,)
    assert denial(scenario.when(consider())) == "HALTED"
    again = scenario.when(AccountReconciled("main", 6, Decimal(10_000), (), ("BTCUSDT: 1 there, 2 here",)))
    assert account.UNRECONCILED in again.state.halts
    scenario.when(AccountReconciled("main", 7, Decimal(10_000)))
    assert scenario.state.halts == ()
