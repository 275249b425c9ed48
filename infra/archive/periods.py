"""Which files of the public archive hold a range of time: a file a month, and a file a day where there is none yet.

<base>/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-05.zip          and ….zip.CHECKSUM beside it
<base>/data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-06-01.zip
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec


class ArchiveFile(msgspec.Struct, frozen=True, order=True):
    """One file of the archive. `period` is YYYY-MM or YYYY-MM-DD."""

    symbol: str
    interval: str
    period: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.symbol}-{self.interval}-{self.period}.zip"

    @property
    def path(self) -> str:
        """Where it lies below the archive's base."""
        every = "monthly" if self.monthly else "daily"
        return f"data/futures/um/{every}/klines/{self.symbol}/{self.interval}/{self.name}"

    @property
    def monthly(self) -> bool:
        """Whether it holds a month."""
        return len(self.period) == len("2025-05")

    def days(self) -> tuple[ArchiveFile, ...]:
        """Give the daily files that hold the same as this monthly one."""
        first = date.fromisoformat(f"{self.period}-01")
        return tuple(ArchiveFile(self.symbol, self.interval, f"{day}") for day in _days(first, next_month(first)))


def files_of(symbol: str, interval: str, first: date, end: date, today: date) -> tuple[ArchiveFile, ...]:
    """Give the files that hold the days from `first` up to, but not including, `end`.

    A month that lies wholly in the range and is over comes as one file. Today's file does not exist before tomorrow.
    """
    found: list[ArchiveFile] = []
    end = min(end, today)
    day = first
    while day < end:
        after = next_month(day)
        if day.day == 1 and after <= end:
            found.append(ArchiveFile(symbol, interval, f"{day:%Y-%m}"))
        else:
            found += [ArchiveFile(symbol, interval, f"{each}") for each in _days(day, min(after, end))]
        day = after
    return tuple(found)


def next_month(day: date) -> date:
    """Give the first day of the next month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _days(first: date, end: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((end - first).days))
