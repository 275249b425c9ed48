"""REST bodies: every recorded one decodes, to exact values."""

from __future__ import annotations

import json
from decimal import Decimal

from recorded_bodies import recording, recordings

from domain.instrument import Instrument
from domain.market import Candle
from domain.values import OrderSide
from infra.binance.wire.account_bodies import Balance, PositionRisk
from infra.binance.wire.bodies import Refusal, read_refusal
from infra.binance.wire.contract_bodies import ExchangeInfo, SymbolBrackets
from infra.binance.wire.market_bodies import (
    BookTicker,
    Depth,
    FundingRate,
    MarkPrice,
    read_funding_rates,
)
from infra.binance.wire.order_bodies import AlgoOrder, Order, read_batch, read_order

NOAHARK = "noahark/rest/"
EXCHANGE_INFO = NOAHARK + "night-collection-2026-07-05__20260704T155543Z__raw__fapi-v1-exchangeInfo.json"
UNUSED = {  # recorded, but nothing that we ask for
    "adlQuantile", "apiTradingStatus", "assetIndex", "basis", "constituents", "delivery-price", "feeBurn",
    "globalLongShortAccountRatio", "history", "id", "indexInfo", "insuranceBalance", "orderAmendment",
    "positionMargin", "symbolAdlRisk", "takerlongshortRatio", "topLongShortAccountRatio",
    "topLongShortPositionRatio", "tradingSchedule", "asyn",
}  # fmt: skip


# ── every recorded body ───────────────────────────────────────────────────────────────────────────────────────────


def test_every_recorded_body_of_an_endpoint_that_we_use_decodes() -> None:
    read = 0
    for path, recorded in recordings("rest"):
        if str(recorded.endpoint).rpartition("/")[2] in UNUSED:
            continue
        assert recorded.read() is not None, path
        read += 1
    assert read >= 117


def test_every_recorded_error_gives_its_code_and_text() -> None:
    found = {}
    for path, recorded in recordings("error"):
        refused = read_refusal(bytes(recorded.payload), path.name)
        assert isinstance(refused, Refusal)
        found[refused.code] = refused.text
    assert set(found) >= {-1003, -1121, -2014, -2015, -2019, -2021, -4016, -4120, -4164, -4166}
    assert found[-4016] == "Limit price can't be higher than 0.1978200."
    assert found[-2014] == "API-key format invalid."


def test_every_number_of_a_recorded_body_comes_back_as_it_was_quoted() -> None:
    """Mark prices have up to eleven significant digits: the float's shortest text is the quoted one."""
    for path, recorded in recordings("rest"):
        if recorded.name != "GET /fapi/v1/premiumIndex":
            continue
        raw = json.loads(bytes(recorded.payload))
        read = recorded.read()
        for row, mark in zip(*((raw, read) if isinstance(raw, list) else ([raw], [read])), strict=True):
            assert Decimal(repr(mark.mark)) == Decimal(row["markPrice"]), path
            assert Decimal(repr(mark.funding_rate)) == Decimal(row["lastFundingRate"] or "0")
            assert mark.next_funding_ms == row["nextFundingTime"]


# ── exact values ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_kline_row_becomes_a_candle() -> None:
    (row,) = recording("binance-docs/rest/market-data__rest-api__Kline-Candlestick-Data.json")
    assert row.candle() == Candle(
        1499040000000, 0.0163479, 0.8, 0.015758, 0.015771, 148976.11427815, 2434.19055334, 308,
        1756.87402397, 28.46694368,
    )  # fmt: skip
    assert row.close_time_ms == 1499644799999


def test_a_mark_kline_row_ignores_what_stands_for_volume() -> None:
    (row,) = recording("binance-docs/rest/market-data__rest-api__Mark-Price-Kline-Candlestick-Data.json")
    assert (row.open_time_ms, row.open, row.high, row.low, row.close, row.close_time_ms) == (
        1591256460000, 9653.29201333, 9654.56401333, 9653.07367333, 9653.07367333, 1591256519999,
    )  # fmt: skip


def test_the_recorded_exchange_lists_its_contracts_with_their_filters() -> None:
    info: ExchangeInfo = recording(EXCHANGE_INFO)
    assert len(info.contracts) == 820
    assert {(limit.kind, limit.interval, limit.number, limit.limit) for limit in info.rate_limits} == {
        ("REQUEST_WEIGHT", "MINUTE", 1, 2400),
        ("ORDERS", "MINUTE", 1, 1200),
        ("ORDERS", "SECOND", 10, 300),
    }
    bitcoin = next(contract for contract in info.contracts if contract.symbol == "BTCUSDT")
    assert (bitcoin.onboard_ms, bitcoin.status, bitcoin.contract_type) == (1567965300000, "TRADING", "PERPETUAL")
    assert (bitcoin.market_take_bound, bitcoin.liquidation_fee) == (Decimal("0.05"), Decimal("0.0125"))
    price, market = bitcoin.filter("PRICE_FILTER"), bitcoin.filter("MARKET_LOT_SIZE")
    percent, most = bitcoin.filter("PERCENT_PRICE"), bitcoin.filter("MAX_NUM_ORDERS")
    assert price is not None
    assert (price.min_price, price.max_price, price.tick) == (Decimal("556.80"), Decimal(4529764), Decimal("0.10"))
    assert market is not None
    assert (market.min_quantity, market.max_quantity) == (Decimal("0.001"), Decimal(120))
    assert percent is not None
    assert (percent.multiplier_up, percent.multiplier_down) == (Decimal("1.05"), Decimal("0.95"))
    assert most is not None
    assert most.limit == 200
    assert bitcoin.filter("MAX_NUM_ALGO_ORDERS") is None


def test_every_recorded_contract_becomes_an_instrument() -> None:
    info: ExchangeInfo = recording(EXCHANGE_INFO)
    instruments = {contract.symbol: contract.instrument() for contract in info.contracts}
    assert None not in instruments.values()
    assert instruments["BTCUSDT"] == Instrument(
        "BTCUSDT", Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(50)
    )
    tradable = [contract for contract in info.contracts if contract.tradable]
    assert len(tradable) > 400
    assert all(contract.symbol.endswith("USDT") and contract.symbol.isascii() for contract in tradable)


def test_brackets_give_the_instrument_its_leverage_and_maintenance_rate() -> None:
    info: ExchangeInfo = recording(EXCHANGE_INFO)
    brackets: list[SymbolBrackets] = recording("freqtrade/rest/leverageBracket_all_2025.json")
    assert len(brackets) == 489
    of = {listed.symbol: listed for listed in brackets}
    bitcoin = next(contract for contract in info.contracts if contract.symbol == "BTCUSDT")
    instrument = bitcoin.instrument(of["BTCUSDT"])
    first = of["BTCUSDT"].brackets[0]
    assert instrument is not None
    assert (instrument.max_leverage, instrument.maintenance_rate) == (first.leverage, first.maintenance_rate)
    assert first.number == 1
    assert first.notional_floor == 0


def test_brackets_of_a_symbol_meet_and_their_maintenance_margin_has_no_jump() -> None:
    for listed in recording("freqtrade/rest/leverageBracket_all_2025.json"):
        for lower, upper in zip(listed.brackets, listed.brackets[1:], strict=False):
            assert lower.notional_cap == upper.notional_floor
            at = lower.notional_cap
            below = at * lower.maintenance_rate - lower.cumulative
            assert abs(at * upper.maintenance_rate - upper.cumulative - below) < Decimal("0.01"), listed.symbol


def test_a_notional_falls_into_its_bracket() -> None:
    (ether,) = recording("binance-docs/rest/account__rest-api__Notional-and-Leverage-Brackets.json")
    assert ether.coefficient == Decimal("1.5")
    assert ether.at(Decimal(10000)) is ether.brackets[0]
    assert ether.at(Decimal(10**9)) is ether.brackets[-1]
    assert SymbolBrackets(symbol="X", brackets=()).at(Decimal(1)) is None


def test_the_recorded_book_ticker_gives_price_and_quantity() -> None:
    ticker: BookTicker = recording(
        NOAHARK + "2026-07-bookticker-discovery-v1__20260715T0651Z__raw__fapi-v1-ticker-bookTicker-BTCUSDT.json"
    )
    assert (ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity) == (64920.8, 3.808, 64920.9, 11.445)
    assert (ticker.time_ms, ticker.last_update_id) == (1784098318002, 11051324956450)


def test_the_recorded_mark_price_gives_funding() -> None:
    mark: MarkPrice = recording(
        NOAHARK + "2026-07-history-background-refresh-v1__20260713T000000Z__raw__fapi-v1-premiumIndex-BTCUSDT.json"
    )
    assert (mark.mark, mark.index, mark.funding_rate) == (64138.69293478, 64162.75695652, 0.00007013)
    assert mark.next_funding_ms == 1783900800000


def test_funding_before_and_after_it_had_a_type() -> None:
    newer: list[FundingRate] = recording("index-captures/rest/fundingRate_rateType_2026-09.json")
    assert (newer[0].time_ms, newer[0].rate, newer[0].mark) == (1789401600000, 0.0000422, 78543.1)
    assert newer[0].rate_type == "Regular"
    old = read_funding_rates(b'[{"symbol":"BTCUSDT","fundingTime":1,"fundingRate":"-0.0375","markPrice":""}]', "")
    assert (old[0].mark, old[0].rate_type) == (None, "")


def test_a_recorded_book_is_whole() -> None:
    book: Depth = recording("cryptofeed/rest/rest_fapi_v1_depth_symbol_AKROUSDT_limit_1000.json")
    assert (book.last_update_id, book.event_time_ms) == (600859605486, 1626992741242)
    assert (len(book.bids), len(book.asks)) == (609, 763)
    assert (book.bids[0][0], book.asks[0][0]) == (0.01731, 0.01732)
    assert book.bids == sorted(book.bids, reverse=True)


def test_an_order_decodes_with_and_without_the_fields_that_went_in_july_2026() -> None:
    order: Order = recording("roq/rest/order_place_ack__json_new_order_simple.json")
    assert (order.order_id, order.client_order_id, order.status) == (17759343290, "qQAC6QMAAQAAVtg9ctAW", "NEW")
    assert (order.side, order.price, order.quantity) == (OrderSide.BUY, Decimal("1.0847"), Decimal(5))
    assert (order.average_price, order.open) == (Decimal("0.00000"), True)
    later = read_order(
        b'{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"a","status":"FILLED","side":"SELL","type":"MARKET",'
        b'"origQty":"0.010","executedQty":"0.010","cumQty":"0.010","price":"0.00","new":{"field":[1]}}',
        "",
    )
    assert (later.average_price, later.cumulative_quote, later.open) == (None, None, False)
    assert later.executed == Decimal("0.010")


def test_a_conditional_order_says_what_it_became() -> None:
    finished: AlgoOrder = recording("binance.net/rest/GetConditionalOrder.json")
    assert (finished.status, finished.actual_order_id, finished.actual_price) == (
        "FINISHED", "974828356187", Decimal("69067.6"),
    )  # fmt: skip
    assert (finished.trigger_price, finished.quantity, finished.reduce_only, finished.open) == (
        Decimal("69080.20"), Decimal("0.002"), True, False,
    )  # fmt: skip
    fresh: AlgoOrder = recording("binance.net/rest/PlaceConditionalOrder.json")
    assert (fresh.open, fresh.activate_price, fresh.trigger_price) == (True, Decimal(0), Decimal(750))


def test_a_conditional_order_of_the_old_endpoint_looks_like_one_of_the_new() -> None:
    old = read_order(
        b'{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"a","status":"NEW","side":"SELL","type":"STOP_MARKET",'
        b'"origQty":"0","stopPrice":"9300","closePosition":true,"workingType":"MARK_PRICE","updateTime":5}',
        "",
    )
    new = AlgoOrder.of(old)
    assert (new.algo_id, new.client_algo_id, new.trigger_price, new.open) == (7, "a", Decimal(9300), True)
    assert (new.close_position, new.working_type, new.actual_order_id) == (True, "MARK_PRICE", "")


def test_a_batch_answers_order_by_order() -> None:
    raw = (
        b'[{"symbol":"BTCUSDT","orderId":1,"status":"NEW","side":"BUY"},'
        b'{"code":-2022,"msg":"ReduceOnly Order is rejected."}]'
    )
    placed, refused = read_batch(raw, "")
    assert isinstance(placed, Order)
    assert refused == Refusal(code=-2022, text="ReduceOnly Order is rejected.")


def test_a_fill_keeps_its_rebate_and_its_loss() -> None:
    (fill,) = recording("roq/rest/trades_ack__fapi.json")
    assert (fill.fee, fill.realised, fill.price, fill.quantity) == (
        Decimal("-0.07819010"), Decimal("-0.91539999"), Decimal("7819.01"), Decimal("0.002"),
    )  # fmt: skip
    assert (fill.side, fill.position_side, fill.trade_id) == (OrderSide.SELL, "SHORT", 698759)


def test_balances_of_both_versions() -> None:
    (newer,) = recording("binance.net/rest/GetBalances.json")
    assert isinstance(newer, Balance)
    assert (newer.balance, newer.available, newer.asset) == (Decimal("122607.35137903"), Decimal("23.72469206"), "USDT")
    assert recording("roq/rest/account_balance_ack__coinm.json")[0].max_withdraw is None


def test_accounts_of_both_versions() -> None:
    newer = recording("binance.net/rest/GetAccountInfoV3.json")
    assert (newer.wallet, newer.can_trade, newer.multi_assets_margin) == (Decimal("103.12345678"), None, None)
    assert (newer.positions[0].quantity, newer.positions[0].leverage) == (Decimal(1), None)
    older = recording("binance-docs/rest/account__rest-api__Account-Information-V2.json")
    assert (older.can_withdraw, older.multi_assets_margin) == (True, False)
    assert (older.positions[0].leverage, older.positions[0].isolated) == (100, True)


def test_positions_of_both_versions() -> None:
    newer: list[PositionRisk] = recording("binance-docs/rest/trade__rest-api__Position-Information-V3_1.json")
    assert (newer[0].entry_price, newer[0].mark, newer[0].unrealised) == (
        Decimal("0.385"), Decimal("0.41047590"), Decimal("0.76427700"),
    )  # fmt: skip
    assert (newer[0].leverage, newer[0].margin_type, newer[0].maintenance_margin) == (None, None, Decimal("0.08004280"))
    older = recording("nautilus/rest/http_futures_account_positions_one_way.json")
    assert (older[0].leverage, older[0].margin_type, older[0].notional) == (10, "isolated", None)


def test_income_keeps_its_sign() -> None:
    transfer = recording("binance.net/rest/GetIncomeHistory.json")[0]
    assert (transfer.amount, transfer.kind, transfer.symbol) == (Decimal("-0.375"), "TRANSFER", "")
    assert str(transfer.transaction_id) == "9689322392"


def test_a_time_in_quotes_is_a_time() -> None:
    point = recording("binance.net/rest/GetOpenInterestHistory.json")[0]
    assert (point.time_ms, point.open_interest) == (1583127900000, 20403.637)
