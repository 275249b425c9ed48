"""Streams: what they push, on which route, how often, and that what closes a candle is pushed exactly once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.exchange.client import ConnectionRules, framed
from infra.exchange.connection import address_of, control
from infra.exchange.faults import Faults
from infra.exchange.stage import Rules
from infra.exchange.stream_names import StreamRoute, parse, pushes
from tests.infra.exchange.staging import Rig

MARKET, PUBLIC, PRIVATE, NONE = StreamRoute.MARKET, StreamRoute.PUBLIC, StreamRoute.PRIVATE, StreamRoute.NONE
NAMES = {
    "btcusdt@kline_1m": MARKET, "btcusdt_perpetual@continuousKline_5m": MARKET, "btcusdt@aggTrade": MARKET,
    "btcusdt@markPrice": MARKET, "btcusdt@markPrice@1s": MARKET, "!markPrice@arr": MARKET,
    "!markPrice@arr@1s": MARKET, "btcusdt@ticker": MARKET, "!ticker@arr": MARKET, "btcusdt@miniTicker": MARKET,
    "!miniTicker@arr": MARKET, "btcusdt@forceOrder": MARKET, "!forceOrder@arr": MARKET, "!contractInfo": MARKET,
    "!assetIndex@arr": MARKET, "btcusd@assetIndex": MARKET, "tradingSession": MARKET,
    "btcusdt@trade": PUBLIC, "btcusdt@bookTicker": PUBLIC, "!bookTicker": PUBLIC, "btcusdt@depth": PUBLIC,
    "btcusdt@depth@100ms": PUBLIC, "btcusdt@depth5": PUBLIC, "btcusdt@depth20@500ms": PUBLIC,
    "btcusdt@rpiDepth@500ms": PUBLIC,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_streams_push_on_their_own_route_only(name: str) -> None:
    stream = parse(name)
    assert stream is not None
    assert [route for route in (MARKET, PUBLIC, PRIVATE) if pushes(stream, route)] == [NAMES[name]]
    assert pushes(stream, NONE) == (NAMES[name] is PUBLIC)


@given(st.text(max_size=30))
def test_whatever_a_name_is_it_breaks_nothing(name: str) -> None:
    stream = parse(name)
    assert stream is None or stream.name == name


def test_a_stream_on_the_wrong_route_is_acknowledged_and_silent() -> None:
    rig = Rig()
    client, socket = rig.listen(PUBLIC)
    said = control(client, rig.stage.hub, b'{"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":1}')
    rig.pass_(5)
    assert said == b'{"result":null,"id":1}'
    assert socket.texts() == []
    _, unrouted = rig.listen(NONE, "btcusdt@kline_1m", "btcusdt@bookTicker", combined=True)
    rig.pass_(5)
    assert {text["stream"] for text in unrouted.texts()} == {"btcusdt@bookTicker"}


# ── candles ───────────────────────────────────────────────────────────────────────────────────────────────────────


def closes(frames: list[Any]) -> list[Any]:
    return [frame["k"] for frame in frames if frame["k"]["x"]]


@pytest.mark.parametrize("speed", [1.0, 60.0, 3_000.0])
def test_every_candle_is_closed_once_and_equals_what_rest_says(speed: float) -> None:
    rig = Rig(speed=speed)
    _, socket = rig.listen(MARKET, "ethusdt@kline_1m")
    rig.pass_(150 if speed == 1.0 else 10)
    closed = closes(socket.texts())
    assert len(closed) >= 2
    assert [k["t"] for k in closed] == [closed[0]["t"] + 60_000 * i for i in range(len(closed))]
    sent = {"symbol": "ETHUSDT", "interval": "1m", "startTime": closed[0]["t"], "endTime": closed[-1]["t"]}
    rows = rig.ask("GET", "/fapi/v1/klines", limit=1_500, **sent)[1]
    names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
    assert [[k[name] for name in names] for k in closed] == rows


@pytest.mark.parametrize("interval", ["3m", "5m", "1h"])
def test_longer_candles_close_as_rest_says_too(interval: str) -> None:
    rig = Rig(speed=1_200.0)
    _, socket = rig.listen(MARKET, f"btcusdt@kline_{interval}")
    rig.pass_(8)
    closed = closes(socket.texts())
    assert closed
    for k in closed:
        sent = {"symbol": "BTCUSDT", "interval": interval, "startTime": k["t"], "limit": 1}
        row = rig.ask("GET", "/fapi/v1/klines", **sent)[1][0]
        assert [k[n] for n in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")] == row[:11]


def test_a_candle_is_pushed_at_most_every_250_ms_and_only_when_it_changed() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "btcusdt@kline_1m")
    rig.pass_(20)
    frames = [k for k in (f["k"] for f in socket.texts()) if not k["x"]]
    assert 20 < len(frames) <= 80
    assert len({frame["n"] for frame in frames}) >= len(frames) - 1


def test_every_kline_stream_says_something_within_ten_seconds() -> None:
    rig = Rig()
    names = [f"{s.lower()}@kline_{i}" for s in rig.stage.market.symbols for i in ("1m", "5m", "15m", "1h")]
    _, socket = rig.listen(MARKET, *names, combined=True)
    rig.pass_(10)
    assert {frame["stream"] for frame in socket.texts()} == set(names)


def test_a_slow_reader_still_gets_every_close_and_only_the_newest_of_the_rest() -> None:
    rig = Rig(speed=60.0)
    _, socket = rig.listen(MARKET, *(f"{s.lower()}@kline_1m" for s in rig.stage.market.symbols), combined=True)
    socket.full = True
    rig.pass_(60)
    (client,) = rig.stage.hub.clients
    assert client.dropped_frames > 0
    socket.full = False
    rig.pass_(0.1)
    frames = [frame["data"] for frame in socket.texts()]
    for symbol in rig.stage.market.symbols:
        opened = [k["t"] for k in closes([f for f in frames if f["s"] == symbol])]
        assert opened == [opened[0] + 60_000 * i for i in range(len(opened))]
        assert len(opened) >= 59


def test_who_never_reads_is_disconnected() -> None:
    rig = Rig(speed=3_000.0)
    client, socket = rig.listen(MARKET, *(f"{s.lower()}@aggTrade" for s in rig.stage.market.symbols))
    socket.full = True
    for _ in range(200):
        rig.pass_(0.5)
        if client.closed.is_set():
            break
    assert client.close_code == 1008


# ── books ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", ["depth@100ms", "depth@500ms", "depth", "rpiDepth@500ms"])
def test_snapshot_and_changes_rebuild_the_book(stream: str) -> None:
    rig = Rig()
    _, socket = rig.listen(PUBLIC, f"btcusdt@{stream}")
    rig.pass_(1.3)
    snapshot = rig.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)[1]
    early = socket.texts()
    rig.pass_(5)
    book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
    events = [event for event in [*early, *socket.texts()] if event["u"] >= snapshot["lastUpdateId"]]
    assert events[0]["U"] <= snapshot["lastUpdateId"] + 1
    for before, event in zip([None, *events], events, strict=False):
        assert before is None or event["pu"] == before["u"]
        for side, levels in (("bids", event["b"]), ("asks", event["a"])):
            for price, quantity in levels:
                book[side].pop(price, None) if float(quantity) == 0.0 else book[side].__setitem__(price, quantity)
    while events[-1]["u"] != rig.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)[1]["lastUpdateId"]:
        rig.pass_(0.05)
        for event in socket.texts():
            events.append(event)
            for side, levels in (("bids", event["b"]), ("asks", event["a"])):
                for price, quantity in levels:
                    book[side].pop(price, None) if float(quantity) == 0.0 else book[side].__setitem__(price, quantity)
    now = rig.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)[1]
    assert {side: dict(now[side]) for side in ("bids", "asks")} == book


def test_best_prices_are_those_of_the_book() -> None:
    rig = Rig()
    _, socket = rig.listen(PUBLIC, "dogeusdt@bookTicker")
    rig.pass_(3)
    last = socket.texts()[-1]
    book = rig.ask("GET", "/fapi/v1/depth", symbol="DOGEUSDT", limit=5)[1]
    assert [last["b"], last["B"]] == book["bids"][0]
    assert [last["a"], last["A"]] == book["asks"][0]


# ── trades, marks, tickers ────────────────────────────────────────────────────────────────────────────────────────


def test_trades_are_pushed_once_each_and_in_order() -> None:
    rig = Rig(speed=30.0)
    _, socket = rig.listen(PUBLIC, "btcusdt@trade")
    rig.pass_(6)
    pushed = [frame["t"] for frame in socket.texts()]
    rest = rig.ask("GET", "/fapi/v1/trades", symbol="BTCUSDT", limit=1_000)[1]
    assert pushed == [row["id"] for row in rest if row["id"] >= pushed[0]]


def test_marks_come_every_second_or_every_three() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "btcusdt@markPrice", "btcusdt@markPrice@1s", "!markPrice@arr", combined=True)
    rig.pass_(30)
    names = [frame["stream"] for frame in socket.texts()]
    counted = names.count("btcusdt@markPrice"), names.count("btcusdt@markPrice@1s"), names.count("!markPrice@arr")
    assert counted == (10, 30, 10)


def test_tickers_agree_with_rest() -> None:
    rig = Rig()
    _, socket = rig.listen(MARKET, "!ticker@arr", "!miniTicker@arr", combined=True)
    rig.pass_(1)
    rows = {row["symbol"]: row for row in rig.ask("GET", "/fapi/v1/ticker/24hr")[1]}
    for frame in socket.texts():
        for ticker in frame["data"]:
            row = rows[ticker["s"]]
            assert [ticker[k] for k in "cohlvq"] == [
                row[k] for k in ("lastPrice", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume")
            ]


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_pings_come_every_three_minutes_and_ten_without_a_pong_end_it() -> None:
    rig = Rig()
    client, socket = rig.listen(MARKET)
    rig.pass_(185, step_s=1.0)
    assert [opcode for opcode, _ in socket.frames()] == [9]
    client.unanswered_s = None
    rig.pass_(770, step_s=1.0)
    assert not client.closed.is_set()
    rig.pass_(10, step_s=1.0)
    assert client.close_code == 1008


def test_a_connection_lives_for_a_day() -> None:
    rig = Rig(Rules(connections=ConnectionRules(life_s=100.0)))
    client, _ = rig.listen(MARKET)
    rig.pass_(98, step_s=1.0)
    assert not client.closed.is_set()
    rig.pass_(4, step_s=1.0)
    assert client.closed.is_set()


@pytest.mark.parametrize("request_id", ["7", '"3f2c-uuid"', str(2**53), str(2**63), "null"])
def test_ids_are_echoed_as_they_came(request_id: str) -> None:
    rig = Rig()
    client, _ = rig.listen(MARKET)
    text = f'{{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":{request_id},"extra":1}}'
    assert control(client, rig.stage.hub, text) == f'{{"result":null,"id":{request_id}}}'.encode()


def test_subscriptions_are_listed_and_properties_set() -> None:
    rig = Rig()
    client, socket = rig.listen(MARKET, "btcusdt@aggTrade", "btcusdt@kline_1m")
    hub = rig.stage.hub
    control(client, hub, '{"method":"UNSUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}')
    assert control(client, hub, '{"method":"LIST_SUBSCRIPTIONS","id":2}') == b'{"result":["btcusdt@kline_1m"],"id":2}'
    control(client, hub, '{"method":"SET_PROPERTY","params":["combined",true],"id":3}')
    assert control(client, hub, '{"method":"GET_PROPERTY","params":["combined"],"id":4}') == b'{"result":true,"id":4}'
    rig.pass_(3)
    assert {frame["stream"] for frame in socket.texts()} == {"btcusdt@kline_1m"}


@pytest.mark.parametrize("request_id", ["-5", "1.5", "true", "[1]", "{}"])
def test_ids_that_are_none_are_refused(request_id: str) -> None:
    client, _ = (rig := Rig()).listen(MARKET)
    said = control(client, rig.stage.hub, f'{{"method":"LIST_SUBSCRIPTIONS","id":{request_id}}}')
    assert msgspec.json.decode(said)["code"] == 2


@pytest.mark.parametrize(
    ("method", "params", "code", "text"),
    [
        (None, [], 2, "Invalid request: missing field `method`"),
        ("SUBSCRIBE", None, 2, "Invalid request: missing field `params`"),
        ("SUBSCRIBE", ["btcusdt@trade", "not a stream"], 2, "Invalid request: invalid stream"),
        ("SUBSCRIBE", [""], 2, "Invalid request: invalid stream"),
        ("SUBSCRIBE", [5], 2, "Invalid request: params must be strings"),
        ("SET_PROPERTY", [], 2, "Invalid request: property name must be a string"),
        ("SET_PROPERTY", ["combined", True, 1], 2, "Invalid request: too many parameters"),
        ("GET_PROPERTY", ["combined", True], 2, "Invalid request: too many parameters"),
        ("SET_PROPERTY", ["combined", "yes"], 1, "Invalid value type: expected Boolean"),
        ("GET_PROPERTY", ["colour"], 0, "Unknown property"),
    ],
)
def test_what_is_wrong_is_said_in_the_documented_words(method: Any, params: Any, code: int, text: str) -> None:
    client, _ = (rig := Rig()).listen(MARKET)
    wish = {"method": method, "params": params, "id": 9}
    said = control(client, rig.stage.hub, msgspec.json.encode({k: v for k, v in wish.items() if v is not None}))
    assert msgspec.json.decode(said) == {"error": {"code": code, "msg": text}, "id": 9}
    assert client.streams == {}


def test_an_unknown_method_is_told_of_those_that_there_are() -> None:
    client, _ = (rig := Rig()).listen(MARKET)
    said = msgspec.json.decode(control(client, rig.stage.hub, '{"method":"LISTEN","id":9}'))
    assert said["error"]["msg"] == (
        "Invalid request: unknown variant `LISTEN`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`,"
        " `SET_PROPERTY`, `GET_PROPERTY`"
    )


@pytest.mark.parametrize("text", ["", "[]", "[" * 2_000, "no", '{"method":"NOPE"}', '{"method":"SUBSCRIBE","id":1}'])
def test_what_can_not_be_obeyed_is_answered_with_an_error(text: str) -> None:
    rig = Rig()
    client, _ = rig.listen(MARKET)
    assert b'"code":' in control(client, rig.stage.hub, text)


def test_a_connection_has_at_most_1024_streams() -> None:
    rig = Rig()
    client, _ = rig.listen(MARKET)
    listed = ",".join(f'"s{i}usdt@aggTrade"' for i in range(1_025))
    assert b"1024" in control(client, rig.stage.hub, f'{{"method":"SUBSCRIBE","params":[{listed}],"id":1}}')
    assert not client.streams


@pytest.mark.parametrize(
    ("path", "query", "route", "combined", "streams"),
    [
        ("/ws", "", NONE, False, ()),
        ("/ws/btcusdt@depth/ethusdt@depth", "", NONE, False, ("btcusdt@depth", "ethusdt@depth")),
        ("/market/ws/3", "", MARKET, False, ()),
        ("/market/stream", "streams=a@kline_1m/b@kline_1m", MARKET, True, ("a@kline_1m", "b@kline_1m")),
        ("/private/ws", "listenKey=K", PRIVATE, False, ("K",)),
        ("/private/stream", "listenKey=K&events=A/B&listenKey=L", PRIVATE, True, ("K", "L")),
        ("/public/ws/%21bookTicker", "", PUBLIC, False, ("!bookTicker",)),
    ],
)
def test_addresses_name_route_and_streams(path: str, query: str, route: StreamRoute, combined: bool,
                                          streams: tuple[str, ...]) -> None:  # fmt: skip
    address = address_of(path, query)
    assert address is not None
    assert (address.route, address.combined, address.streams) == (route, combined, streams)


def test_other_paths_are_no_addresses() -> None:
    assert address_of("/fapi/v1/ping", "") is None
    assert address_of("/market", "") is None


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_have_the_header_of_their_length(length: int) -> None:
    raw = framed(b"x" * length)
    assert raw.endswith(b"x" * length)
    assert len(raw) - length == (2 if length < 126 else 4 if length < 65_536 else 10)


# ── frames that go wrong ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "faults", [Faults(frames_doubled=0.3), Faults(frames_swapped=0.3), Faults(frames_late=0.3, late_ms=400)]
)
def test_frames_may_come_twice_late_or_swapped_but_none_is_lost(faults: Faults) -> None:
    rig, quiet = Rig(Rules(faults=faults), speed=30.0), Rig(speed=30.0)
    ids: list[list[int]] = []
    for one in (rig, quiet):
        _, socket = one.listen(PUBLIC, "btcusdt@trade")
        one.pass_(20)
        one.stage.misbehave(Faults())
        one.pass_(2)
        ids.append([frame["t"] for frame in socket.texts()])
    assert set(ids[0]) == set(ids[1])
    assert ids[0] != ids[1]
    assert sum(rig.stage.faults.counts.values()) > 0


def test_a_frame_may_break_off_and_the_connection_with_it() -> None:
    rig = Rig(Rules(faults=Faults(frames_cut=0.2)))
    client, socket = rig.listen(PUBLIC, "btcusdt@bookTicker")
    rig.pass_(20)
    assert client.closed.is_set()
    assert client.close_code == 0
    whole = sum(len(framed(payload)) for _, payload in socket.frames())
    assert whole < len(socket.raw)


def test_a_market_that_was_held_up_closes_every_candle_all_the_same() -> None:
    rig = Rig(speed=600.0)
    _, socket = rig.listen(MARKET, "ethusdt@kline_1m", "ethusdt@kline_5m", combined=True)
    rig.pass_(30, step_s=30.0)  # five hours in one step
    frames = [frame["data"]["k"] for frame in socket.texts()]
    for interval, length_ms in (("1m", 60_000), ("5m", 300_000)):
        opened = [k["t"] for k in frames if k["x"] and k["i"] == interval]
        assert opened == list(range(opened[0], opened[0] + len(opened) * length_ms, length_ms))
        assert len(opened) * length_ms >= 5 * 3_600_000 - length_ms


def test_days_are_read_before_somebody_asks_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.pass_(0.05 * len(rig.stage.market.symbols))

    def late(_row: int, _first: int, _end: int) -> None:
        pytest.fail("a day was read while somebody waits")

    monkeypatch.setattr(rig.stage.market._minutes, "shared", late)
    assert rig.ask("GET", "/fapi/v1/ticker/24hr")[0] == 200


def test_a_market_without_clients_has_liquidations_that_are_trades_of_it() -> None:
    rig = Rig(speed=600.0)
    _, socket = rig.listen(MARKET, "!forceOrder@arr")
    _, tape = rig.listen(PUBLIC, "ethusdt@trade")
    rig.pass_(4)
    orders = [frame["o"] for frame in socket.texts()]
    told = {(t["T"], t["p"], t["q"], "SELL" if t["m"] else "BUY") for t in tape.texts()}
    own = [(o["T"], o["p"], o["q"], o["S"]) for o in orders if o["s"] == "ETHUSDT"]
    assert 1 <= len(own) <= 30
    assert set(own) <= told
