"""A number that rises along a stream: what does not rise was seen, or is late. And the number that was never true.

    100 ▶ 101 ▶ 10¹⁵ ▶ 102 ▷ 103 ▷ 104 ▷ 105 ▷ 106 ▶ 107 ▶ …            ▶ taken, ▷ dropped

One frame with an absurdly high number would mute its stream for good: all that follows is lower. A connection brings
its frames in order, so if `WITNESSES` in a row that rise among themselves stay lower, and at their pace would not get
there soon either, that number is refuted and the stream goes on with them.

What is only late is no witness: a frame or a few that were overtaken are followed by higher ones, or would be there in
a moment. Neither is a second connection that lags behind: it gets to where the first one is, if only after a while.
So whoever brought the number himself is believed sooner than another one.
"""

from __future__ import annotations

from typing import Final

WITNESSES: Final = 5
OWN_STEPS: Final = 20
"""Farther away than so many frames at the witnesses' pace, a number of the same connection was no overtaking frame."""
OTHER_STEPS: Final = 10_000
"""The same for another connection's number: no connection lags behind by that much."""


class Rising:
    """One stream's newest number, and who brought it."""

    __slots__ = ("_against", "_count", "_first", "_lower", "_witness", "newest", "source")

    def __init__(self, newest: int, source: int) -> None:
        self.newest = newest
        self.source = source
        self._against = newest
        self._witness = source
        self._count = self._first = self._lower = 0

    def refuted(self, number: int, source: int) -> bool:
        """Take a frame that does not rise: true if `newest` never was true. Then the stream goes on from this one."""
        if self._against != self.newest or self._witness != source or number < self._lower:
            self._against, self._witness = self.newest, source
            self._count, self._first, self._lower = 1, number, number
            return False
        if number == self._lower or number == self.newest:  # noqa: PLR1714 - a set would be made for each frame
            return False  # the same once more says nothing
        self._count, self._lower = self._count + 1, number
        if self._count < WITNESSES:
            return False
        steps = OWN_STEPS if source == self.source else OTHER_STEPS
        if (self.newest - number) * (self._count - 1) <= steps * (number - self._first):
            return False
        self.newest, self.source = number, source
        return True
