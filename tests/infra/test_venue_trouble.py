"""Orders exactly once, whatever happens on the way: answers that never come, processes that die, streams that drop."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.errors import InvalidInput
from domain.orders import LiveOrder, Role, Stage
from domain.values import OrderSide, Side
from domain.venue import (
    AccountReconciled,
    OrderType,
    PlaceOrder,
    VenueAccepted,
    VenueCanceled,
    VenueFilled,
    VenueFunded,
    VenueLiquidated,
    VenueRejected,
)
from infra.beliefs import Over
from infra.binance import venue
from infra.binance.client_order_id import client_order_id
from infra.binance.new_order import NewOrder
from infra.binance.settings import BinanceSettings
from infra.exchange.faults import Faults, Once, RestFault
from tests.venue_worlds import DEAL, EPOCH, HOUR_MS, SYMBOL, WALLET, WireWorld, order, stop

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
OWNER = "account-1"


@pytest.fixture
def world() -> Iterator[WireWorld]:
    made = WireWorld()
    yield made
    made.close()


def next_fault(world: WireWorld, fault: RestFault, path: str = ORDER, method: str = "POST", count: int = 1) -> None:
    world.misbehave(Faults(hang_s=5.0, next=(Once(fault, path, method, count),)))


def orders_there(world: WireWorld) -> int:
    """How many orders the exchange ever took from us."""
    return len(world.stage.exchange.account(OWNER).orders)


def entered(world: WireWorld, quantity: str = "0.01") -> VenueFilled:
    filled = world.hears(VenueFilled, world.place(order(2, quantity=quantity, leverage=5)))
    world.beliefs.holds(quantity, filled.time_ms, trade_ids=(filled.trade_id,))
    return filled


def believe_entry(world: WireWorld, wish: PlaceOrder, stage: Stage) -> None:
    """Let history say that the entry was asked for, and maybe accepted."""
    asked = LiveOrder(wish.order_id, Role.ENTRY, wish.side, wish.order_type, wish.quantity, stage=stage)
    world.beliefs.holds("0", 0, orders=(asked,))


# ── answers that never come ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", [RestFault.LOST_ANSWER, RestFault.HUNG_ANSWER, RestFault.UNKNOWN_STATE])
def test_an_order_that_was_taken_without_an_answer_is_found_and_not_sent_again(
    world: WireWorld, fault: RestFault
) -> None:
    next_fault(world, fault)
    filled = world.hears(VenueFilled, world.place(order(2, leverage=5)))
    assert filled.complete
    assert orders_there(world) == 1
    assert world.asked(f"POST {ORDER}") == 1


def test_an_order_that_was_not_taken_is_sent_again_until_it_is(world: WireWorld) -> None:
    next_fault(world, RestFault.SERVER_ERROR, count=2)
    world.hears(VenueFilled, world.place(order(2, leverage=5)))
    assert orders_there(world) == 1


def test_an_entry_that_would_have_to_wait_too_long_is_given_up(
    world: WireWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venue, "ENTRY_PATIENCE_S", 0.2)
    next_fault(world, RestFault.REFUSED_429)
    assert world.hears(VenueRejected, world.place(order(2, leverage=5))).code == "UNAVAILABLE"
    assert orders_there(world) == 0


def test_an_entry_whose_answers_stay_away_for_too_long_is_given_up_once_it_is_sure_that_none_is_there(
    world: WireWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venue, "ENTRY_PATIENCE_S", 0.2)
    next_fault(world, RestFault.SERVER_ERROR, count=9)
    assert world.hears(VenueRejected, world.place(order(2, leverage=5))).code == "UNAVAILABLE"
    assert orders_there(world) == 0
    assert world.asked(f"GET {ORDER}") >= 2
    assert world.asked(f"POST {ORDER}") == 1


def test_an_entry_that_was_taken_back_while_it_was_in_doubt_is_not_sent_again(world: WireWorld) -> None:
    next_fault(world, RestFault.SERVER_ERROR)
    wish = order(2, leverage=5)
    world.place(wish)
    world.cancel(wish)
    assert world.hears(VenueCanceled, wish.order_id).reason == "CANCELED"
    assert orders_there(world) == 0


def test_a_stop_that_was_taken_without_an_answer_rests_once(world: WireWorld) -> None:
    entered(world)
    next_fault(world, RestFault.LOST_ANSWER, ALGO)
    world.hears(VenueAccepted, world.place(stop(3, world.near(-300))))
    assert len(world.stage.exchange.account(OWNER).open_algos) == 1


def test_a_cancellation_without_an_answer_is_repeated(world: WireWorld) -> None:
    entered(world)
    protection = stop(3, world.near(-300))
    world.hears(VenueAccepted, world.place(protection))
    next_fault(world, RestFault.LOST_ANSWER, ALGO, "DELETE")
    world.cancel(protection)
    world.hears(VenueCanceled, protection.order_id)
    assert not world.stage.exchange.account(OWNER).open_algos


# ── processes that die ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_dead_process_sent_is_found_by_the_next(world: WireWorld) -> None:
    wish = order(2, leverage=5)
    world.hears(VenueFilled, world.place(wish))
    world.end_session()
    world.answers.clear()
    believe_entry(world, wish, Stage.REQUESTED)
    world.run(world.open_desk())
    world.place(wish)  # `resume` asks again for what has no answer
    assert world.hears(VenueFilled, wish.order_id).complete
    assert orders_there(world) == 1


def test_what_a_dead_process_did_not_send_is_sent_when_it_can_not_arrive_any_more(world: WireWorld) -> None:
    wish = order(2, leverage=5)
    world.end_session()
    believe_entry(world, wish, Stage.REQUESTED)
    world.run(world.open_desk())
    world.place(wish)
    world.hears(VenueFilled, wish.order_id)
    assert orders_there(world) == 1
    assert world.asked(f"GET {ORDER}") >= 2, "asked at once, and again when nothing could arrive any more"


@pytest.mark.parametrize(("away_s", "sent"), [(5, True), (120, False)])
def test_an_entry_that_a_dead_process_did_not_send_is_given_up_when_its_price_is_one_of_the_past(
    world: WireWorld, away_s: int, sent: bool
) -> None:
    wish = order(2, leverage=5)
    world.end_session()
    believe_entry(world, wish, Stage.REQUESTED)
    world.beliefs.resumed_ms = world.stage.clock.now_ms() - int(away_s * 1_000 * world.clock.speed)
    world.run(world.open_desk())
    world.place(wish)
    answer = world.hears(VenueFilled if sent else VenueRejected, wish.order_id)
    assert getattr(answer, "code", "") == ("" if sent else "ENTRY_OUTDATED")
    assert orders_there(world) == int(sent)


def test_an_outdated_entry_that_did_arrive_is_found_all_the_same(world: WireWorld) -> None:
    wish = order(2, leverage=5)
    world.hears(VenueFilled, world.place(wish))
    world.end_session()
    world.answers.clear()
    believe_entry(world, wish, Stage.REQUESTED)
    world.beliefs.resumed_ms = 1
    world.run(world.open_desk())
    world.place(wish)
    assert world.hears(VenueFilled, wish.order_id).complete


def test_a_fill_that_nobody_heard_is_found_by_comparing(world: WireWorld) -> None:
    entry = order(2, leverage=5)
    world.hears(VenueFilled, world.place(entry))
    world.end_session()
    world.answers.clear()
    believe_entry(world, entry, Stage.ACCEPTED)
    world.run(world.open_desk())
    assert world.hears(VenueFilled, entry.order_id).quantity == Decimal("0.01")


# ── streams that drop ─────────────────────────────────────────────────────────────────────────────────────────────


def test_fills_arrive_although_the_event_stream_is_cut_again_and_again(world: WireWorld) -> None:
    for number in (2, 4):
        world.on_loop(lambda: [client.close(0) for client in tuple(world.stage.hub.clients)])
        world.hears(VenueFilled, world.place(order(number, leverage=5)))
        world.hears(VenueFilled, world.place(order(number + 1, OrderSide.SELL, reduce_only=True)))
    fills = [answer for answer in world.answers if isinstance(answer, VenueFilled)]
    assert len({fill.trade_id for fill in fills}) == len(fills) == 4


# ── what others do ────────────────────────────────────────────────────────────────────────────────────────────────


def by_hand(world: WireWorld, side: OrderSide, quantity: str, symbol: str = SYMBOL) -> None:
    """Trade as the owner does in the app."""
    wish = NewOrder(
        symbol=symbol, side=side, order_type="MARKET", client_order_id="web_abc", quantity=Decimal(quantity)
    )
    world.run(world.rest.place(wish))


def test_a_close_in_the_app_is_attributed_as_such(world: WireWorld) -> None:
    entered(world)
    by_hand(world, OrderSide.SELL, "0.004")
    closed = world.hears(VenueLiquidated)
    assert (closed.position, closed.quantity, closed.cause) == (DEAL, Decimal("0.004"), "EXTERNAL")


def test_a_close_in_the_app_while_we_were_away_is_found(world: WireWorld) -> None:
    entered(world)
    world.end_session()
    by_hand(world, OrderSide.SELL, "0.01")
    world.answers.clear()
    world.run(world.open_desk())
    closed = world.hears(VenueLiquidated)
    assert (closed.quantity, closed.cause) == (Decimal("0.01"), "EXTERNAL")


def test_of_a_position_older_than_one_question_reaches_the_newest_fills_are_asked_for(world: WireWorld) -> None:
    filled = entered(world)
    world.beliefs.holds("0.01", filled.time_ms - 30 * 86_400_000, trade_ids=(filled.trade_id,))
    world.end_session()
    by_hand(world, OrderSide.SELL, "0.01")
    world.answers.clear()
    world.run(world.open_desk())
    assert world.hears(VenueLiquidated).quantity == Decimal("0.01")


def test_a_foreign_position_is_reported_and_its_contract_not_entered(world: WireWorld) -> None:
    world.beliefs.balance = None
    by_hand(world, OrderSide.SELL, "0.02")
    world.on_loop(world.desk.reconciler.look_again)
    assert world.hears(VenueRejected, world.place(order(2, leverage=5))).code == "SYMBOL_NOT_FLAT"
    world.beliefs.balance = WALLET
    found = world.hears(AccountReconciled)
    assert [(each.symbol, each.side, each.quantity) for each in found.foreign] == [
        (SYMBOL, Side.SHORT, Decimal("0.02"))
    ]


def test_a_transfer_is_told_as_what_the_wallet_is_now(world: WireWorld) -> None:
    world.on_loop(lambda: world.stage.exchange.deposit(OWNER, Decimal(250), world.stage.board.now_ms))
    world.on_loop(world.stage.floor.publish)
    assert world.hears(AccountReconciled).wallet == WALLET + 250


def left(world: WireWorld) -> int:
    """Hold over a funding time and leave then, all of it unheard; give the time of the funding."""
    bought = entered(world)
    world.end_session()
    world.fund()
    time_ms = world.stage.clock.now_ms()
    by_hand(world, OrderSide.SELL, "0.01")
    world.beliefs.deals = ()
    world.beliefs.over = (Over(DEAL, SYMBOL, Side.LONG, bought.time_ms, time_ms + 60_000),)
    world.beliefs.balance = None
    world.answers.clear()
    return time_ms - time_ms % HOUR_MS


def test_funding_of_a_position_that_is_over_is_found_in_the_list_of_incomes(world: WireWorld) -> None:
    time_ms = left(world)
    world.run(world.open_desk())
    funded = world.hears(VenueFunded)
    assert (funded.position, funded.time_ms) == (DEAL, time_ms)
    assert funded.amount != 0
    asked = world.asked("GET /fapi/v1/income")
    world.run(world.desk.reconciler.look())
    assert world.asked("GET /fapi/v1/income") == asked, "every ten minutes is enough"


def test_before_a_wallet_is_called_another_the_incomes_are_asked(world: WireWorld) -> None:
    world.run(world.desk.reconciler.look())
    left(world)
    world.run(world.open_desk())
    world.hears(VenueFunded)
    asked = world.asked("GET /fapi/v1/income")
    world.beliefs.balance = WALLET
    world.on_loop(world.desk.reconciler.look_again)
    world.hears(AccountReconciled)
    assert world.asked("GET /fapi/v1/income") > asked


def test_an_account_that_agrees_is_not_spoken_of(world: WireWorld) -> None:
    for _ in range(3):
        world.run(world.desk.reconciler.look())
    assert world.answers == []
    assert world.desk.reconciler.clean


def test_multi_assets_mode_is_refused_with_a_sentence(world: WireWorld) -> None:
    world.end_session()
    world.run(world.rest.set_multi_assets(on=True))
    with pytest.raises(InvalidInput, match="single-asset mode"):
        world.run(world.open_desk())
    world.run(world.rest.set_multi_assets(on=False))
    world.run(world.open_desk())


def test_hedge_mode_works_as_well(world: WireWorld) -> None:
    world.end_session()
    world.run(world.rest.set_position_mode(hedge=True))
    world.run(world.open_desk())
    entered(world)
    protection = stop(3, world.near(-300))
    world.hears(VenueAccepted, world.place(protection))
    assert world.hears(VenueFilled, world.place(order(5, OrderSide.SELL, reduce_only=True))).quantity > 0


def test_in_hedge_mode_a_leg_that_somebody_else_holds_is_not_entered(world: WireWorld) -> None:
    world.end_session()
    world.run(world.rest.set_position_mode(hedge=True))
    world.run(world.rest.set_margin_type(SYMBOL, isolated=True))
    world.run(world.rest.set_leverage(SYMBOL, 5))
    by_hand(world, OrderSide.BUY, "0.02")
    world.run(world.open_desk())
    refused = world.hears(VenueRejected, world.place(order(2, OrderSide.BUY, leverage=5)))
    assert refused.code == "SYMBOL_NOT_FLAT"
    assert world.hears(VenueFilled, world.place(order(3, OrderSide.SELL, leverage=5))).quantity > 0


@pytest.mark.parametrize("restarted", [False, True])
def test_in_hedge_mode_the_second_leg_takes_leverage_and_margin_type_as_they_are(
    world: WireWorld, restarted: bool
) -> None:
    world.end_session()
    world.run(world.rest.set_position_mode(hedge=True))
    world.run(world.open_desk())
    entered(world)
    if restarted:
        world.end_session()
        world.run(world.open_desk())
    refused = world.hears(VenueRejected, world.place(order(3, OrderSide.SELL, leverage=3)))
    assert refused.code == "SETTINGS_NEED_FLAT"
    assert world.stage.exchange.account(OWNER).slot(SYMBOL).leverage == 5
    assert world.hears(VenueFilled, world.place(order(4, OrderSide.SELL, leverage=5))).quantity > 0
    assert world.asked("POST /fapi/v1/leverage") == 1


def test_in_hedge_mode_nothing_is_entered_on_a_leg_that_is_open_already(world: WireWorld) -> None:
    world.end_session()
    world.run(world.rest.set_position_mode(hedge=True))
    world.run(world.open_desk())
    entered(world)
    refused = world.hears(VenueRejected, world.place(order(3, leverage=5)))
    assert refused.code == "SYMBOL_NOT_FLAT"


def test_orders_carry_our_names(world: WireWorld) -> None:
    entered(world)
    account = world.stage.exchange.account(OWNER)
    assert client_order_id(EPOCH, f"{DEAL}@2") in {held.client_id for held in account.orders.values()}


def test_leverage_is_set_once_and_the_margin_is_isolated(world: WireWorld) -> None:
    entered(world)
    slot = world.stage.exchange.account(OWNER).slot(SYMBOL)
    assert (slot.leverage, slot.isolated) == (5, True)
    world.hears(VenueFilled, world.place(order(5, OrderSide.SELL, reduce_only=True)))
    world.hears(VenueFilled, world.place(replace(order(6), leverage=5)))
    assert world.asked("POST /fapi/v1/leverage") == 1


def test_an_exchange_in_maintenance_makes_an_entry_wait_and_then_carries_it_out(world: WireWorld) -> None:
    world.misbehave(Faults(maintenance=True))
    world.place(order(2, leverage=5, kind=OrderType.MARKET))
    world.misbehave(Faults())
    assert world.hears(VenueFilled).complete
    assert orders_there(world) == 1


def test_the_adapter_s_settings_show_no_secret(world: WireWorld) -> None:
    secret = next(iter(world.stage.keys)).secret
    shown = f"{world.rest.calls.settings!r} {world.rest.__dict__!r} {BinanceSettings()!r}"
    assert secret not in shown
