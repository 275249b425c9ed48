"""The client order id: derived, short enough, of the allowed characters, and never the same for two wishes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from infra.binance.client_order_id import client_order_id

ALLOWED = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")  # specs/binance.md §6
EPOCH = "0123456789abcdef" * 2


def test_it_is_the_documented_function_of_epoch_and_event() -> None:
    """A golden value: orders of a running store must be found again by every later version."""
    assert client_order_id(EPOCH, "position:main/BTCUSDT-42@2") == "hs-L7W7ENANKUXHWLQO7NK2KN6UDA"
    assert client_order_id(EPOCH, "position:main/BTCUSDT-42@2", "x-") == "x-L7W7ENANKUXHWLQO7NK2KN6UDA"


@given(st.text(max_size=80), st.text("0123456789abcdef", min_size=32, max_size=32), st.text("aZ9-_/:.", max_size=10))
def test_every_id_is_allowed_and_always_the_same(event_id: str, epoch: str, prefix: str) -> None:
    made = client_order_id(epoch, event_id, prefix)
    assert ALLOWED.fullmatch(made)
    assert made == client_order_id(epoch, event_id, prefix)


def test_other_events_and_other_stores_get_other_ids() -> None:
    made = {client_order_id(epoch * 32, f"p@{n}") for epoch in "abc" for n in range(1_000)}
    assert len(made) == 3_000


@pytest.mark.parametrize("prefix", ["x" * 11, "ü", "a b", "a\n"])
def test_a_prefix_that_the_exchange_would_refuse_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput, match="client order id prefix"):
        client_order_id(EPOCH, "p@1", prefix)
