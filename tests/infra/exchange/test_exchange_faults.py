"""Faults: drawn from a seed, asked for by name, read from a file."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from infra.exchange.admin import Admin
from infra.exchange.client import FRAMES_MAX
from infra.exchange.door import Asked
from infra.exchange.faults import FaultBox, Faults, Latency, Once, RestFault, read_faults
from infra.exchange.stage import Rules
from infra.exchange.stream_names import StreamRoute
from tests.infra.exchange.staging import START_MS, Rig

ORDER = "/fapi/v1/order"


def test_the_same_seed_gives_the_same_faults() -> None:
    faults = Faults(seed=7, server_errors=0.1, lost_answers=0.1, latency=Latency(median_ms=100, spread=0.5, slow=0.1))
    drawn = [
        [(box.latency_s(), box.rest("GET", ORDER)) for _ in range(200)] for box in (FaultBox(faults), FaultBox(faults))
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != [(FaultBox(Faults(seed=8)).latency_s(), None)] * 200


def test_faults_come_as_often_as_they_should_and_only_where_they_should() -> None:
    box = FaultBox(Faults(server_errors=0.2, paths=("/fapi/v1/order",)))
    counted = Counter(box.rest("POST", ORDER) for _ in range(5_000))
    assert 0.17 < counted[RestFault.SERVER_ERROR] / 5_000 < 0.23
    assert {box.rest("GET", "/fapi/v1/ping") for _ in range(100)} == {None}


def test_a_fault_by_name_happens_so_many_times_and_first() -> None:
    box = FaultBox(Faults(next=(Once(RestFault.LOST_ANSWER, ORDER, "POST", 2),)))
    assert box.rest("GET", ORDER) is None
    assert [box.rest("POST", ORDER) for _ in range(3)] == [RestFault.LOST_ANSWER, RestFault.LOST_ANSWER, None]


def test_latencies_have_their_median() -> None:
    box = FaultBox(Faults(latency=Latency(median_ms=100, spread=0.4)))
    drawn = sorted(box.latency_s() for _ in range(2_001))
    assert 0.09 < drawn[1_000] < 0.11
    assert drawn[-1] > 0.2


def test_files_are_toml_or_json_and_their_mistakes_are_named(tmp_path: Path) -> None:
    toml, json, bad = tmp_path / "f.toml", tmp_path / "f.json", tmp_path / "bad.json"
    toml.write_text("lost_answers = 0.5\n[latency]\nmedian_ms = 40.0\n")
    json.write_text('{"lost_answers": 0.5, "latency": {"median_ms": 40}}')
    assert read_faults(toml) == read_faults(json) == Faults(lost_answers=0.5, latency=Latency(median_ms=40))
    for text in ('{"lost_anwsers": 1}', '{"lost_answers": 7}', "{"):
        bad.write_text(text)
        with pytest.raises(InvalidInput, match=str(bad)):
            read_faults(bad)
    with pytest.raises(InvalidInput, match="--faults"):
        read_faults(tmp_path / "none.toml")


def test_connections_drop_fall_silent_and_lose_their_keys_at_a_rate() -> None:
    rig = Rig(Rules(faults=Faults(drops_a_minute=6.0)))
    dropped = [rig.listen(StreamRoute.MARKET)[0] for _ in range(20)]
    rig.pass_(60, step_s=1.0)
    assert sum(client.closed.is_set() for client in dropped) > 15
    rig = Rig(Rules(faults=Faults(silences_a_minute=60.0)))
    client, socket = rig.listen(StreamRoute.PUBLIC, "btcusdt@bookTicker")
    rig.pass_(20)
    before = len(socket.raw)
    rig.pass_(20)
    assert client.silent
    assert not client.closed.is_set()
    assert len(socket.raw) == before
    rig = Rig(Rules(faults=Faults(listen_keys_lost_a_minute=60.0)))
    key = rig.ask("POST", "/fapi/v1/listenKey", key=rig.key.key)[1]["listenKey"]
    _, socket = rig.listen(StreamRoute.PRIVATE, key)
    rig.pass_(30, step_s=1.0)
    assert [text["e"] for text in socket.texts()] == ["listenKeyExpired"]


def test_a_drifting_clock_tells_and_checks_another_time() -> None:
    rig = Rig(Rules(faults=Faults(clock_drift_ms=60_000)))
    assert rig.ask("GET", "/fapi/v1/time")[1]["serverTime"] == rig.stage.clock.now_ms() + 60_000
    assert rig.signed("GET", "/fapi/v3/balance")[1]["code"] == -1021


def admin(rig: Rig, method: str, name: str, body: bytes = b"") -> tuple[int, object]:
    asked = Asked(method, f"/admin/{name}", "", body, "", None, "127.0.0.1")
    answer = asyncio.run(Admin(rig.stage).answer(asked))
    return answer.status, answer.body


def test_the_admin_doors_answer_and_refuse_with_a_sentence() -> None:
    rig = Rig()
    account = b'{"account":"account-1"}'
    client, _ = rig.listen(StreamRoute.MARKET)
    assert admin(rig, "GET", "state")[0] == 200
    assert admin(rig, "POST", "faults", b'{"maintenance":true}')[0] == 200
    assert client.closed.is_set()
    assert admin(rig, "POST", "clock", b'{"speed":60,"advance_ms":1000}')[0] == 200
    assert rig.stage.clock.speed == 60
    assert admin(rig, "POST", "keys", b'{"account":"b","key":"' + b"c" * 64 + b'","secret":"s"}')[0] == 200
    assert admin(rig, "POST", "deposit", b'{"account":"b","amount":"12.5"}')[0] == 200
    assert rig.stage.exchange.account("b").wallet == 12.5
    assert admin(rig, "POST", "listen-keys/expire", account)[0] == 200
    assert admin(rig, "POST", "connections/drop", b'{"silent":true}')[0] == 200
    assert admin(rig, "POST", "limits", b'{"enforced":false,"pardon":true}')[0] == 200
    assert admin(rig, "GET", "nope")[0] == 404
    for name, body in (("faults", b'{"lost_answers":2}'), ("clock", b'{"advance_ms":-1}'), ("clock", b"{"),
                       ("clock", b'{"speed":0}'), ("keys", b'{"account":"b","key":"k"}'),
                       ("keys", b'{"account":"b","key":"k","secret":"s","permissions":["read"]}'),
                       ("deposit", b'{"account":"z","amount":"1"}')):  # fmt: skip
        status, said = admin(rig, "POST", name, body)
        assert status == 400, name
        assert "error" in said  # type: ignore[operator]


def test_a_leap_disconnects_nobody_and_leaves_no_candle_out() -> None:
    rig = Rig()
    streams = [f"{s.lower()}@{what}" for s in rig.stage.market.symbols for what in ("aggTrade", "kline_1m")]
    client, socket = rig.listen(StreamRoute.MARKET, *streams, combined=True)
    leap_ms = 2 * 3_600_000
    assert admin(rig, "POST", "clock", b'{"advance_ms":%d}' % leap_ms)[0] == 200
    assert not client.closed.is_set()
    assert rig.stage.board.now_ms >= START_MS + leap_ms
    frames = [text["data"] for text in socket.texts()]
    assert sum(frame["e"] == "aggTrade" for frame in frames) > FRAMES_MAX
    for symbol in rig.stage.market.symbols:
        closed = [f["k"]["t"] for f in frames if f["e"] == "kline" and f["s"] == symbol and f["k"]["x"]]
        assert closed == [closed[0] + 60_000 * i for i in range(leap_ms // 60_000)]
