"""Patience at the start: an exchange that says "not now" is waited for, up to a limit, and the user hears why.

look ──answered──▶ start
 ▲ └──Busy──▶ said once, then waited out ──┐       a ban says how long; maintenance is asked after with a back-off
 └─────────────────────────────────────────┘
   longer than the limit in all ──▶ the error ends the start, as does every other one at once
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from infra.binance.back_off import BackOff, BackOffPolicy
from infra.binance.faults import Busy

T = TypeVar("T")
Say = Callable[[str], None]
LIMIT_S: Final = 900.0
"""Whoever starts a system waits for a ban of minutes; one of hours he would rather hear of."""
PATIENCE_MS: Final = 2_000
"""So long a single call waits by itself, unseen; what takes longer is said."""
MARGIN_S: Final = 1.0
"""A request just before the end of a ban would make it longer."""


async def until_it_answers(
    look: Callable[[], Awaitable[T]],
    say: Say,
    *,
    limit_s: float = LIMIT_S,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """Look again and again while the exchange is `Busy`; give what was found.

    Raises that `Busy` if all waits together would be longer than `limit_s`, and any other error at once.
    """
    back_off = BackOff(BackOffPolicy(), lambda: 0.5)
    waited_s, said = 0.0, False
    while True:
        try:
            return await look()
        except Busy as busy:
            asked_s = (busy.retry_after_ms or 0) / 1_000
            wait_s = asked_s + MARGIN_S if asked_s else back_off.failed()
            if waited_s + wait_s > limit_s:
                raise
            if asked_s:
                say(f"{busy}. The start waits for {wait_s:.0f} s; Ctrl-C ends it.")
            elif not said:
                say(f"{busy}. The start waits, for {(limit_s - waited_s) / 60:.0f} min at most; Ctrl-C ends it.")
                said = True
        await pause(wait_s)
        waited_s += wait_s
