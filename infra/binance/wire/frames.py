"""What the market streams push, one struct an event type (specs/binance.md §7). Times are UTC ms of the exchange.

Each struct is found by its `e`; fields that we do not use are not named and so not read. A stream of arrays
(`!markPrice@arr` …) becomes a `Batch`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from domain.base import Message
from infra.binance.wire.numbers import Amount, Level, Name, Number, Signed, TimeMs


class Frame(Message, frozen=True, gc=False, tag_field="e"):
    """Anything that the exchange pushes under an event type. `time_ms` is when it was sent (`E`)."""

    time_ms: TimeMs = msgspec.field(name="E")


class Bar(msgspec.Struct, frozen=True, gc=False):
    """The candle inside a kline. Volumes in base asset and in quote asset, `closed` on the last push of the candle.

    The fields stand in the order of the wire: msgspec finds the next one where it expects it.
    """

    open_time_ms: TimeMs = msgspec.field(name="t")
    close_time_ms: TimeMs = msgspec.field(name="T")
    interval: Name = msgspec.field(name="i")
    first_trade_id: Number = msgspec.field(name="f")
    last_trade_id: Number = msgspec.field(name="L")
    open: Amount = msgspec.field(name="o")
    close: Amount = msgspec.field(name="c")
    high: Amount = msgspec.field(name="h")
    low: Amount = msgspec.field(name="l")
    volume: Amount = msgspec.field(name="v")
    trades: Number = msgspec.field(name="n")
    closed: bool = msgspec.field(name="x")
    quote_volume: Amount = msgspec.field(name="q")
    taker_buy_volume: Amount = msgspec.field(name="V")
    taker_buy_quote_volume: Amount = msgspec.field(name="Q")


class Kline(Frame, frozen=True, gc=False, tag="kline"):
    """`<symbol>@kline_<interval>`: the running candle of a contract, every 250 ms if it changed."""

    symbol: Name = msgspec.field(name="s")
    bar: Bar = msgspec.field(name="k")


class ContinuousKline(Frame, frozen=True, gc=False, tag="continuous_kline"):
    """`<pair>_<type>@continuousKline_<interval>`: the running candle of whatever contract of a pair is current."""

    pair: Name = msgspec.field(name="ps")
    contract_type: Name = msgspec.field(name="ct")
    bar: Bar = msgspec.field(name="k")


class AggTrade(Frame, frozen=True, gc=False, tag="aggTrade"):
    """`<symbol>@aggTrade`: fills of one taker order at one price. `buyer_is_maker`: a taker sold."""

    symbol: Name = msgspec.field(name="s")
    price: Amount = msgspec.field(name="p")
    quantity: Amount = msgspec.field(name="q")
    first_trade_id: Number = msgspec.field(name="f")
    last_trade_id: Number = msgspec.field(name="l")
    trade_time_ms: TimeMs = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    agg_trade_id: Number | None = msgspec.field(name="a", default=None)


class Trade(Frame, frozen=True, gc=False, tag="trade"):
    """`<symbol>@trade`: one trade. `origin` says MARKET, INSURANCE_FUND, ADL …"""

    symbol: Name = msgspec.field(name="s")
    trade_id: Number = msgspec.field(name="t")
    price: Amount = msgspec.field(name="p")
    quantity: Amount = msgspec.field(name="q")
    trade_time_ms: TimeMs = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    origin: str = msgspec.field(name="X", default="MARKET")


class DepthUpdate(Frame, frozen=True, gc=False, tag="depthUpdate"):
    """`<symbol>@depth` (changes, quantity 0 removes a level) and `<symbol>@depth<5|10|20>` (the whole top of the book).

    Only the stream's name tells the two apart. `first_id`, `last_id`, `previous_id` are `U`, `u`, `pu`.
    """

    symbol: Name = msgspec.field(name="s")
    first_id: Number = msgspec.field(name="U")
    last_id: Number = msgspec.field(name="u")
    bids: tuple[Level, ...] = msgspec.field(name="b")
    asks: tuple[Level, ...] = msgspec.field(name="a")
    previous_id: Number | None = msgspec.field(name="pu", default=None)
    transaction_ms: TimeMs | None = msgspec.field(name="T", default=None)


class BookTicker(Frame, frozen=True, gc=False, tag="bookTicker"):
    """`<symbol>@bookTicker`, `!bookTicker`: best bid and ask as they change. `update_id` is the book's `u`."""

    update_id: Number = msgspec.field(name="u")
    symbol: Name = msgspec.field(name="s")
    bid: Amount = msgspec.field(name="b")
    bid_quantity: Amount = msgspec.field(name="B")
    ask: Amount = msgspec.field(name="a")
    ask_quantity: Amount = msgspec.field(name="A")
    transaction_ms: TimeMs | None = msgspec.field(name="T", default=None)


class MarkPrice(Frame, frozen=True, gc=False, tag="markPriceUpdate"):
    """`<symbol>@markPrice[@1s]`, `!markPrice@arr[@1s]`. A contract with a delivery date may send an empty rate."""

    symbol: Name = msgspec.field(name="s")
    mark: Amount = msgspec.field(name="p")
    index: Amount | None = msgspec.field(name="i", default=None)
    rate_or_blank: Signed | Literal[""] = msgspec.field(name="r", default="")
    next_funding_ms: TimeMs = msgspec.field(name="T", default=0)
    moving_average: Amount | None = msgspec.field(name="ap", default=None)
    estimated_settle: Amount | None = msgspec.field(name="P", default=None)

    @property
    def funding_rate(self) -> float | None:
        """The rate of the funding interval as a fraction; None for contracts without funding."""
        rate = self.rate_or_blank
        return None if isinstance(rate, str) else rate


class MiniTicker(Frame, frozen=True, gc=False, tag="24hrMiniTicker"):
    """`<symbol>@miniTicker`, `!miniTicker@arr`: the rolling 24 h of a symbol that changed."""

    symbol: Name = msgspec.field(name="s")
    close: Amount = msgspec.field(name="c")
    open: Amount = msgspec.field(name="o")
    high: Amount = msgspec.field(name="h")
    low: Amount = msgspec.field(name="l")
    volume: Amount = msgspec.field(name="v")
    quote_volume: Amount = msgspec.field(name="q")


class Ticker(Frame, frozen=True, gc=False, tag="24hrTicker"):
    """`<symbol>@ticker`, `!ticker@arr`: the rolling 24 h in full."""

    symbol: Name = msgspec.field(name="s")
    change: Signed = msgspec.field(name="p")
    change_percent: Signed = msgspec.field(name="P")
    weighted_average: Amount = msgspec.field(name="w")
    close: Amount = msgspec.field(name="c")
    last_quantity: Amount = msgspec.field(name="Q")
    open: Amount = msgspec.field(name="o")
    high: Amount = msgspec.field(name="h")
    low: Amount = msgspec.field(name="l")
    volume: Amount = msgspec.field(name="v")
    quote_volume: Amount = msgspec.field(name="q")
    open_time_ms: TimeMs = msgspec.field(name="O")
    close_time_ms: TimeMs = msgspec.field(name="C")
    first_trade_id: Number = msgspec.field(name="F")
    last_trade_id: Number = msgspec.field(name="L")
    trades: Number = msgspec.field(name="n")


class LiquidationOrder(msgspec.Struct, frozen=True, gc=False):
    """The order that liquidates somebody. `side` is the order's: SELL closes a long."""

    symbol: Name = msgspec.field(name="s")
    side: Name = msgspec.field(name="S")
    quantity: Amount = msgspec.field(name="q")
    price: Amount = msgspec.field(name="p")
    average_price: Amount = msgspec.field(name="ap")
    status: Name = msgspec.field(name="X")
    last_quantity: Amount = msgspec.field(name="l")
    filled_quantity: Amount = msgspec.field(name="z")
    trade_time_ms: TimeMs = msgspec.field(name="T")
    order_type: Name = msgspec.field(name="o", default="LIMIT")
    time_in_force: Name = msgspec.field(name="f", default="IOC")


class ForceOrder(Frame, frozen=True, gc=False, tag="forceOrder"):
    """`<symbol>@forceOrder`, `!forceOrder@arr`: the largest liquidation of a symbol and second."""

    order: LiquidationOrder = msgspec.field(name="o")


class MarginBracket(msgspec.Struct, frozen=True, gc=False):
    """One leverage bracket in `!contractInfo`: notionals in quote asset, `maintenance_rate` a fraction."""

    number: Number = msgspec.field(name="bs")
    notional_floor: Amount = msgspec.field(name="bnf")
    notional_cap: Amount = msgspec.field(name="bnc")
    maintenance_rate: Amount = msgspec.field(name="mmr")
    cumulative: Signed = msgspec.field(name="cf")
    leverage_min: Number = msgspec.field(name="mi")
    leverage_max: Number = msgspec.field(name="ma")


class ContractInfo(Frame, frozen=True, gc=False, tag="contractInfo"):
    """`!contractInfo`: a contract was listed, settled, or got other brackets."""

    symbol: Name = msgspec.field(name="s")
    pair: Name = msgspec.field(name="ps")
    contract_type: Name = msgspec.field(name="ct")
    delivery_ms: TimeMs = msgspec.field(name="dt")
    onboard_ms: TimeMs = msgspec.field(name="ot")
    status: Name = msgspec.field(name="cs")
    brackets: tuple[MarginBracket, ...] = msgspec.field(name="bks", default=())


class IndexComponent(msgspec.Struct, frozen=True, gc=False):
    """One asset of a composite index: its quantity and its share."""

    base: Name = msgspec.field(name="b")
    quote: Name = msgspec.field(name="q")
    quantity: Amount = msgspec.field(name="w")
    share: Amount = msgspec.field(name="W")
    price: Amount | None = msgspec.field(name="i", default=None)


class CompositeIndex(Frame, frozen=True, gc=False, tag="compositeIndex"):
    """`<symbol>@compositeIndex`: the price of an index symbol such as DEFIUSDT and what it is made of."""

    symbol: Name = msgspec.field(name="s")
    price: Amount = msgspec.field(name="p")
    components: tuple[IndexComponent, ...] = msgspec.field(name="c", default=())


class AssetIndex(Frame, frozen=True, gc=False, tag="assetIndexUpdate"):
    """`<asset>@assetIndex`, `!assetIndex@arr`: the rate at which multi-assets margin counts an asset."""

    symbol: Name = msgspec.field(name="s")
    index: Amount = msgspec.field(name="i")
    bid_buffer: Amount = msgspec.field(name="b")
    ask_buffer: Amount = msgspec.field(name="a")
    bid_rate: Amount = msgspec.field(name="B")
    ask_rate: Amount = msgspec.field(name="A")


class EquitySession(Frame, frozen=True, gc=False, tag="EquityUpdate"):
    """`tradingSession`: the session of the stock market behind TRADIFI contracts."""

    start_ms: TimeMs = msgspec.field(name="t")
    end_ms: TimeMs = msgspec.field(name="T")
    session: Name = msgspec.field(name="S")


class CommoditySession(Frame, frozen=True, gc=False, tag="CommodityUpdate"):
    """`tradingSession`: the session of the commodity market behind TRADIFI contracts."""

    start_ms: TimeMs = msgspec.field(name="t")
    end_ms: TimeMs = msgspec.field(name="T")
    session: Name = msgspec.field(name="S")


MarketFrame = (
    Kline | ContinuousKline | AggTrade | Trade | DepthUpdate | BookTicker | MarkPrice | MiniTicker | Ticker
    | ForceOrder | ContractInfo | CompositeIndex | AssetIndex | EquitySession | CommoditySession
)  # fmt: skip
"""Everything that a market stream pushes."""
