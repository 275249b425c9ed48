"""REST bodies about contracts: exchangeInfo with its filters, leverage brackets, commission; → `Instrument`."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from domain.errors import WireError
from domain.instrument import Instrument
from infra.binance.wire.bodies import Body, Int, Reader, RowsReader

field = msgspec.field
_NONE: Final = Decimal(0)


class RateLimit(Body, frozen=True, kw_only=True):
    """One published limit: so many of `kind` (REQUEST_WEIGHT, ORDERS) in `number` times `interval` (SECOND, MINUTE)."""

    kind: str = field(name="rateLimitType")
    interval: str
    number: Int = field(name="intervalNum")
    limit: Int


class Filter(Body, frozen=True, kw_only=True):
    """One filter of a contract. Which fields are set depends on `kind`; a part that is 0 is switched off."""

    kind: str = field(name="filterType")
    min_price: Decimal = _NONE
    max_price: Decimal = _NONE
    tick: Decimal = field(name="tickSize", default=_NONE)
    min_quantity: Decimal = field(name="minQty", default=_NONE)
    max_quantity: Decimal = field(name="maxQty", default=_NONE)
    step: Decimal = field(name="stepSize", default=_NONE)
    notional: Decimal = _NONE
    multiplier_up: Decimal = _NONE
    multiplier_down: Decimal = _NONE
    limit: Int = 0


class Contract(Body, frozen=True, kw_only=True):
    """One contract of exchangeInfo. Precisions are no tick and no step, and margin percents mean nothing: unread."""

    symbol: str
    pair: str = ""
    contract_type: str = ""
    status: str = ""
    base: str = field(name="baseAsset")
    quote: str = field(name="quoteAsset")
    margin_asset: str = ""
    onboard_ms: Int = field(name="onboardDate", default=0)
    delivery_ms: Int = field(name="deliveryDate", default=0)
    price_precision: Int = 8
    quantity_precision: Int = 8
    trigger_protect: Decimal = _NONE
    liquidation_fee: Decimal = _NONE
    market_take_bound: Decimal = _NONE
    filters: tuple[Filter, ...] = ()
    order_types: tuple[str, ...] = ()
    times_in_force: tuple[str, ...] = field(name="timeInForce", default=())
    underlying_type: str = ""

    def filter(self, kind: str) -> Filter | None:
        """Give the filter of that kind, or None: old and new listings do not have all."""
        return next((held for held in self.filters if held.kind == kind), None)

    @property
    def tradable(self) -> bool:
        """True for a perpetual contract that trades now, margined in USDT, with a name that everything accepts."""
        return (
            self.status == "TRADING"
            and self.contract_type == "PERPETUAL"
            and self.quote == "USDT"
            and self.symbol.isascii()
        )

    def instrument(self, brackets: SymbolBrackets | None = None) -> Instrument | None:
        """Give it as the house's noun, or None if it has no tick or no step.

        A quantity must suit LIMIT and MARKET orders alike, so the larger step and minimum count. Leverage and
        maintenance rate are those of the first bracket; without brackets the house's careful default stays.
        """
        price, lot = self.filter("PRICE_FILTER"), self.filter("LOT_SIZE")
        market = self.filter("MARKET_LOT_SIZE") or lot
        if price is None or lot is None or market is None or price.tick <= 0 or lot.step <= 0:
            return None
        least = self.filter("MIN_NOTIONAL")
        known = Instrument(
            symbol=self.symbol,
            tick=price.tick,
            step=max(lot.step, market.step),
            min_quantity=max(lot.min_quantity, market.min_quantity),
        )
        if least is not None and least.notional > 0:
            known = msgspec.structs.replace(known, min_notional=least.notional)
        first = brackets.brackets[0] if brackets and brackets.brackets else None
        if first is None:
            return known
        return msgspec.structs.replace(known, max_leverage=first.leverage, maintenance_rate=first.maintenance_rate)


class ExchangeInfo(Body, frozen=True, kw_only=True):
    """What the exchange lists, and how much it may be asked."""

    server_time_ms: Int = field(name="serverTime", default=0)
    rate_limits: tuple[RateLimit, ...] = ()
    contracts: tuple[Contract, ...] = field(name="symbols")


class Bracket(Body, frozen=True, kw_only=True):
    """One leverage bracket, for a notional above floor and up to cap (USDT).

    The maintenance margin of a position is notional · `maintenance_rate` - `cumulative` (specs/binance.md §9).
    """

    number: Int = field(name="bracket")
    leverage: Int = field(name="initialLeverage")
    notional_cap: Decimal
    notional_floor: Decimal
    maintenance_rate: Decimal = field(name="maintMarginRatio")
    cumulative: Decimal = field(name="cum", default=_NONE)


class SymbolBrackets(Body, frozen=True, kw_only=True):
    """A symbol's brackets, lowest first. `coefficient` scales the caps of this user and is already in them."""

    symbol: str
    coefficient: Decimal = field(name="notionalCoef", default=Decimal(1))
    brackets: tuple[Bracket, ...]

    def at(self, notional: Decimal) -> Bracket | None:
        """Give the bracket that a notional falls into; the last one above all caps, None if there are none."""
        return next((held for held in self.brackets if notional <= held.notional_cap), (self.brackets or (None,))[-1])


class CommissionRate(Body, frozen=True, kw_only=True):
    """The user's fees as fractions of the notional."""

    symbol: str
    maker: Decimal = field(name="makerCommissionRate")
    taker: Decimal = field(name="takerCommissionRate")


class _Listing(Body, frozen=True, kw_only=True):
    """An exchangeInfo whose contracts are still to be read."""

    server_time_ms: Int = field(name="serverTime", default=0)
    rate_limits: tuple[RateLimit, ...] = ()
    contracts: msgspec.Raw = field(name="symbols")


_read_whole_info: Final = Reader[ExchangeInfo](ExchangeInfo)
_read_listing: Final = Reader[_Listing](_Listing)
_read_contracts: Final = RowsReader(Contract)


def read_exchange_info(raw: bytes, where: str) -> ExchangeInfo:
    """Read an exchangeInfo; a contract that can't be read is left out, for it can't be traded either.

    Raises `WireError` for whatever else can't be read, and nothing else.
    """
    try:
        return _read_whole_info(raw, where)
    except WireError:
        listing = _read_listing(raw, where)
        contracts = _read_contracts(bytes(listing.contracts), where)
        return ExchangeInfo(
            server_time_ms=listing.server_time_ms, rate_limits=listing.rate_limits, contracts=tuple(contracts)
        )


read_brackets: Final = RowsReader(SymbolBrackets)
read_symbol_brackets: Final = Reader[SymbolBrackets](SymbolBrackets)
read_commission_rate: Final = Reader[CommissionRate](CommissionRate)
read_rate_limits: Final = Reader[list[RateLimit]](list[RateLimit])
