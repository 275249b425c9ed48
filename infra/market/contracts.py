"""The contracts of the synthetic market: what they are called, where their prices start, how they move and trade."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.instrument import Instrument, assumed
from infra.market.noise import key_of


class Contract(msgspec.Struct, frozen=True):
    """One synthetic contract.

    `price` in USDT is the middle of where the price will be over the years; `digits` and `lot_digits` are the decimals
    of price and quantity. `beta` is how strongly it follows the market, `own_bps` the deviation of its own move over 5
    minutes, `turnover` its volume in thousand USDT a minute.
    """

    symbol: str
    price: float
    digits: int
    lot_digits: int
    beta: float
    own_bps: float
    turnover: float

    def instrument(self) -> Instrument:
        """Give the contract's filters."""
        step = Decimal(1).scaleb(-self.lot_digits)
        return Instrument(self.symbol, tick=Decimal(1).scaleb(-self.digits), step=step, min_quantity=step)


CONTRACTS = tuple(
    Contract(*row)
    for row in (
        ("BTCUSDT", 96_000.0, 1, 3, 1.00, 3.0, 9_000.0),
        ("ETHUSDT", 3_100.0, 2, 3, 1.20, 8.0, 7_000.0),
        ("SOLUSDT", 170.0, 2, 2, 1.30, 11.0, 2_500.0),
        ("BNBUSDT", 650.0, 2, 2, 0.85, 8.0, 600.0),
        ("XRPUSDT", 2.3, 4, 1, 1.10, 12.0, 1_400.0),
        ("DOGEUSDT", 0.19, 5, 0, 1.35, 13.0, 1_000.0),
        ("ADAUSDT", 0.71, 4, 0, 1.20, 12.0, 450.0),
        ("AVAXUSDT", 24.0, 3, 0, 1.30, 13.0, 300.0),
        ("LINKUSDT", 15.5, 3, 2, 1.25, 12.0, 350.0),
        ("SUIUSDT", 3.2, 4, 1, 1.40, 15.0, 600.0),
        ("LTCUSDT", 92.0, 2, 3, 1.00, 11.0, 250.0),
        ("DOTUSDT", 4.6, 3, 1, 1.20, 12.0, 150.0),
        ("TRXUSDT", 0.27, 5, 0, 0.60, 9.0, 120.0),
        ("BCHUSDT", 420.0, 2, 3, 1.05, 13.0, 180.0),
        ("NEARUSDT", 2.7, 3, 0, 1.35, 14.0, 140.0),
        ("APTUSDT", 5.3, 4, 1, 1.35, 14.0, 130.0),
        ("UNIUSDT", 6.8, 4, 0, 1.25, 14.0, 130.0),
        ("FILUSDT", 2.9, 4, 1, 1.25, 13.0, 100.0),
        ("AAVEUSDT", 210.0, 2, 1, 1.30, 15.0, 160.0),
        ("ATOMUSDT", 4.7, 4, 2, 1.15, 12.0, 80.0),
    )
)
_BY_SYMBOL = {contract.symbol: contract for contract in CONTRACTS}


def contracts(symbols: tuple[str, ...] | int) -> tuple[Contract, ...]:
    """Give contracts by name, or the first so many. A name that is not in the table gets a character of its own."""
    if isinstance(symbols, int):
        listed = [contract.symbol for contract in CONTRACTS[: max(symbols, 0)]]
        symbols = (*listed, *(f"SYN{number}USDT" for number in range(len(listed) + 1, symbols + 1)))
    return tuple(_BY_SYMBOL.get(symbol) or _invented(symbol) for symbol in dict.fromkeys(symbols))


def _invented(symbol: str) -> Contract:
    """Draw a small contract's character from its name, so that it is the same wherever it is asked for."""
    draw = key_of("contract", symbol)
    price = float(f"{1 + draw % 90 / 10:.1f}e{draw // 90 % 4 - 2}")
    tick = assumed(symbol, price).tick.adjusted()
    lot_digits = min(2, max(0, tick + 4))
    return Contract(symbol, price, -tick, lot_digits, 1.0 + draw % 41 / 100, 10.0 + draw % 7, 40.0 + draw % 60)
