"""How a contract is listed: filters, brackets, fees and funding interval, in the shapes of Binance's own.

The sizes follow the recorded exchangeInfo of 2026-07 (specs/binance.md §5): min notional 50 for BTCUSDT, 20 for a few,
5 for the rest; PERCENT_PRICE 5 %, 10 % or 15 % by size; funding every 8, 4 or, rarely, 1 hour.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from domain.errors import InvalidInput
from infra.exchange.bar import DAY_MS
from infra.exchange.ports import Bracket, Listing
from infra.market.contracts import Contract
from infra.market.noise import key_of

STATUSES = (
    "PENDING_TRADING", "TRADING", "PRE_DELIVERING", "DELIVERING", "DELIVERED", "PRE_SETTLE", "SETTLING", "CLOSE",
)  # fmt: skip
"""What `status` and contractInfo's `cs` may say (Binance's enum definitions, contractStatus)."""
FIRST_LISTING_MS = 1_567_965_300_000
"""When BTCUSDT came to the real exchange: 2019-09-08."""
_LAST_OLD_LISTING_MS = 1_767_225_600_000
_NEW_DAYS = (Decimal("0.5"), 3, 6, 15, 27)
"""How old the newest contracts are when the market begins, so that every class of maturity is there."""
_CLASSES: tuple[tuple[frozenset[str], int, str, str], ...] = (
    (frozenset({"BTCUSDT"}), 0, "50", "0.05"),
    (frozenset({"ETHUSDT"}), 0, "20", "0.05"),
    (frozenset({"SOLUSDT", "BNBUSDT", "XRPUSDT", "LTCUSDT", "BCHUSDT", "LINKUSDT", "AAVEUSDT"}), 1, "5", "0.05"),
    (frozenset({"DOGEUSDT", "ADAUSDT", "AVAXUSDT", "SUIUSDT", "DOTUSDT", "TRXUSDT", "NEARUSDT"}), 1, "5", "0.10"),
)
_LADDERS: tuple[tuple[tuple[int, int, str], ...], ...] = (
    (
        (125, 300_000, "0.004"), (100, 800_000, "0.005"), (75, 3_000_000, "0.0065"), (50, 12_000_000, "0.01"),
        (25, 70_000_000, "0.02"), (20, 100_000_000, "0.025"), (10, 230_000_000, "0.05"), (5, 480_000_000, "0.1"),
        (4, 600_000_000, "0.125"), (3, 800_000_000, "0.15"), (2, 1_200_000_000, "0.25"), (1, 1_800_000_000, "0.5"),
    ),
    (
        (75, 10_000, "0.005"), (50, 90_000, "0.01"), (40, 120_000, "0.015"), (25, 650_000, "0.02"),
        (20, 1_500_000, "0.025"), (10, 6_500_000, "0.05"), (5, 13_000_000, "0.1"), (4, 16_000_000, "0.125"),
        (2, 25_000_000, "0.25"), (1, 40_000_000, "0.5"),
    ),
    (
        (50, 5_000, "0.015"), (25, 10_000, "0.02"), (20, 25_000, "0.025"), (10, 150_000, "0.05"),
        (5, 300_000, "0.1"), (4, 500_000, "0.125"), (2, 1_250_000, "0.25"), (1, 2_000_000, "0.5"),
    ),
)  # fmt: skip
"""Leverage, notional cap (USDT) and maintenance rate, like recorded brackets of a large, a middle, a small one."""


def listing(contract: Contract, onboard_ms: int = FIRST_LISTING_MS) -> Listing:
    """List a contract."""
    draw = key_of("listing", contract.symbol)
    ladder, min_notional, band = _class_of(contract.symbol)
    tick, step = Decimal(1).scaleb(-contract.digits), Decimal(1).scaleb(-contract.lot_digits)
    price = Decimal(repr(contract.price))
    largest = (Decimal(20_000 if ladder else 100_000) * 1_000 / price / step).to_integral_value() * step
    return Listing(
        symbol=contract.symbol,
        base=contract.symbol.removesuffix("USDT"),
        onboard_ms=onboard_ms,
        tick=tick,
        step=step,
        market_step=step,
        min_price=max(tick, (price / 100).quantize(tick)),
        max_price=(price * 50).quantize(tick),
        min_quantity=step,
        max_quantity=max(largest, step),
        max_market_quantity=max((largest / 10).quantize(step), step),
        min_notional=Decimal(min_notional),
        multiplier_up=1 + Decimal(band),
        multiplier_down=1 - Decimal(band),
        market_take_bound=Decimal(band),
        trigger_protect=Decimal(band),
        liquidation_fee=Decimal("0.0125") if ladder < 2 else Decimal("0.015"),
        price_precision=contract.digits,
        quantity_precision=contract.lot_digits,
        funding_interval_hours=8 if ladder < 2 else (4, 4, 4, 8, 8, 4, 8, 4, 8, 1)[draw % 10],
        brackets=brackets(ladder),
    )


def onboard_times(contracts: tuple[Contract, ...], start_ms: int) -> dict[str, int]:
    """Say when each contract was listed: the first ones early, the rest over the years, the last few just now."""
    count = len(contracts)
    new = len(_NEW_DAYS) if count >= 40 else 0
    span = max(1, min(_LAST_OLD_LISTING_MS, start_ms - 60 * DAY_MS) - FIRST_LISTING_MS)
    times: dict[str, int] = {}
    for place, contract in enumerate(contracts):
        if place >= count - new:
            age_ms = int(_NEW_DAYS[place - count + new] * DAY_MS)
            times[contract.symbol] = (start_ms - age_ms) // 60_000 * 60_000
        else:
            listed = FIRST_LISTING_MS + span * place // max(count, 300)
            times[contract.symbol] = listed // DAY_MS * DAY_MS + DAY_MS // 2 if place else FIRST_LISTING_MS
    return times


def brackets(ladder: int) -> tuple[Bracket, ...]:
    """Give a ladder's brackets: 0 for the largest contracts, 2 for the smallest.

    `cumulative` makes the maintenance margin continuous: it grows by floor x (rate - rate of the bracket below).
    """
    found: list[Bracket] = []
    floor, cumulative, rate_below = Decimal(0), Decimal(0), Decimal(0)
    for number, (leverage, cap, rate_text) in enumerate(_LADDERS[ladder], 1):
        rate = Decimal(rate_text)
        if found:
            cumulative += floor * (rate - rate_below)
        found.append(Bracket(number, leverage, floor, Decimal(cap), rate, cumulative))
        floor, rate_below = Decimal(cap), rate
    return tuple(found)


def listed_as(one: Listing, status: str | None, leverage_max: int | None) -> Listing:
    """Give a listing with another status, and with brackets that allow no more than `leverage_max`; None: as it is.

    Raises `InvalidInput` for a status that Binance does not have, or a leverage below 1.
    """
    if status is not None and status not in STATUSES:
        raise InvalidInput("status", f"one of {', '.join(STATUSES)}", repr(status))
    if leverage_max is not None and leverage_max < 1:
        raise InvalidInput("leverage_max", "1 or more", str(leverage_max))
    allowed = tuple(
        bracket if leverage_max is None else replace(bracket, leverage=min(bracket.leverage, leverage_max))
        for bracket in one.brackets
    )
    return replace(one, status=one.status if status is None else status, brackets=allowed)


def _class_of(symbol: str) -> tuple[int, str, str]:
    for symbols, ladder, min_notional, band in _CLASSES:
        if symbol in symbols:
            return ladder, min_notional, band
    return 2, "5", "0.15"
