"""Anti-jitter: when a verdict becomes a published signal (CS §3.5, product §3).

    NONE ⇄ WATCH ⇄ PRIME        one step a closed 15m bar, confirmed by 2 of the last 3 bars, published on change only

Repaired: V64 counted scans instead of bars, judged past entries by the present, and published downgrades too. Here each
closed 15m bar puts its tier and side into the memory once; only a change *to* PRIME (or of its side) is published. The
first publication of a symbol does not wait for the cooldown; a change that does wait is published when it is over, if
it still holds.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from domain.scoring.policy import ScoringPolicy

QUARTER_MS = 900_000

Tier: TypeAlias = Literal["prime", "watch", "none"]


class Heard(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What one closed 15m bar said: its close time (UTC ms), tier and side (+1, -1, 0)."""

    close_ms: int
    tier: Tier
    side: int


class PublicationState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The last bars' verdicts, the confirmed tier and side, what was published last, and when (-1: never)."""

    heard: tuple[Heard, ...] = ()
    tier: Tier = "none"
    side: int = 0
    published: int = 0
    published_ms: int = -1


class Publication(msgspec.Struct, frozen=True, gc=False):
    """Whether to publish now, and if not, why not ("" if there is nothing to publish)."""

    publish: bool = False
    reason: str = ""


def advance(
    state: PublicationState, time_ms: int, tier: Tier, side: int, policy: ScoringPolicy
) -> tuple[PublicationState, Publication]:
    """Take the verdict of the analysis at `time_ms` (UTC, a close time); give the next state and what to do."""
    if time_ms % QUARTER_MS or (state.heard and time_ms <= state.heard[-1].close_ms):
        return state, Publication(reason="BETWEEN_BARS" if tier == "prime" else "")
    oldest = time_ms - policy.thresholds.confirm_bars * QUARTER_MS
    kept = tuple(bar for bar in state.heard if bar.close_ms > oldest)
    heard = (*kept, Heard(time_ms, tier, side))
    confirmed_tier, confirmed_side = _confirmed(heard, state, policy)
    held = confirmed_tier == "prime" and confirmed_side == state.published
    published = state.published if held else 0
    after = PublicationState(heard, confirmed_tier, confirmed_side, published, state.published_ms)
    if confirmed_tier != "prime":
        return after, Publication(reason="UNCONFIRMED" if tier == "prime" else "")
    if held:
        return after, Publication(reason="UNCHANGED" if tier == "prime" else "")
    if tier != "prime" or side != confirmed_side:  # confirmed by older bars, not by this one: wait for it
        return after, Publication(reason="UNCONFIRMED" if tier == "prime" else "")
    if state.published_ms >= 0 and time_ms - state.published_ms < policy.publication_cooldown_ms:
        return after, Publication(reason="PUBLICATION_COOLDOWN")
    done = PublicationState(heard, confirmed_tier, confirmed_side, confirmed_side, time_ms)
    return done, Publication(publish=True)


def _confirmed(heard: tuple[Heard, ...], state: PublicationState, policy: ScoringPolicy) -> tuple[Tier, int]:
    """Give the tier and side that enough of the remembered bars share; without one, the state stays as it is."""
    newest = next((bar.side for bar in reversed(heard) if bar.side), 1)
    for side in (newest, -newest):  # the newest side first: neither side may be favoured
        along = [bar for bar in heard if bar.side == side and bar.tier != "none"]
        if sum(bar.tier == "prime" for bar in along) >= policy.thresholds.confirm_of:
            return "prime", side
        if len(along) >= policy.thresholds.confirm_of:
            # Prime on one bar and watched on another is watched; a confirmed Prime needs as many bars to be lost.
            return "watch", side
    if sum(bar.tier == "none" for bar in heard) >= policy.thresholds.confirm_of:
        return "none", 0
    return state.tier, state.side
