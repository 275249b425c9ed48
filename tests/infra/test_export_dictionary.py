from __future__ import annotations

import re

import pytest

from domain.catalog import EVENTS, name_of
from infra.export.dictionary import dictionary
from infra.export.fields import Field, Group, default_text, group_of
from infra.export.redaction import Redaction

TEXT = dictionary(Redaction())


def sections(text: str) -> dict[str, str]:
    """Give what stands below each heading."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("kind", EVENTS, ids=name_of)
def test_every_event_and_every_field_is_in_the_dictionary(kind: type) -> None:
    section = sections(TEXT)[name_of(kind)]
    for field in group_of(kind).fields:
        assert f"| `{field.name}` |" in section


def test_every_group_that_is_linked_has_a_section() -> None:
    linked = set(re.findall(r"\[\w+\]\(#(\w+)\)", TEXT))
    assert linked <= {title.lower() for title in sections(TEXT)}
    assert {"candle", "plan", "config"} <= linked


def test_types_choices_defaults_and_meanings_are_named() -> None:
    assert "| `side` | one of BUY, SELL | string |" in sections(TEXT)["OrderRequested"]
    assert "| `trigger` | text of an exact decimal | decimal128(38, 18) | `null` |" in sections(TEXT)["OrderRequested"]
    assert "integer, UTC ms since 1970 | timestamp[ms, tz=UTC]" in sections(TEXT)["OrderFilled"]
    assert "Fill price against `reference_price`" in sections(TEXT)["PositionOpened"]
    assert "a list with these values in this order" in sections(TEXT)["Candle"]


def test_the_other_tables_are_in_it() -> None:
    assert "| `cause_id` |" in sections(TEXT)["orders"]
    assert "| `led_to` |" in sections(TEXT)["operator_actions"]


def test_what_is_redacted_is_marked_and_missing_in_the_other_tables() -> None:
    found = sections(dictionary(Redaction(["who", "plan.margin"])))
    assert re.search(r"`who` .*\(redacted", found["OperatorCommandAccepted"])
    assert re.search(r"`plan` .*\(redacted, or a part of it\)", found["PositionClosed"])
    assert "`who`" not in found["operator_actions"]


def test_it_is_the_same_every_time() -> None:
    assert dictionary(Redaction()) == TEXT


def test_every_default_has_a_text() -> None:
    def defaults(group: Group) -> list[Field]:
        return [field for field in group.fields if not field.required]

    assert all(default_text(field) for kind in EVENTS for field in defaults(group_of(kind)))
