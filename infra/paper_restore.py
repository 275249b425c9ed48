"""Builds the in-process exchange again from what the actors remember: wallets, holdings, and resting orders.

The journal is the only memory of paper trading. An order that was requested but never answered is not restored here:
its position asks for it again (`resume`), under the same order id.
"""

from __future__ import annotations

from actors.population import Population
from domain.account import Active
from domain.deal import VIRTUAL, Deal
from domain.holding import Holding, hold
from domain.instrument import Instrument
from domain.orders import Stage
from domain.position import Entering, Exiting, Open
from domain.symbol.state import SymbolState
from domain.venue import PlaceOrder
from infra.paper import PaperVenue


def restore_paper(venue: PaperVenue, population: Population, outside: tuple[str, ...] = ()) -> None:
    """Give a new venue the instruments, holdings and resting orders that the restored actors know.

    Accounts that are at a venue `outside` are left to it.
    """
    wallets: dict[str, Active] = {}
    deals: list[Deal] = []
    instruments: dict[str, Instrument] = {}
    for actor in population.actors():
        match actor.state:
            case SymbolState() as symbol if symbol.facts.instrument is not None:
                instruments[symbol.facts.symbol] = symbol.facts.instrument
                venue.set_instrument(symbol.facts.instrument)
                last = symbol.frames.last
                if last is not None:
                    venue.observe(symbol.facts.symbol, last.close, last.open_time_ms)
            case Active() as account:
                wallets[account.name] = account
            case Entering(deal) | Open(deal) | Exiting(deal):
                deals.append(deal)
            case _:
                pass
    for name in (*(name for name in wallets if name not in outside), VIRTUAL):
        own = [deal for deal in deals if deal.plan.account == name]
        holdings = {deal.id: _holding(deal, instruments[deal.plan.symbol]) for deal in own if deal.quantity}
        wallet = wallets[name].balance if name in wallets else None
        venue.restore_desk(name, wallet, holdings, [order for deal in own for order in _resting(deal)])


def _holding(deal: Deal, instrument: Instrument) -> Holding:
    held = hold(instrument, deal.plan.side, deal.quantity, deal.open_price, deal.plan.leverage, deal.opened_ms)
    return held.funded(deal.funding, deal.funded_ms) if deal.funded_ms else held


def _resting(deal: Deal) -> list[PlaceOrder]:
    """Give the orders that rest at the venue; one that is being canceled rests until the venue says otherwise."""
    return [deal.place(order) for order in deal.orders if order.stage is not Stage.REQUESTED]
