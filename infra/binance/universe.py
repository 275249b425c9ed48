"""Which contracts are traded: the most liquid USDT perpetuals, from exchangeInfo and one call for all 24 h tickers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from domain.errors import InvalidInput
from domain.instrument import Instrument
from infra.binance.wire.contract_bodies import Contract, SymbolBrackets

SYMBOLS_MAX: Final = 140
QUOTE_VOLUME_MIN: Final = 3_000_000.0
"""USDT in 24 h (product.md §1)."""
UNLISTED: Final = "UNKNOWN"
REFRESH_S: Final = 6 * 3600.0


class Universe(msgspec.Struct, frozen=True):
    """What is traded, most liquid first; `left_out` counts the others by reason.

    `ended` are contracts that don't trade any more, with their status: what is open in them must be closed. `listed`
    are all that were looked at, by name.
    """

    contracts: tuple[Contract, ...]
    left_out: tuple[tuple[str, int], ...] = ()
    ended: Mapping[str, str] = {}
    listed: Mapping[str, Contract] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names."""
        return tuple(contract.symbol for contract in self.contracts)


def choose(
    contracts: Iterable[Contract],
    quote_volumes: Mapping[str, float],
    wanted: int | tuple[str, ...] = SYMBOLS_MAX,
    quote_volume_min: float = QUOTE_VOLUME_MIN,
    *,
    strict: bool = True,
) -> Universe:
    """Choose the `wanted` most liquid contracts, or exactly those named, whatever their volume.

    Not `strict`, one of those named may have ended meanwhile.

    Raises `InvalidInput` for a name that can't be traded, and for a universe without a contract; both say why.
    """
    listed = {contract.symbol: contract for contract in contracts}
    if not isinstance(wanted, int):
        named = tuple(dict.fromkeys(wanted))
        ended = {name: why for name in named if (why := _ended(listed.get(name))) and not strict}
        return Universe(tuple(_named(listed, name) for name in named if name not in ended), (), ended, listed)
    reasons: Counter[str] = Counter()
    found: list[Contract] = []
    for contract in listed.values():
        reason = _objection(contract) or (
            "VOLUME_TOO_LOW" if quote_volumes.get(contract.symbol, 0.0) < quote_volume_min else None
        )
        if reason is None:
            found.append(contract)
        else:
            reasons[reason] += 1
    found.sort(key=lambda contract: (-quote_volumes[contract.symbol], contract.symbol))
    if not found:
        why = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or "no contract at all"
        hint = "Is the exchange in maintenance? `run.py doctor` looks."
        raise InvalidInput(
            "universe", f"at least one USDT perpetual with {quote_volume_min:,.0f} USDT a day", why, hint
        )
    ended = {name: why for name, contract in listed.items() if (why := _ended(contract))}
    return Universe(tuple(found[:wanted]), tuple(sorted(reasons.items())), ended, listed)


def changes(before: Iterable[str], now: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give who joined and who left, each in the order of the list that it stands in."""
    old, new = tuple(before), tuple(now)
    return tuple(name for name in new if name not in old), tuple(name for name in old if name not in new)


def news(
    found: Universe,
    brackets: Mapping[str, SymbolBrackets],
    symbols: Iterable[str],
    known: Mapping[str, Instrument],
) -> tuple[Instrument, ...]:
    """Give the contracts of these whose terms are others than those `known`: a tick, a step or a minimum was changed.

    Where no brackets were told, leverage and maintenance rate stay as they were known.
    """
    told: list[Instrument] = []
    for name in symbols:
        contract, before = found.listed.get(name), known.get(name)
        now = None if contract is None else contract.instrument(brackets.get(name))
        if now is not None and before is not None and name not in brackets:
            now = msgspec.structs.replace(
                now, max_leverage=before.max_leverage, maintenance_rate=before.maintenance_rate
            )
        if now is not None and now != before:
            told.append(now)
    return tuple(told)


def _named(listed: Mapping[str, Contract], name: str) -> Contract:
    contract = listed.get(name)
    reason = UNLISTED if contract is None else _objection(contract)
    if contract is None or reason is not None:
        raise InvalidInput("--symbols", "USDT perpetuals that trade now", f"{name} ({reason})", "Check the spelling.")
    return contract


def _ended(contract: Contract | None) -> str:
    """Give the status of a contract that does not trade any more, "" if it does."""
    if contract is None:
        return UNLISTED
    return "" if contract.status == "TRADING" else f"STATUS_{contract.status or 'NONE'}"


def _objection(contract: Contract) -> str | None:
    if contract.quote != "USDT":
        return "NOT_USDT"
    if contract.contract_type != "PERPETUAL":
        return "NOT_PERPETUAL"
    if contract.status != "TRADING":
        return f"STATUS_{contract.status or 'NONE'}"
    if not contract.symbol.isascii():
        return "NOT_ASCII"
    return None if contract.instrument() is not None else "NO_FILTERS"
