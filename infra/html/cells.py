"""Numbers, times and words as a reader of a page sees them. Nothing here is escaped yet: `page` does that."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from domain.flow import HOUR_MS
from infra import moments

Tone: TypeAlias = Literal["", "gain", "loss", "muted"]
SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
DAY_MS: Final = 24 * HOUR_MS


class Cell(msgspec.Struct, frozen=True):
    """One value. Numbers stand to the right; `tone` says whether it is good or bad news."""

    text: str
    numeric: bool = False
    tone: Tone = ""


UNKNOWN: Final = Cell("-", numeric=True, tone="muted")
"""What stands where nothing can be said (yet)."""


def word(value: str) -> Cell:
    """Show a name or a code."""
    return Cell(value) if value else Cell("")


def count(value: int | None) -> Cell:
    """Show how many."""
    return UNKNOWN if value is None else Cell(f"{value:,}", numeric=True)


def usdt(value: Decimal | float | None) -> Cell:
    """Show an amount of USDT to the cent."""
    return UNKNOWN if value is None else Cell(f"{value:,.2f}", numeric=True)


def gained(value: Decimal | float | None) -> Cell:
    """Show what was won or lost in USDT, with its sign."""
    if not value:
        return UNKNOWN if value is None else Cell("0.00", numeric=True)
    return Cell(f"{value:+,.2f}", numeric=True, tone="gain" if value > 0 else "loss")


def percent(fraction: Decimal | float | None, digits: int = 1) -> Cell:
    """Show a fraction as a percentage."""
    return UNKNOWN if fraction is None else Cell(f"{fraction * 100:,.{digits}f} %", numeric=True)


def ratio(value: float | None, digits: int = 2) -> Cell:
    """Show a number without a unit."""
    return UNKNOWN if value is None else Cell(f"{value:,.{digits}f}", numeric=True)


def exact(value: Decimal | float | None) -> Cell:
    """Show a price or a quantity with all its digits, but without zeros at the end."""
    if value is None:
        return UNKNOWN
    text = f"{Decimal(repr(value)) if isinstance(value, float) else value:,f}"
    return Cell(text.rstrip("0").rstrip(".") if "." in text else text, numeric=True)


def moment(time_ms: int | None) -> Cell:
    """Show a UTC time to the second."""
    return Cell("-", tone="muted") if time_ms is None else Cell(moments.iso(time_ms)[:19].replace("T", " "))


def span(duration_ms: int | None) -> Cell:
    """Show a duration in its two largest units."""
    if duration_ms is None:
        return UNKNOWN
    if duration_ms < SECOND_MS:
        return Cell(f"{duration_ms} ms", numeric=True)
    if duration_ms < MINUTE_MS:
        return Cell(f"{duration_ms / SECOND_MS:.1f} s", numeric=True)
    for unit_ms, unit, part_ms, part in _UNITS:
        if duration_ms >= unit_ms:
            parts = duration_ms % unit_ms // part_ms
            return Cell(f"{duration_ms // unit_ms} {unit}" + (f" {parts} {part}" if parts else ""), numeric=True)
    return UNKNOWN


_UNITS: Final = (
    (DAY_MS, "d", HOUR_MS, "h"),
    (HOUR_MS, "h", MINUTE_MS, "min"),
    (MINUTE_MS, "min", SECOND_MS, "s"),
)
