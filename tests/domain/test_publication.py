"""Anti-jitter: 2 of 3 closed 15m bars, published on change only, cooled down but for the first time."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import ScoringConfig
from domain.scoring import PublicationState, ScoringPolicy
from domain.scoring.publication import QUARTER_MS, Publication, Tier, advance

START = 1_700_006_400_000
POLICY = ScoringPolicy()


def told(
    rows: list[tuple[Tier, int]], state: PublicationState | None = None, policy: ScoringPolicy = POLICY, first: int = 0
) -> tuple[PublicationState, list[Publication]]:
    """Tell one verdict a 15m bar."""
    state, out = state or PublicationState(), list[Publication]()
    for at, (tier, side) in enumerate(rows, first):
        state, publication = advance(state, START + at * QUARTER_MS, tier, side, policy)
        out.append(publication)
    return state, out


def published(rows: list[tuple[Tier, int]], policy: ScoringPolicy = POLICY) -> list[int]:
    return [at for at, publication in enumerate(told(rows, policy=policy)[1]) if publication.publish]


def test_two_of_three_bars_publish_and_the_first_is_not_held_back() -> None:
    _, out = told([("prime", 1), ("prime", 1)])
    assert out == [Publication(reason="UNCONFIRMED"), Publication(publish=True)]
    assert published([("prime", 1), ("none", 0), ("prime", 1)]) == [2]
    assert published([("prime", 1), ("none", 0), ("none", 0), ("prime", 1)]) == []


def test_what_lasts_is_published_once() -> None:
    _, out = told([("prime", 1)] * 6)
    assert [publication.publish for publication in out] == [False, True, False, False, False, False]
    assert out[-1].reason == "UNCHANGED"


def test_one_bar_of_doubt_changes_nothing() -> None:
    assert published([("prime", 1), ("prime", 1), ("watch", 1), ("prime", 1), ("prime", 1)]) == [1]


def test_a_downgrade_is_never_published() -> None:
    _, out = told([("prime", 1), ("prime", 1), ("watch", 1), ("watch", 1), ("none", 0), ("none", 0)])
    assert [publication.publish for publication in out] == [False, True, False, False, False, False]


def test_what_comes_back_within_the_cooldown_waits_for_its_end() -> None:
    rows: list[tuple[Tier, int]] = [("prime", 1), ("prime", 1), ("none", 0), ("none", 0), ("none", 0)]
    again: list[tuple[Tier, int]] = [("prime", 1)] * 8
    _, out = told([*rows, *again])
    assert [at for at, publication in enumerate(out) if publication.publish] == [1, 9]  # 8 bars are 2 hours
    assert out[8].reason == "PUBLICATION_COOLDOWN"


def test_a_turn_to_the_other_side_is_a_change() -> None:
    policy = msgspec.structs.replace(POLICY, publication_cooldown_ms=0)
    assert published([("prime", 1), ("prime", 1), ("prime", -1), ("prime", -1)], policy) == [1, 3]


def test_only_closed_15m_bars_count_each_once() -> None:
    state, _ = told([("prime", 1)])
    for shift in (1, 5 * 60_000, 10 * 60_000):
        after, publication = advance(state, START + shift, "prime", 1, POLICY)
        assert (after, publication) == (state, Publication(reason="BETWEEN_BARS"))
    after, publication = advance(state, START, "prime", 1, POLICY)
    assert after == state
    assert not publication.publish


def test_a_gap_in_time_forgets_what_was_heard_before_it() -> None:
    state, _ = told([("prime", 1)])
    _, out = told([("prime", 1)], state, first=3)
    assert out == [Publication(reason="UNCONFIRMED")]


rows = st.lists(st.sampled_from([("prime", 1), ("prime", -1), ("watch", 1), ("watch", -1), ("none", 0)]), max_size=40)


@given(rows, st.sampled_from([(3, 2), (2, 1), (1, 1), (4, 3)]))
def test_neither_side_is_favoured(heard: list[tuple[Tier, int]], preset: tuple[int, int]) -> None:
    policy = ScoringPolicy(ScoringConfig(confirm_bars=preset[0], confirm_of=preset[1]))
    mirrored: list[tuple[Tier, int]] = [(tier, -side) for tier, side in heard]
    assert told(heard, policy=policy)[1] == told(mirrored, policy=policy)[1]


@given(rows)
def test_a_state_survives_a_checkpoint(heard: list[tuple[Tier, int]]) -> None:
    state, _ = told(heard)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=PublicationState) == state


@pytest.mark.parametrize("count", range(1, 4))
def test_no_publication_without_enough_prime_bars_of_its_side(count: int) -> None:
    policy = ScoringPolicy(ScoringConfig(confirm_of=count))
    assert published([("prime", 1)] * 5, policy) == [count - 1]
