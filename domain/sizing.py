"""How large a position becomes: the one place where a strategy's floats become an order's decimals.

quantity = min(risk, margin cap, available) where
risk        equity · risk_per_trade / |entry - stop|
margin cap  equity · max_margin_per_trade · leverage / entry
available   available / (likely fill price · (1 / leverage + fee)): what is free must pay for margin and fee
"""

from __future__ import annotations

from decimal import Decimal

from domain.config import Config
from domain.deal import Plan
from domain.errors import Refused
from domain.instrument import Instrument
from domain.strategies import Proposal
from domain.values import BPS, ONE, Side, decimal_of, money

MIN_NOTIONAL_RESERVE = Decimal("1.02")
"""Prices move between decision and fill: an order just at the exchange's minimum would be refused (product.md §5)."""
PRICE_MAX = 1e12
"""More than any contract costs (USDT). Far beyond it a decimal has no digits left for the tick."""
LIQUIDATION_SHARE = Decimal("0.7")
"""The stop, with costs, must use at most this share of the way to the liquidation price (product.md §5)."""


def plan(
    proposal: Proposal,
    instrument: Instrument,
    config: Config,
    *,
    account: str,
    equity: Decimal,
    available: Decimal,
    signal_id: str,
    strategy: str,
) -> Plan:
    """Turn a proposal into a plan with every number that an order needs.

    `equity` and `available` in USDT. Raises `Refused` with `LEVEL_NOT_A_PRICE`, `STOP_ON_WRONG_SIDE`,
    `TARGET_ON_WRONG_SIDE`, `STOP_BEYOND_LIQUIDATION`, `BELOW_MIN_QUANTITY` or `BELOW_MIN_NOTIONAL`.
    """
    limits = config.account
    entry, stop, target = _levels(proposal, instrument)
    leverage = min(limits.leverage, instrument.max_leverage)
    distance = _stop_distance(proposal.side, entry, stop, leverage, instrument, config)
    if proposal.side.sign * (target - entry) <= 0 or target <= 0:
        raise Refused("TARGET_ON_WRONG_SIDE", entry=entry, target=target)
    by_risk = equity * limits.risk_per_trade / distance
    by_margin = equity * limits.max_margin_per_trade * leverage / entry
    by_available = available / _bound_by_one(entry, leverage, instrument, config)
    quantity = instrument.quantity_down(min(by_risk, by_margin, by_available))
    if quantity < instrument.min_quantity:
        raise Refused("BELOW_MIN_QUANTITY", quantity=quantity, minimum=instrument.min_quantity)
    notional = quantity * entry
    if notional < instrument.min_notional * MIN_NOTIONAL_RESERVE:
        raise Refused("BELOW_MIN_NOTIONAL", notional=notional, minimum=instrument.min_notional)
    return Plan(
        account=account,
        symbol=instrument.symbol,
        side=proposal.side,
        quantity=quantity,
        reference_price=entry,
        stop=stop,
        target=target,
        leverage=leverage,
        margin=money(notional / leverage),
        time_stop_ms=config.strategy.time_stop_minutes * 60_000,
        signal_id=signal_id,
        strategy=strategy,
        confidence=proposal.confidence,
        win=proposal.win,
    )


def usual_notional(config: Config) -> float:
    """Give the notional (USDT) that a position of this account usually has: its largest share of margin, levered."""
    account = config.account
    return float(account.initial_balance * account.max_margin_per_trade * account.leverage)


def _bound_by_one(entry: Decimal, leverage: int, instrument: Instrument, config: Config) -> Decimal:
    """Give what one unit needs of the wallet at its likely fill (USDT): its margin and its fee. Alike on both sides."""
    rates = config.venue
    fill = instrument.price_up(entry * (ONE + rates.slippage_bps / BPS))
    return fill * (ONE / leverage + rates.taker_fee_bps / BPS)


def _levels(proposal: Proposal, instrument: Instrument) -> tuple[Decimal, Decimal, Decimal]:
    """Give entry, stop and target on the tick grid; stop and target are rounded away from the entry."""
    prices = (proposal.entry, proposal.stop, proposal.target)
    if not all(0.0 < price <= PRICE_MAX for price in prices):
        raise Refused("LEVEL_NOT_A_PRICE", entry=proposal.entry, stop=proposal.stop, target=proposal.target)
    entry, stop, target = (decimal_of(float(price)) for price in prices)
    if proposal.side is Side.LONG:
        return entry, instrument.price_down(stop), instrument.price_up(target)
    return entry, instrument.price_up(stop), instrument.price_down(target)


def _stop_distance(
    side: Side, entry: Decimal, stop: Decimal, leverage: int, instrument: Instrument, config: Config
) -> Decimal:
    """Give |entry - stop|, or refuse a stop that would come too late."""
    distance = side.sign * (entry - stop)
    if distance <= 0 or stop <= 0:
        raise Refused("STOP_ON_WRONG_SIDE", entry=entry, stop=stop)
    to_liquidation = entry * (ONE / leverage - instrument.maintenance_rate)
    costs = entry * (config.venue.taker_fee_bps + config.venue.slippage_bps) / BPS
    if distance + costs > LIQUIDATION_SHARE * to_liquidation:
        raise Refused("STOP_BEYOND_LIQUIDATION", distance=distance, allowed=LIQUIDATION_SHARE * to_liquidation)
    return distance
