"""Orders meet: takers, makers, queues, times in force, self-trades, amendments."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchange_steps import BTC, BUY, FOK, GTD, GTX, IOC, NOW, SELL, Floor, d, levels, of_kind

from domain.exchange.facts import (
    AccountChanged,
    BookChanged,
    OrderAmended,
    OrderEnded,
    OrderOpened,
    OrderTraded,
    Traded,
)
from domain.exchange.orders import Change, ExpiryReason, PriceMatch, SelfTrade, Status


@pytest.fixture
def floor() -> Floor:
    return Floor()


def change(quantity: object, price: object) -> Change:
    return Change(quantity=d(quantity), price=d(price))


def test_a_taker_walks_the_levels_best_first_and_pays_the_taker_fee(floor: Floor) -> None:
    order = floor.market(BUY, 2)
    trades = floor.facts(OrderTraded)
    assert [(t.price, t.quantity, t.fee, t.maker) for t in trades] == [
        (1001, 1, Decimal("0.5005"), False),
        (1002, 1, Decimal("0.501"), False),
    ]
    assert (order.status, order.average) == (Status.FILLED, Decimal("1001.5"))
    assert floor.wallet() == Decimal(10000) - Decimal("1.0015")


def test_what_was_taken_stays_taken_until_the_next_book(floor: Floor) -> None:
    floor.market(BUY, "1.5")
    assert floor.exchange.depth(BTC, 5).asks == ((d(1002), d("1.5")),)
    floor.book([(999, 1)], [(1001, 1)])
    assert floor.exchange.best(BTC) == ((d(999), d(1)), (d(1001), d(1)))


def test_a_fill_is_never_told_at_a_time_before_its_order(floor: Floor) -> None:
    """A driver that moves in steps tells of a print after the order that it meets came in."""
    placed = floor.now = NOW + 40
    order = floor.limit(BUY, 1, 999)
    floor.now = NOW + 10
    (trade,) = [fact for fact in floor.printed(998, 5, sold=True) if isinstance(fact, OrderTraded)]
    assert (order.created_ms, trade.time_ms, order.updated_ms) == (placed, placed, placed)
    assert floor.exchange.account("a").fills[-1].time_ms == placed


def test_the_facts_of_a_fill_stand_in_order(floor: Floor) -> None:
    floor.market(BUY, 1)
    kinds = [type(fact) for fact in floor.exchange.drain()]
    assert kinds == [OrderOpened, Traded, AccountChanged, OrderTraded, BookChanged]


def test_the_recorded_fill_has_the_recorded_fee_and_break_even_price() -> None:
    floor = Floor(max_price=d(1_000_000))
    floor.mark("91722.3")
    floor.book([("91739.8", 1)], [("91739.9", 1)])
    floor.limit(BUY, "0.002", "91739.9")
    (trade,) = floor.facts(OrderTraded)
    leg = floor.leg()
    assert trade.fee == Decimal("0.0917399")
    assert (leg.entry, leg.break_even) == (Decimal("91739.9"), Decimal("91785.76995"))


def test_a_limit_order_rests_with_what_it_could_not_take(floor: Floor) -> None:
    order = floor.limit(BUY, 3, 1001)
    assert (order.status, order.executed) == (Status.PARTIALLY_FILLED, 1)
    assert floor.exchange.best(BTC)[0] == (d(1001), d(2))


def test_a_resting_order_waits_behind_the_anonymous_quantity_that_was_there(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    floor.printed(999, "0.7", sold=True)
    assert order.executed == 0
    floor.printed(999, "0.7", sold=True)
    assert order.executed == Decimal("0.4")
    assert of_kind(floor.printed(999, 5, sold=True), OrderTraded)[0].fee == d("0.6") * 999 * d("0.0002")
    assert order.status is Status.FILLED


def test_a_print_beyond_the_price_fills_without_a_queue(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    floor.printed(998, 1, sold=True)
    assert (order.status, order.average) == (Status.FILLED, 999)


def test_a_print_of_the_other_side_fills_nobody(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    floor.printed(999, 10, sold=False)
    assert order.executed == 0


def test_who_came_first_at_a_price_is_filled_first(floor: Floor) -> None:
    floor.book([(998, 1)], [(1001, 1)])
    first, second = floor.limit(BUY, 1, 999, "a"), floor.limit(BUY, 1, 999, "b")
    floor.printed(999, "1.5", sold=True)
    assert (first.executed, second.executed) == (1, Decimal("0.5"))


def test_anonymous_quantity_between_two_orders_keeps_its_place(floor: Floor) -> None:
    floor.book([], [(1001, 1)])
    first = floor.limit(BUY, 1, 999, "a")
    floor.book([(999, 2)], [(1001, 1)])
    second = floor.limit(BUY, 1, 999, "b")
    floor.market(SELL, 2, "c")
    assert (first.executed, second.executed) == (1, 0)
    floor.market(SELL, 2, "c")
    assert second.executed == 1


def test_a_queue_gets_shorter_when_the_market_shows_less(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    floor.book([(999, "0.2")], [(1001, 1)])
    floor.printed(999, 1, sold=True)
    assert order.executed == Decimal("0.8")


def test_a_new_book_that_reaches_across_a_resting_order_fills_it_at_its_own_price(floor: Floor) -> None:
    order = floor.limit(SELL, 1, 1003)
    facts = floor.book([(1004, "0.4"), (1003, "0.4"), (1002, 9)], [(1005, 1)])
    assert order.executed == Decimal("0.8")
    assert {t.price for t in of_kind(facts, OrderTraded)} == {d(1003)}
    assert floor.exchange.best(BTC) == ((d(1002), d(9)), (d(1003), d("0.2")))


def test_two_clients_trade_with_each_other_as_maker_and_taker(floor: Floor) -> None:
    floor.limit(SELL, 1, 1000, "b")
    floor.limit(BUY, 1, 1000, "a")
    maker, taker = floor.facts(OrderTraded)
    assert (maker.account, maker.maker, maker.fee) == ("b", True, Decimal("0.2"))
    assert (taker.account, taker.maker, taker.fee) == ("a", False, Decimal("0.5"))
    assert maker.trade_id == taker.trade_id


def test_the_public_sees_a_clients_trade_with_the_takers_side(floor: Floor) -> None:
    floor.market(SELL, 1)
    (trade,) = floor.facts(Traded)
    assert (trade.price, trade.quantity, trade.buyer_is_maker) == (999, 1, True)
    assert floor.exchange.last_price(BTC) == 999


# ── times in force ────────────────────────────────────────────────────────────────────────────────────────────────


def test_ioc_expires_what_it_could_not_take(floor: Floor) -> None:
    order = floor.limit(BUY, 3, 1001, time_in_force=IOC)
    assert (order.status, order.executed, order.reason) == (Status.EXPIRED, 1, ExpiryReason.IOC_REST)


def test_fok_takes_all_or_is_refused(floor: Floor) -> None:
    assert floor.refused(floor.limit, BUY, "3.001", 1002, time_in_force=FOK)[0] == -5021
    assert floor.limit(BUY, 3, 1002, time_in_force=FOK).status is Status.FILLED


def test_post_only_rests_or_is_refused(floor: Floor) -> None:
    assert floor.refused(floor.limit, BUY, 1, 1001, time_in_force=GTX)[0] == -5022
    assert floor.limit(BUY, 1, "1000.9", time_in_force=GTX).status is Status.NEW


def test_gtd_expires_at_its_time(floor: Floor) -> None:
    assert floor.refused(floor.limit, BUY, 1, 999, time_in_force=GTD, good_till_ms=NOW + 600_000)[0] == -5040
    order = floor.limit(BUY, 1, 999, time_in_force=GTD, good_till_ms=NOW + 601_999)
    floor.exchange.advance(NOW + 600_999)
    assert order.status is Status.NEW
    floor.exchange.advance(NOW + 601_000)
    assert (order.status, order.updated_ms) == (Status.EXPIRED, NOW + 601_000)


def test_a_market_order_stops_at_the_bound_around_the_mark(floor: Floor) -> None:
    floor.book([(999, 1)], [(1001, 1), (1050, 1), (1051, 5)])
    order = floor.market(BUY, 4)
    assert (order.status, order.executed, order.reason) == (Status.EXPIRED, 2, ExpiryReason.MARKET_REST)


def test_a_market_order_without_a_counterpart_expires(floor: Floor) -> None:
    floor.book([], [])
    assert floor.market(BUY, 1).status is Status.EXPIRED


@pytest.mark.parametrize(
    ("match", "price"),
    [(PriceMatch.OPPONENT, 1001), (PriceMatch.QUEUE, 999)],
)
def test_price_match_takes_a_price_from_the_book(floor: Floor, match: PriceMatch, price: int) -> None:
    assert floor.limit(BUY, 1, 1, price_match=match).price == price


def test_price_match_without_such_a_level_is_refused(floor: Floor) -> None:
    assert floor.refused(floor.limit, BUY, 1, 1, price_match=PriceMatch.QUEUE_5) == (
        -5041, "No depth matches this BBO order",
    )  # fmt: skip


# ── self-trades ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        (SelfTrade.EXPIRE_MAKER, Status.EXPIRED_IN_MATCH, Status.NEW),
        (SelfTrade.EXPIRE_TAKER, Status.NEW, Status.EXPIRED_IN_MATCH),
        (SelfTrade.EXPIRE_BOTH, Status.EXPIRED_IN_MATCH, Status.EXPIRED_IN_MATCH),
        (SelfTrade.NONE, Status.FILLED, Status.FILLED),
    ],
)
def test_an_account_trades_with_itself_only_if_it_says_so(
    floor: Floor, mode: SelfTrade, maker: Status, taker: Status
) -> None:
    resting = floor.limit(SELL, 1, 1000)
    taking = floor.limit(BUY, 1, 1000, self_trade=mode)
    assert (resting.status, taking.status) == (maker, taker)


# ── cancel and amend ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_order_leaves_the_book_and_is_unknown_afterwards(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 1000, client_id="mine")
    floor.exchange.cancel("a", BTC, 0, "mine", NOW)
    assert floor.exchange.best(BTC)[0] == (d(999), d(1))
    (ended,) = floor.facts(OrderEnded)
    assert (ended.order.status, ended.bids) == (Status.CANCELED, 0)
    assert floor.refused(floor.exchange.cancel, "a", BTC, order.order_id, "", NOW) == (-2011, "Unknown order sent.")


def test_nobody_cancels_anothers_order(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 1000, "a")
    assert floor.refused(floor.exchange.cancel, "b", BTC, order.order_id, "", NOW)[0] == -2011


def test_cancel_all_takes_the_orders_of_one_contract(floor: Floor) -> None:
    here, there = floor.limit(BUY, 1, 990), floor.limit(BUY, 1, 990, symbol="ETHUSDT")
    assert floor.exchange.cancel_all("a", BTC, NOW) == [here]
    assert there.status is Status.NEW


def test_an_amended_order_goes_to_the_end_of_the_queue(floor: Floor) -> None:
    floor.book([], [(1001, 1)])
    first, second = floor.limit(BUY, 1, 999, "a"), floor.limit(BUY, 1, 999, "b")
    floor.exchange.amend("a", BTC, first.order_id, "", change(2, 999), NOW)
    floor.printed(999, 1, sold=True)
    assert (first.executed, second.executed, first.quantity, first.amendments) == (0, 1, 2, 1)


def test_an_amendment_may_take(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    floor.exchange.drain()
    floor.exchange.amend("a", BTC, order.order_id, "", change(1, 1001), NOW)
    assert [type(fact) for fact in floor.exchange.drain()][:2] == [OrderAmended, Traded]
    assert order.status is Status.FILLED


def test_an_amendment_that_changes_nothing_is_refused(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    assert floor.refused(floor.exchange.amend, "a", BTC, order.order_id, "", change(1, 999), NOW) == (
        -5027, "No need to modify the order.",
    )  # fmt: skip
    assert floor.refused(floor.exchange.amend, "a", BTC, 1, "", change(1, 999), NOW)[0] == -2013


def test_an_amendment_without_margin_leaves_the_order_where_it_stands(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    assert floor.refused(floor.exchange.amend, "a", BTC, order.order_id, "", change(900, 999), NOW)[0] == -2019
    slot = floor.exchange.account("a").slot(BTC)
    assert (order.quantity, slot.bids, floor.exchange.best(BTC)[0]) == (1, 999, (d(999), d(2)))


def test_an_amendment_below_what_is_filled_and_a_post_only_one_that_would_take_cancel(floor: Floor) -> None:
    order = floor.limit(BUY, 3, 1001)
    floor.exchange.amend("a", BTC, order.order_id, "", change(1, 1001), NOW)
    assert order.status is Status.CANCELED
    post_only = floor.limit(BUY, 1, 999, time_in_force=GTX)
    floor.exchange.amend("a", BTC, post_only.order_id, "", change(1, 1002), NOW)
    assert post_only.status is Status.CANCELED


def test_a_countdown_cancels_unless_it_is_renewed_or_stopped(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 999)
    floor.exchange.count_down("a", BTC, 1000, NOW)
    floor.exchange.advance(NOW + 999)
    floor.exchange.count_down("a", BTC, 1000, NOW + 999)
    floor.exchange.advance(NOW + 1500)
    assert order.status is Status.NEW
    floor.exchange.advance(NOW + 1999)
    assert order.status is Status.CANCELED
    again = floor.limit(BUY, 1, 999)
    floor.exchange.count_down("a", BTC, 1000, NOW)
    floor.exchange.count_down("a", BTC, 0, NOW)
    floor.exchange.advance(NOW + 5000)
    assert again.status is Status.NEW


def test_depth_merges_clients_orders_into_the_anonymous_levels(floor: Floor) -> None:
    floor.limit(BUY, 1, 999)
    floor.limit(BUY, 1, "998.5", "b")
    assert floor.exchange.depth(BTC, 3).bids == tuple(levels((999, 2), ("998.5", 1), (998, 2)))
    assert floor.exchange.depth(BTC, 1).bids == tuple(levels((999, 2)))
