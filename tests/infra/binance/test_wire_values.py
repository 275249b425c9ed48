"""Each event type to its exact value, name by name: that no bid is taken for an ask."""

from __future__ import annotations

from decimal import Decimal

import pytest

from infra.binance.wire import EVENT_TYPES, decode
from infra.binance.wire import frames as f
from infra.binance.wire import user_frames as u

D = Decimal
BAR = (
    '{"t":60000,"T":119999,"s":"BTCUSDT","i":"1m","f":11,"L":12,"o":"1.1","c":"1.2","h":"1.3",'
    '"l":"1.0","v":"7.5","n":2,'
    '"x":true,"q":"8.25","V":"3.5","Q":"4.125","B":"0"}'
)
READ_BAR = f.Bar(60_000, 119_999, "1m", 11, 12, 1.1, 1.2, 1.3, 1.0, 7.5, 2, True, 8.25, 3.5, 4.125)

CASES: dict[str, object] = {
    '{"e":"kline","E":5,"s":"BTCUSDT","k":' + BAR + "}": f.Kline(5, "BTCUSDT", READ_BAR),
    '{"e":"continuous_kline","E":5,"ps":"BTCUSDT","ct":"PERPETUAL","k":' + BAR + "}": f.ContinuousKline(
        5, "BTCUSDT", "PERPETUAL", READ_BAR
    ),
    '{"e":"aggTrade","E":5,"a":9,"s":"BTCUSDT","p":"1.5","q":"2","nq":"1","f":3,"l":4,"T":6,'
    '"m":true,"st":1}': f.AggTrade(
        5, "BTCUSDT", price=1.5, quantity=2.0, first_trade_id=3, last_trade_id=4, trade_time_ms=6, buyer_is_maker=True,
        agg_trade_id=9,
    ),
    '{"e":"trade","E":5,"T":6,"s":"BTCUSDT","t":7,"p":"1.5","q":"2","X":"INSURANCE_FUND","m":true}': f.Trade(
        5, "BTCUSDT", trade_id=7, price=1.5, quantity=2.0, trade_time_ms=6, buyer_is_maker=True, origin="INSURANCE_FUND"
    ),
    '{"e":"depthUpdate","E":5,"T":6,"s":"BTCUSDT","U":7,"u":8,"pu":4,"b":[["1.5","2"],["1","0"]],'
    '"a":[]}': f.DepthUpdate(
        5, "BTCUSDT", first_id=7, last_id=8, bids=((1.5, 2.0), (1.0, 0.0)), asks=(), previous_id=4, transaction_ms=6
    ),
    '{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"1.5","B":"2","a":"1.6","A":"3","T":6,"E":5}': f.BookTicker(
        5, update_id=7, symbol="BTCUSDT", bid=1.5, bid_quantity=2.0, ask=1.6, ask_quantity=3.0, transaction_ms=6
    ),
    '{"e":"markPriceUpdate","E":5,"s":"X","p":"1.5","ap":"1.4","i":"1.6","P":"1.7","r":"-0.0003","T":8}': f.MarkPrice(
        5, "X", mark=1.5, index=1.6, rate_or_blank=-0.0003, next_funding_ms=8, moving_average=1.4, estimated_settle=1.7
    ),
    '{"e":"24hrMiniTicker","E":5,"s":"X","c":"4","o":"1","h":"5","l":"0.5","v":"10","q":"20"}': f.MiniTicker(
        5, "X", close=4.0, open=1.0, high=5.0, low=0.5, volume=10.0, quote_volume=20.0
    ),
    '{"e":"24hrTicker","E":5,"s":"X","p":"-1","P":"-2.5","w":"3","c":"4","Q":"6","o":"1","h":"5","l":"0.5","v":"10",'
    '"q":"20","O":7,"C":8,"F":9,"L":10,"n":2}': f.Ticker(
        5, "X", change=-1.0, change_percent=-2.5, weighted_average=3.0, close=4.0, last_quantity=6.0, open=1.0,
        high=5.0, low=0.5, volume=10.0, quote_volume=20.0, open_time_ms=7, close_time_ms=8, first_trade_id=9,
        last_trade_id=10, trades=2,
    ),
    '{"e":"forceOrder","E":5,"o":{"s":"X","S":"SELL","o":"LIMIT","f":"IOC","q":"3","p":"9",'
    '"ap":"10","X":"FILLED","l":"1",'
    '"z":"2","T":6}}': f.ForceOrder(
        5, f.LiquidationOrder("X", side="SELL", quantity=3.0, price=9.0, average_price=10.0, status="FILLED",
                              last_quantity=1.0, filled_quantity=2.0, trade_time_ms=6)
    ),
    '{"e":"contractInfo","E":5,"s":"X","ps":"P","ct":"PERPETUAL","dt":9,"ot":8,"cs":"TRADING","bks":[{"bs":1,"bnf":0,'
    '"bnc":5000,"mmr":0.01,"cf":7,"mi":21,"ma":50}]}': f.ContractInfo(
        5, "X", "P", "PERPETUAL", delivery_ms=9, onboard_ms=8, status="TRADING",
        brackets=(f.MarginBracket(1, 0.0, 5000.0, 0.01, 7.0, leverage_min=21, leverage_max=50),),
    ),
    '{"e":"compositeIndex","E":5,"s":"X","p":"5.5","C":"baseAsset","c":[{"b":"A","q":"U","w":"2","W":"0.5","i":"3"}]}':
        f.CompositeIndex(5, "X", 5.5, (f.IndexComponent("A", "U", quantity=2.0, share=0.5, price=3.0),)),
    '{"e":"assetIndexUpdate","E":5,"s":"X","i":"1","b":"2","a":"3","B":"4","A":"5","q":"6","g":"7","Q":"8","G":"9"}':
        f.AssetIndex(5, "X", 1.0, bid_buffer=2.0, ask_buffer=3.0, bid_rate=4.0, ask_rate=5.0),
    '{"e":"EquityUpdate","E":5,"t":6,"T":7,"S":"OVERNIGHT"}': f.EquitySession(5, 6, 7, "OVERNIGHT"),
    '{"e":"CommodityUpdate","E":5,"t":6,"T":7,"S":"REGULAR"}': f.CommoditySession(5, 6, 7, "REGULAR"),
    '{"e":"ORDER_TRADE_UPDATE","T":6,"E":5,"o":{"s":"X","c":"id","S":"BUY","o":"MARKET","f":"GTC",'
    '"q":"3","p":"1","ap":"2",'
    '"sp":"4","x":"TRADE","X":"PARTIALLY_FILLED","i":70,"l":"0.5","z":"1.5","L":"2.50","n":"0.01",'
    '"N":"BNB","T":7,"t":80,'
    '"b":"11","a":"12","m":true,"R":true,"wt":"MARK_PRICE","ot":"STOP_MARKET","ps":"LONG","cp":true,'
    '"rp":"-1","pP":false,'
    '"si":0,"ss":0,"V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"2","AP":"13","cr":"0.1"}}': u.OrderTradeUpdate(
        5, 6, u.OrderState(
            "X", "id", side="BUY", order_type="MARKET", execution="TRADE", status="PARTIALLY_FILLED", order_id=70,
            quantity=D(3), last_quantity=D("0.5"), filled_quantity=D("1.5"), last_price=D("2.50"), trade_time_ms=7,
            trade_id=80, time_in_force="GTC", price=D(1), average_price=D(2), stop_price=D(4), fee=D("0.01"),
            fee_asset="BNB", bids_notional=D(11), asks_notional=D(12), maker=True, reduce_only=True,
            close_position=True, working_type="MARK_PRICE", original_type="STOP_MARKET", position_side="LONG",
            realized_profit=D(-1), price_protect=False, self_trade_prevention="EXPIRE_MAKER",
            price_match="NONE", good_till_ms=0,
            expiry_reason="2", activation_price=D(13), callback_rate=D("0.1"),
        ),
    ),
    '{"e":"TRADE_LITE","E":5,"T":6,"s":"X","q":"0.020","p":"1","m":true,"c":"id","S":"SELL","L":"2",'
    '"l":"0.010","t":8,"i":7}':
        u.TradeLite(5, 6, "X", "id", "SELL", order_id=7, trade_id=8, quantity=D("0.020"), price=D(1),
                    last_quantity=D("0.010"), last_price=D(2), maker=True),
    '{"e":"ACCOUNT_UPDATE","T":6,"E":5,"a":{"B":[{"a":"USDT","wb":"9","cw":"8","bc":"-1"}],'
    '"P":[{"s":"X","pa":"-2","ep":"3",'
    '"cr":"4","up":"5","mt":"isolated","iw":"6","ps":"SHORT","ma":"USDT","bep":"7"}],'
    '"m":"FUNDING_FEE"}}': u.AccountUpdate(
        5, 6, u.AccountChange(
            "FUNDING_FEE", (u.BalanceState("USDT", wallet=D(9), cross_wallet=D(8), change=D(-1)),),
            (u.PositionState("X", amount=D(-2), entry_price=D(3), position_side="SHORT", break_even_price=D(7),
                             accumulated=D(4), unrealized_profit=D(5), margin_type="isolated", isolated_wallet=D(6),
                             margin_asset="USDT"),),
        ),
    ),
    '{"e":"ACCOUNT_CONFIG_UPDATE","E":5,"T":6,"ac":{"s":"X",'
    '"l":25}}': u.AccountConfigUpdate(5, 6, u.LeverageChange("X", 25)),
    '{"e":"ACCOUNT_CONFIG_UPDATE","E":5,"T":6,"ai":{"j":true}}': u.AccountConfigUpdate(
        5, 6, asset_mode=u.AssetModeChange(multi_assets=True)
    ),
    '{"e":"MARGIN_CALL","E":5,"cw":"3","p":[{"s":"X","ps":"LONG","pa":"1","mt":"CROSSED","iw":"0","mp":"2","up":"-4",'
    '"mm":"5"}]}': u.MarginCall(
        5, (u.PositionAtRisk("X", "LONG", amount=D(1), margin_type="CROSSED", mark_price=D(2), unrealized_profit=D(-4),
                             maintenance_margin=D(5), isolated_wallet=D(0)),), cross_wallet=D(3),
    ),
    '{"e":"ALGO_UPDATE","T":6,"E":5,"o":{"caid":"id","aid":7,"at":"CONDITIONAL","o":"STOP_MARKET","s":"X","S":"SELL",'
    '"ps":"BOTH","f":"GTC","q":"1","X":"TRIGGERED","ai":"88","ap":"2","aq":"3","act":"MARKET","tp":"4","p":"0",'
    '"V":"NONE","wt":"MARK_PRICE","pm":"NONE","cp":true,"pP":false,"R":true,"tt":9,"gtd":0,"rm":"why"}}': u.AlgoUpdate(
        5, 6, u.AlgoOrderState(
            "id", 7, "STOP_MARKET", "X", "SELL", "TRIGGERED", D(1), position_side="BOTH", time_in_force="GTC",
            order_id="88", average_price=D(2), filled_quantity=D(3), actual_type="MARKET", trigger_price=D(4),
            price=D(0), self_trade_prevention="NONE", working_type="MARK_PRICE", price_match="NONE",
            close_position=True, price_protect=False, reduce_only=True, trigger_ms=9, good_till_ms=0,
            reject_reason="why",
        ),
    ),
    '{"e":"CONDITIONAL_ORDER_TRIGGER_REJECT","E":5,"T":6,"or":{"s":"X","i":7,'
    '"r":"no"}}': u.ConditionalOrderTriggerReject(
        5, 6, u.TriggerReject("X", 7, "no")
    ),
    '{"e":"listenKeyExpired","E":5,"listenKey":"k"}': u.ListenKeyExpired(5, "k"),
    '{"e":"STRATEGY_UPDATE","T":6,"E":5,"su":{"si":1}}': u.StrategyUpdate(5),
    '{"e":"GRID_UPDATE","T":6,"E":5,"gu":{"si":1}}': u.GridUpdate(5),
}  # fmt: skip


@pytest.mark.parametrize("raw", CASES, ids=lambda raw: raw[6:30].partition('"')[0])
def test_an_event_is_read_to_its_exact_value(raw: str) -> None:
    assert decode(raw.encode()) == CASES[raw]
    assert decode(b'{"stream":"s","data":%s}' % raw.encode()) == CASES[raw]


def test_every_event_type_that_we_know_is_among_them() -> None:
    assert {raw[6:].partition('"')[0] for raw in CASES} == EVENT_TYPES


def test_an_order_event_needs_only_what_every_one_has() -> None:
    """Documented events leave fee and fee asset out, and send null where a value has no meaning."""
    short = (
        b'{"e":"ORDER_TRADE_UPDATE","T":6,"E":5,"o":{"s":"X","c":"autoclose-1","S":"BUY","o":"LIMIT",'
        b'"x":"CALCULATED","X":"NEW",'
        b'"i":7,"q":"1","l":"0","z":"0","L":"0","T":6,"sp":null,"n":null,"N":null,"V":null,"AP":null,'
        b'"gtd":null,"er":0}}'
    )
    event = decode(short)
    assert isinstance(event, u.OrderTradeUpdate)
    order = event.order
    assert [order.fee, order.fee_asset, order.stop_price, order.trade_id, order.expiry_reason] == [
        None,
        None,
        None,
        0,
        0,
    ]
