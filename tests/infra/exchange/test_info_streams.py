"""Streams about the exchange itself, beside the documented payloads."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from infra.exchange.admin import Admin
from infra.exchange.door import Asked
from infra.exchange.sessions import Session, schedule, session_at
from infra.exchange.stream_names import StreamRoute
from tests.infra.exchange.staging import START_MS, SYMBOLS, Rig
from tests.infra.exchange.test_documented_shapes import compare, documented

MARKET = StreamRoute.MARKET
HOUR_MS = 3_600_000


def keys(payload: Any) -> list[str]:
    return list(payload)


# ── contracts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def relist(rig: Rig, body: bytes) -> int:
    asked = Asked("POST", "/admin/contracts", "", body, "", None, "127.0.0.1")
    return asyncio.run(Admin(rig.stage).answer(asked)).status


def test_a_contract_that_changes_is_told_of_with_brackets_only_if_they_are_new() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "!contractInfo")
    rig.pass_(1)
    assert socket.texts() == []
    assert relist(rig, b'{"symbol":"ETHUSDT","status":"SETTLING"}') == 200
    rig.pass_(0.05)
    (settling,) = socket.texts()
    assert (settling["s"], settling["cs"], settling["st"]) == ("ETHUSDT", "SETTLING", 1)
    assert "bks" not in settling
    assert relist(rig, b'{"symbol":"BTCUSDT","leverage_max":20}') == 200
    rig.pass_(0.05)
    (lowered,) = socket.texts()
    example = documented("binance.net/ws/SymbolUpdates.json")["data"]
    assert keys(lowered) == [*keys(example), "st"]
    assert keys(lowered["bks"][0]) == keys(example["bks"][0])
    compare(lowered, example)
    assert lowered["cs"] == "TRADING"
    assert max(bracket["ma"] for bracket in lowered["bks"]) == 20
    assert all(bracket["mi"] <= bracket["ma"] for bracket in lowered["bks"])
    rig.pass_(1)
    assert socket.texts() == []


def test_what_is_listed_otherwise_is_so_everywhere() -> None:
    rig = Rig()
    relist(rig, b'{"symbol":"ETHUSDT","status":"SETTLING","leverage_max":10}')
    symbols = {one["symbol"]: one["status"] for one in rig.ask("GET", "/fapi/v1/exchangeInfo")[1]["symbols"]}
    assert symbols == {**dict.fromkeys(SYMBOLS, "TRADING"), "ETHUSDT": "SETTLING"}
    (ladder,) = rig.signed("GET", "/fapi/v1/leverageBracket", symbol="ETHUSDT")[1]
    assert max(bracket["initialLeverage"] for bracket in ladder["brackets"]) == 10
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    assert rig.signed("POST", "/fapi/v1/order", **order)[0] == 400
    assert rig.signed("POST", "/fapi/v1/leverage", symbol="ETHUSDT", leverage=20)[1]["code"] == -4028


@pytest.mark.parametrize(
    "body", [b'{"symbol":"NONEUSDT","status":"CLOSE"}', b'{"symbol":"BTCUSDT","status":"SOLD"}', b'{"status":"CLOSE"}',
             b'{"symbol":"BTCUSDT","leverage_max":0}']
)  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused(body: bytes) -> None:
    rig = Rig()
    assert relist(rig, body) == 400
    assert rig.stage.room.changed == 0


def test_a_contract_that_comes_to_the_market_is_told_of_with_its_brackets() -> None:
    rig = Rig(symbols=("BTCUSDT",))
    market = rig.stage.market
    market.relist(replace(market.listings[0], onboard_ms=START_MS + 2_000))
    _, socket = rig.listen(MARKET, "!contractInfo")
    rig.pass_(1.9)
    assert socket.texts() == []
    rig.pass_(0.2)
    (listed,) = socket.texts()
    assert (listed["s"], listed["ot"]) == ("BTCUSDT", START_MS + 2_000)
    assert listed["bks"]


# ── assets ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_asset_indices_are_pushed_every_second_as_rest_tells_them() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "!assetIndex@arr")
    _, single = rig.listen(MARKET, "btcusd@assetIndex")
    _, unknown = rig.listen(MARKET, "gold@assetIndex")
    rig.pass_(3)
    pushed = socket.texts()
    assert len(pushed) == 3
    example = documented("binance.net/ws/AssetIndex.json")["data"]
    assert keys(pushed[0][0]) == keys(example[0])
    compare(pushed, [example])
    alone = single.texts()
    assert [event["s"] for event in alone] == ["BTCUSD"] * 3
    assert unknown.texts() == []
    rows = rig.ask("GET", "/fapi/v1/assetIndex")[1]
    assert [row["symbol"] for row in rows] == ["USDTUSD", "BTCUSD", "ETHUSD", "USDCUSD"]  # BNB has no contract here
    compare(rows, documented("binance-docs/rest/market-data__rest-api__Multi-Assets-Mode-Asset-Index_1.json"))
    by_name = {event["s"]: event for event in pushed[-1]}
    index = float(by_name["BTCUSD"]["i"])
    assert index == pytest.approx(float(rig.ask("GET", "/fapi/v1/premiumIndex", symbol="BTCUSDT")[1]["indexPrice"]))
    assert float(by_name["BTCUSD"]["B"]) == pytest.approx(index * 0.95)
    assert rig.ask("GET", "/fapi/v1/assetIndex", symbol="BTCUSD")[1]["symbol"] == "BTCUSD"
    assert rig.ask("GET", "/fapi/v1/assetIndex", symbol="BNBUSD")[1]["code"] == -1121


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_documented_sessions_are_ours() -> None:
    event = documented("binance-docs/ws/websocket-market-streams__Trading-Session-Stream.json")
    assert session_at(event["E"]) == Session(event["t"], event["T"], event["S"])
    example = documented("binance-docs/rest/market-data__rest-api__Trading-Schedule.json")
    for session in example["marketSchedules"]["EQUITY"]["sessions"]:
        assert Session(session["startTime"], session["endTime"], session["type"]) in schedule(example["updateTime"])


@pytest.mark.parametrize("now_ms", [START_MS + day * 24 * HOUR_MS + 7 for day in range(0, 400, 3)])
def test_sessions_follow_each_other_without_a_hole(now_ms: int) -> None:
    week = schedule(now_ms)
    assert all(before.end_ms == after.start_ms for before, after in pairwise(week))
    assert {one.kind for one in week} == {"OVERNIGHT", "PRE_MARKET", "REGULAR", "AFTER_MARKET", "NO_TRADING"}
    assert session_at(now_ms) in week
    assert max(one.end_ms - one.start_ms for one in week) in {47 * HOUR_MS, 48 * HOUR_MS, 49 * HOUR_MS}


def test_the_session_is_pushed_every_second_and_rest_tells_the_same() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "tradingSession")
    rig.pass_(2)
    first, second = socket.texts()
    assert keys(first) == keys(documented("binance-docs/ws/websocket-market-streams__Trading-Session-Stream.json"))
    assert first["E"] + 1_000 == second["E"]
    told = rig.ask("GET", "/fapi/v1/tradingSchedule")[1]["marketSchedules"]["EQUITY"]["sessions"]
    assert {"startTime": first["t"], "endTime": first["T"], "type": first["S"]} in told


def test_the_insurance_fund_is_told_as_groups_or_of_one_contract() -> None:
    rig = Rig()
    (group,) = rig.ask("GET", "/fapi/v1/insuranceBalance")[1]
    assert group["symbols"] == list(SYMBOLS)
    assert rig.ask("GET", "/fapi/v1/insuranceBalance", symbol="BTCUSDT")[1] == group
    assert rig.ask("GET", "/fapi/v1/insuranceBalance", symbol="NONEUSDT")[1]["code"] == -1121


# ── composite indices ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("symbols", [SYMBOLS, ("BTCUSDT", "LINKUSDT", "UNIUSDT", "AAVEUSDT")])
def test_a_composite_index_is_worth_what_its_parts_are(symbols: tuple[str, ...]) -> None:
    rig = Rig(symbols=symbols)
    _, socket = rig.listen(MARKET, "defiusdt@compositeIndex")
    rig.pass_(2.2)
    first, *_ = said = socket.texts()
    assert len(said) == 2
    example = documented("binance-docs/ws/websocket-market-streams__Composite-Index-Symbol-Information-Streams.json")
    compare(first, example)
    assert keys(first) == keys(example)
    assert keys(first["c"][0]) == keys(example["c"][0])
    assert float(first["p"]) == pytest.approx(sum(float(part["w"]) * float(part["i"]) for part in first["c"]))
    assert sum(float(part["W"]) for part in first["c"]) == pytest.approx(1.0)
    (row,) = rig.ask("GET", "/fapi/v1/indexInfo")[1]
    compare([row], documented("binance-docs/rest/market-data__rest-api__Composite-Index-Symbol-Information.json"))
    assert [part["baseAsset"] for part in row["baseAssetList"]] == [part["b"] for part in first["c"]]
    assert rig.ask("GET", "/fapi/v1/indexInfo", symbol="DEFIUSDT")[1] == [row]
    assert rig.ask("GET", "/fapi/v1/indexInfo", symbol="BTCUSDT")[1]["code"] == -1121


def test_a_contract_is_no_composite_index() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "btcusdt@compositeIndex")
    rig.pass_(2.2)
    assert socket.texts() == []
