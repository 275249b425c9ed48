"""What is redacted is gone from everything, and the redacted bundle is tied to the full one."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bundles import Desk, contents, findings, manifest, verifier_run
from trading_history import TradingHistory, plan_of

from domain.catalog import EVENTS, name_of
from domain.errors import InvalidInput
from domain.market import Candle
from domain.operations import STREAM, OperatorCommandAccepted, OperatorKind
from infra.export.fields import group_of, paths_in
from infra.export.redaction import Redaction


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def head(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "tree_head.json").read_bytes())


# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bare_name_takes_the_field_out_of_every_event() -> None:
    redaction, event = Redaction(["margin"]), {"plan": {"margin": "40", "leverage": 5}}
    redaction.apply("PositionRequested", event)
    assert event == {"plan": {"leverage": 5}}


def test_an_events_name_before_it_takes_it_out_of_that_event_only() -> None:
    redaction = Redaction(["OrderFilled.fee"])
    filled, booked = {"fee": "1", "price": "2"}, {"fee": "1"}
    redaction.apply("OrderFilled", filled)
    redaction.apply("FillBooked", booked)
    assert (filled, booked) == ({"price": "2"}, {"fee": "1"})


def test_a_group_goes_with_all_that_it_holds() -> None:
    redaction, event = Redaction(["PositionClosed.plan"]), {"plan": {"margin": "40"}, "net": "1"}
    redaction.apply("PositionClosed", event)
    assert event == {"net": "1"}


def test_a_value_in_a_list_of_fixed_places_becomes_null() -> None:
    redaction, event = Redaction(["candle.volume", "candles.mark"]), {"candle": [0, 1.0, 2.0, 0.5, 1.5, 7.0]}
    redaction.apply("CandleClosed", event)
    assert event == {"candle": [0, 1.0, 2.0, 0.5, 1.5, None]}
    loaded = {"interval": "1m", "candles": [[0, 1.0], list(range(len(Candle.__struct_fields__)))]}
    redaction.apply("HistoryLoaded", loaded)
    place = Candle.__struct_fields__.index("mark")
    assert loaded["candles"][0] == [0, 1.0]
    assert [n for n, value in enumerate(loaded["candles"][1]) if value is None] == [place]


def test_a_field_that_was_left_out_is_no_problem() -> None:
    event: dict[str, Any] = {"order_id": "x"}
    Redaction(["trigger"]).apply("OrderRequested", event)
    assert event == {"order_id": "x"}


@pytest.mark.parametrize("field", ["whoo", "seq", "OrderFilled.who", "OrderFilled", "", "plan.", "Nothing.fee"])
def test_a_field_that_no_event_has_is_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match="a field of some event"):
        Redaction([field])


def test_a_slip_gets_a_hint() -> None:
    with pytest.raises(InvalidInput, match="Did you mean margin"):
        Redaction(["plan.margn"])


@pytest.mark.parametrize("kind", EVENTS, ids=name_of)
def test_every_field_of_every_event_can_be_redacted(kind: Any) -> None:
    for path in paths_in(group_of(kind)):
        redaction = Redaction([".".join((name_of(kind), *path))])
        assert path not in set(paths_in(redaction.group(name_of(kind))))
        assert redaction.hides([".".join((name_of(kind), *path))])


def test_an_event_of_an_older_shape_is_not_redacted_by_guess() -> None:
    with pytest.raises(InvalidInput, match="LongGone"):
        Redaction(["who"]).apply("LongGone", {"who": "me"})
    Redaction().apply("LongGone", {"who": "me"})


# ── bundles ───────────────────────────────────────────────────────────────────────────────────────────────────────


def everything_said(bundle: Path) -> str:
    """Give all text of a bundle, that of its tables included."""
    tables = [str(pq.read_table(path).to_pylist()) for path in sorted(bundle.rglob("*.parquet"))]
    texts = [
        data.decode("utf-8", "replace") for name, data in contents(bundle).items() if not name.endswith(".parquet")
    ]
    return "\n".join(tables + texts)


def test_a_redacted_value_is_nowhere_in_the_bundle(desk: Desk) -> None:
    told = TradingHistory().start()
    told.record((STREAM, OperatorCommandAccepted(1, OperatorKind.HALT, "", "ada-7431")))
    told.request(plan_of(margin=Decimal("40.7431"), signal_id=told.signal()))
    full = everything_said(desk.make("full", told.events, csv=True))
    less = everything_said(desk.make("less", told.events, csv=True, redact=["who", "plan.margin"]))
    for secret in ("ada-7431", "40.7431"):
        assert secret in full
        assert secret not in less


def test_what_is_made_of_a_redacted_field_goes_with_it(desk: Desk) -> None:
    full = pq.read_schema(desk.make("full") / "orders.parquet").names
    less = pq.read_schema(desk.make("less", redact=["OrderFilled.price", "text"]) / "orders.parquet").names
    assert set(full) - set(less) == {"average_price", "text"}


def test_who_can_be_redacted_from_the_operators_actions(desk: Desk) -> None:
    bundle = desk.make(redact=["who"])
    assert "who" not in pq.read_schema(bundle / "operator_actions.parquet").names
    assert "kind" in pq.read_schema(bundle / "operator_actions.parquet").names


def test_a_manifest_does_not_tell_what_is_redacted(desk: Desk) -> None:
    said = manifest(desk.make(redact=["RunStarted.config", "venue", "condition", "unclean"]))
    assert [session["settings_sha256"] for session in said["sessions"]] == [None, None]
    assert [session["venue"] for session in said["sessions"]] == [None, None]
    gaps = said["gap_statement"]
    assert (gaps["downtime"], gaps["stale_feeds"], gaps["conditions"], gaps["clock_offset"]) == (None,) * 4


def test_a_redacted_bundle_has_a_root_of_its_own_and_states_the_full_one(desk: Desk) -> None:
    full, less = head(desk.make("full")), head(desk.make("less", redact=["who"]))
    assert less["full_merkle_root"] == full["merkle_root"] != less["merkle_root"]
    assert less["redacted"] == ["who"]
    assert "full_merkle_root" in less["statement"]
    assert "full_merkle_root" not in full


def test_a_redacted_bundle_verifies_and_says_what_is_missing(desk: Desk) -> None:
    bundle = desk.make(redact=["who", "OrderFilled.fee"])
    found = verifier_run(bundle / "verify.py", "--key", desk.key.fingerprint)
    assert found.returncode == 0
    assert "OrderFilled.fee, who redacted" in found.stdout


def test_the_order_in_which_fields_are_named_does_not_matter(desk: Desk) -> None:
    one = desk.make("one", redact=["who", "text", "who"])
    assert contents(one) == contents(desk.make("other", redact=["text", "who"]))


def test_a_redacted_bundle_grows_from_one_that_is_redacted_the_same_way(desk: Desk) -> None:
    older = desk.make("older", redact=["who"], until="seq:100")
    newer = desk.make("newer", redact=["who"], older=older)
    assert not findings(newer, older=older)
    assert "another history" in findings(newer, older=desk.make("full", until="seq:100"))[0].what
