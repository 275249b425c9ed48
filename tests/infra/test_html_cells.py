"""How numbers, times and durations are written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from infra.html.cells import UNKNOWN, Cell, count, exact, gained, moment, percent, ratio, span, usdt


def test_an_amount_has_two_decimals_and_thousands() -> None:
    assert usdt(Decimal("12345.678")).text == "12,345.68"


@pytest.mark.parametrize(
    ("amount", "text", "tone"), [("1.5", "+1.50", "gain"), ("-1.5", "-1.50", "loss"), ("0", "0.00", "")]
)
def test_a_gain_has_its_sign_and_its_tone(amount: str, text: str, tone: str) -> None:
    assert gained(Decimal(amount)) == Cell(text, numeric=True, tone=tone)


@pytest.mark.parametrize("shown", [usdt, gained, percent, ratio, exact, count, span])
def test_what_is_not_known_is_not_zero(shown: object) -> None:
    assert shown(None) is UNKNOWN  # type: ignore[operator]


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("105286.40000000"), "105,286.4"), (Decimal(100), "100"), (Decimal("0E-8"), "0"), (1e-7, "0.0000001"),
     (0.1, "0.1"), (Decimal("1E+3"), "1,000")],
)  # fmt: skip
def test_a_price_keeps_its_digits_but_no_zeros_at_the_end(value: Decimal | float, text: str) -> None:
    assert exact(value).text == text


def test_a_time_is_utc_to_the_second() -> None:
    assert moment(1_700_000_000_999).text == "2023-11-14 22:13:20"
    assert moment(None).text == "-"


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (60_000, "1 min"), (61_000, "1 min 1 s"), (3_600_000, "1 h"),
     (7_260_000, "2 h 1 min"), (90_000_000, "1 d 1 h")],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(ms: int, text: str) -> None:
    assert span(ms).text == text


def test_a_fraction_is_shown_as_a_percentage() -> None:
    assert percent(0.4226).text == "42.3 %"
    assert percent(Decimal("0.00020"), 3).text == "0.020 %"
