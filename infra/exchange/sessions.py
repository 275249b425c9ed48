"""When U.S. equities are traded: GET tradingSchedule and the stream `tradingSession`.

No contract here has an equity as its underlying, but the sessions are the calendar's, not the market's. By the clock of
New York: OVERNIGHT 20:00 to 4:00, PRE_MARKET to 9:30, REGULAR to 16:00, AFTER_MARKET to 20:00, NO_TRADING from Friday's
to Sunday's 20:00 (the hours of Binance's examples). Holidays are not known. Commodities and other countries' equities
are left out: Binance documents their events' names, but not their hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.market import MINUTE_MS

_HOUR_MS = 60 * MINUTE_MS
_DAY = timedelta(days=1)
_SUNDAY = 6
_OPENINGS = ((4 * 60, "PRE_MARKET"), (9 * 60 + 30, "REGULAR"), (16 * 60, "AFTER_MARKET"), (20 * 60, "OVERNIGHT"))
"""Minutes of the day in New York."""
_DAYS_SHOWN = 7


class Session(NamedTuple):
    """One session; times in UTC ms."""

    start_ms: int
    end_ms: int
    kind: str


def session_at(now_ms: int) -> Session:
    """Give the session that a moment lies in."""
    today = datetime.fromtimestamp(now_ms / 1_000.0, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return next(one for one in _sessions(today - 4 * _DAY, 9) if one.start_ms <= now_ms < one.end_ms)


def schedule(now_ms: int) -> list[Session]:
    """Give the sessions of the week before and the week after yesterday's begin."""
    today = datetime.fromtimestamp(now_ms / 1_000.0, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first_ms = _ms(today - (_DAYS_SHOWN + 1) * _DAY)
    end_ms = first_ms + 2 * _DAYS_SHOWN * 24 * _HOUR_MS
    found = _sessions(today - (_DAYS_SHOWN + 5) * _DAY, 2 * _DAYS_SHOWN + 9)
    return [one for one in found if first_ms <= one.start_ms < end_ms]


def _sessions(first_day: datetime, days: int) -> Iterator[Session]:
    """Give the sessions that begin on some days, each until the next one begins."""
    begun = _begun(first_day, days)
    start_ms, kind = next(begun)
    for next_ms, next_kind in begun:
        yield Session(start_ms, next_ms, kind)
        start_ms, kind = next_ms, next_kind


def _begun(first_day: datetime, days: int) -> Iterator[tuple[int, str]]:
    for number in range(days):
        day = first_day + number * _DAY
        for minutes, kind in _OPENINGS:
            at_ms = _ms(day + timedelta(minutes=minutes)) + _behind_utc_hours(day) * _HOUR_MS
            evening = kind == "OVERNIGHT"
            if day.weekday() < 4 or (day.weekday() == 4 and not evening) or (day.weekday() == _SUNDAY and evening):
                yield at_ms, kind
            elif day.weekday() == 4:
                yield at_ms, "NO_TRADING"


def _behind_utc_hours(day: datetime) -> int:
    """Say how far New York is behind UTC: 4 h from March's second Sunday to November's first, else 5 h.

    The hours of those Sundays before the clocks change don't matter: nothing is traded.
    """
    summer = datetime(day.year, 3, 8, tzinfo=UTC), datetime(day.year, 11, 1, tzinfo=UTC)
    begin, end = (at + (_SUNDAY - at.weekday()) % 7 * _DAY for at in summer)
    return 4 if begin <= day < end else 5


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
