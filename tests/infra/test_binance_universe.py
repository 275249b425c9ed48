"""Which contracts are chosen, and what an empty choice says."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.errors import InvalidInput
from infra.binance.universe import changes, choose
from infra.binance.wire.contract_bodies import Contract, Filter

FILTERS = (
    Filter(kind="PRICE_FILTER", tick=Decimal("0.1")),
    Filter(kind="LOT_SIZE", step=Decimal("0.001"), min_quantity=Decimal("0.001")),
)


def contract(symbol: str, **changed: object) -> Contract:
    listed = Contract(
        symbol=symbol, contract_type="PERPETUAL", status="TRADING", base=symbol[:3], quote="USDT", filters=FILTERS
    )
    return replace(listed, **changed)


LISTED = (
    contract("AAAUSDT"),
    contract("BBBUSDT"),
    contract("CCCUSDT"),
    contract("DDDUSDC", quote="USDC"),
    contract("EEEUSDT_251226", contract_type="CURRENT_QUARTER"),
    contract("FFFUSDT", status="SETTLING"),
    contract("币安人生USDT"),
    contract("GGGUSDT", filters=()),
)
VOLUMES = {"AAAUSDT": 4e6, "BBBUSDT": 9e6, "CCCUSDT": 2_999_999.0, "FFFUSDT": 9e9, "币安人生USDT": 9e9, "GGGUSDT": 9e9}


def test_the_most_liquid_come_first_and_the_rest_is_counted_by_reason() -> None:
    universe = choose(LISTED, VOLUMES)
    assert universe.symbols == ("BBBUSDT", "AAAUSDT")
    assert dict(universe.left_out) == {
        "VOLUME_TOO_LOW": 1, "NOT_USDT": 1, "NOT_PERPETUAL": 1, "STATUS_SETTLING": 1, "NOT_ASCII": 1, "NO_FILTERS": 1,
    }  # fmt: skip
    assert choose(LISTED, VOLUMES, 1).symbols == ("BBBUSDT",)


def test_volume_exactly_at_the_bound_is_enough_and_equal_volumes_are_ordered_by_name() -> None:
    assert choose(LISTED, {"BBBUSDT": 3e6, "AAAUSDT": 3e6}).symbols == ("AAAUSDT", "BBBUSDT")


def test_named_symbols_are_taken_whatever_their_volume() -> None:
    assert choose(LISTED, {}, ("CCCUSDT", "AAAUSDT", "CCCUSDT")).symbols == ("CCCUSDT", "AAAUSDT")


@pytest.mark.parametrize(
    ("name", "why"), [("ZZZUSDT", "UNKNOWN"), ("FFFUSDT", "STATUS_SETTLING"), ("DDDUSDC", "NOT_USDT")]
)
def test_a_name_that_can_not_be_traded_says_why(name: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}.*{why}"):
        choose(LISTED, VOLUMES, (name,))


def test_an_empty_universe_says_why() -> None:
    with pytest.raises(InvalidInput, match="3 x VOLUME_TOO_LOW"):
        choose(LISTED[:3], {})
    with pytest.raises(InvalidInput, match="no contract at all"):
        choose((), {})


def test_changes_name_who_joined_and_who_left() -> None:
    assert changes(("A", "B"), ("B", "C")) == (("C",), ("A",))


def test_a_contract_that_ended_is_named_with_its_status() -> None:
    assert choose(LISTED, VOLUMES).ended == {"FFFUSDT": "STATUS_SETTLING"}
    later = choose(LISTED, VOLUMES, ("AAAUSDT", "FFFUSDT", "GONEUSDT"), strict=False)
    assert later.symbols == ("AAAUSDT",)
    assert later.ended == {"FFFUSDT": "STATUS_SETTLING", "GONEUSDT": "UNKNOWN"}
