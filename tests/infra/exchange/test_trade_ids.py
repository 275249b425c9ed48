"""Trade ids: one sequence a contract without gaps, in streams, in REST, in candles, and for clients' own trades."""

from __future__ import annotations

from typing import Any

import pytest

from infra.exchange.stage import Rules
from infra.exchange.stream_names import StreamRoute
from tests.infra.exchange.staging import START_MS, Rig

SYMBOL = "ETHUSDT"
MINUTE_MS = 60_000


def get(rig: Rig, path: str, **sent: object) -> Any:
    status, body = rig.ask("GET", path, symbol=SYMBOL, key=rig.key.key, **sent)
    assert status == 200, body
    return body


def without_gaps(ids: list[int]) -> bool:
    return len(ids) > 100 and ids == list(range(ids[0], ids[0] + len(ids)))


def buy(rig: Rig, quantity: str = "0.5", side: str = "BUY") -> None:
    sent = {"symbol": SYMBOL, "side": side, "type": "MARKET", "quantity": quantity}
    assert rig.signed("POST", "/fapi/v1/order", **sent)[0] == 200


@pytest.mark.parametrize("interval", ["1m", "15m", "1h", "1d", "1w", "1M"])
def test_the_ids_of_a_candle_are_as_many_as_its_trades(interval: str) -> None:
    rig = Rig(speed=60.0)
    _, socket = rig.listen(StreamRoute.MARKET, f"ethusdt@kline_{interval}")
    rig.pass_(3)
    candles = [frame["k"] for frame in socket.texts()]
    assert len(candles) >= 3
    assert all(k["n"] == k["L"] - k["f"] + 1 for k in candles)


def test_candles_that_follow_each_other_go_on_with_the_ids() -> None:
    rig = Rig(speed=600.0)
    _, socket = rig.listen(StreamRoute.MARKET, "ethusdt@kline_1m")
    rig.pass_(2)
    closed = [frame["k"] for frame in socket.texts() if frame["k"]["x"]]
    assert len(closed) > 10
    assert [k["f"] for k in closed[1:]] == [k["L"] + 1 for k in closed[:-1]]


@pytest.mark.parametrize("trading", [False, True])
def test_trades_and_aggregates_have_no_gaps_in_streams_and_in_rest(trading: bool) -> None:
    rig = Rig(Rules(limits=False), speed=60.0)
    _, market = rig.listen(StreamRoute.MARKET, "ethusdt@aggTrade")
    _, public = rig.listen(StreamRoute.PUBLIC, "ethusdt@trade")
    for turn in range(60):
        rig.pass_(0.1)
        if trading and turn % 3 == 0:
            buy(rig, side="BUY" if turn % 2 else "SELL")
    trades, aggregates = public.texts(), market.texts()
    assert without_gaps([frame["t"] for frame in trades])
    assert without_gaps([frame["a"] for frame in aggregates])
    assert [frame["f"] for frame in aggregates[1:]] == [frame["l"] + 1 for frame in aggregates[:-1]]
    rest = get(rig, "/fapi/v1/aggTrades", fromId=aggregates[3]["a"], limit=400)
    names = ("a", "p", "q", "f", "l", "T", "m")
    assert [{n: frame[n] for n in names} for frame in aggregates[3:403]] == [{n: r[n] for n in names} for r in rest]
    latest = get(rig, "/fapi/v1/trades", limit=1_000)
    assert without_gaps([row["id"] for row in latest])
    assert latest[-1]["id"] == trades[-1]["t"] == get(rig, "/fapi/v1/ticker/24hr")["lastId"]


def test_a_clients_trades_have_the_ids_that_everybody_sees() -> None:
    rig = Rig(Rules(limits=False), speed=60.0)
    sent = {"symbol": SYMBOL, "side": "BUY", "type": "STOP_MARKET", "algoType": "CONDITIONAL", "quantity": "0.1"}
    _, public = rig.listen(StreamRoute.PUBLIC, "ethusdt@trade")
    for turn in range(40):
        price = float(get(rig, "/fapi/v1/ticker/price")["price"])
        rig.signed("POST", "/fapi/v1/algoOrder", **sent, triggerPrice=f"{price * 1.0005:.2f}")
        buy(rig, "0.3", "SELL" if turn % 2 else "BUY")
        rig.pass_(0.25)
    own = rig.signed("GET", "/fapi/v1/userTrades", symbol=SYMBOL, limit=1_000)[1]
    seen = {frame["t"]: frame for frame in public.texts()}
    assert without_gaps(list(seen))
    assert len(own) > 40
    for row in own:
        shown = seen[row["id"]]
        assert (shown["p"], shown["m"]) == (row["price"], row["buyer"] == row["maker"])
        assert float(shown["q"]) >= float(row["qty"])


def test_history_goes_on_from_an_id_over_the_minutes() -> None:
    rig = Rig(Rules(limits=False))
    rig.pass_(0.1)
    first = get(rig, "/fapi/v1/aggTrades", startTime=START_MS - 30 * 3_600_000, limit=10)[0]["a"]
    ids: list[int] = []
    for _ in range(3):
        rows = get(rig, "/fapi/v1/aggTrades", fromId=ids[-1] + 1 if ids else first, limit=1_000)
        assert len(rows) == 1_000
        ids += [row["a"] for row in rows]
    assert ids[0] == first
    assert without_gaps(ids)
    old = get(rig, "/fapi/v1/historicalTrades", fromId=first, limit=500)
    assert old[0]["id"] == first
    assert without_gaps([row["id"] for row in old])
