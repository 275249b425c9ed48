"""Clients' own trades are in every candle and ticker, as they are in the streams of trades."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from infra.exchange.client_trades import CLIENT_TRADES_KEPT, ClientTrades, Trade
from infra.exchange.stage import Rules
from infra.exchange.stream_names import StreamRoute
from tests.infra.exchange.staging import START_MS, Rig

SYMBOL = "ETHUSDT"
MINUTE_MS = 60_000


def busy(seconds: float, *streams: str, speed: float = 60.0) -> tuple[Rig, list[Any], list[Any]]:
    """Let a client buy and sell for a while; give the candles pushed, and all trades told since the begin."""
    rig = Rig(Rules(limits=False), speed=speed)
    _, market = rig.listen(StreamRoute.MARKET, *streams)
    _, public = rig.listen(StreamRoute.PUBLIC, "ethusdt@trade")
    for turn in range(round(seconds / 0.25)):
        side, quantity = ("BUY", "3") if turn % 3 else ("SELL", "5")
        assert (
            rig.signed("POST", "/fapi/v1/order", symbol=SYMBOL, side=side, type="MARKET", quantity=quantity)[0] == 200
        )
        rig.pass_(0.25)
    return rig, market.texts(), public.texts()


def folded(trades: list[Any]) -> dict[str, float]:
    """Fold trades to what a candle says of them."""
    prices = [float(t["p"]) for t in trades]
    sizes = [float(t["q"]) for t in trades]
    bought = [float(t["q"]) for t in trades if not t["m"]]
    return {"o": prices[0], "h": max(prices), "l": min(prices), "c": prices[-1], "n": len(trades),
            "v": sum(sizes), "V": sum(bought), "q": sum(p * s for p, s in zip(prices, sizes, strict=True))}  # fmt: skip


@pytest.mark.parametrize("interval", ["1m", "3m"])
def test_a_closed_candle_is_the_fold_of_all_trades_told(interval: str) -> None:
    rig, frames, trades = busy(10, f"ethusdt@kline_{interval}")
    closed = [frame["k"] for frame in frames if frame["k"]["x"]][1:]
    assert len(closed) >= 2
    for k in closed:
        expected = folded([t for t in trades if k["t"] <= t["T"] <= k["T"]])
        found = {name: float(k[name]) for name in expected}
        assert found == pytest.approx(expected, rel=1e-3)
        assert {name: found[name] for name in "ohlcn"} == {name: expected[name] for name in "ohlcn"}
        assert k["n"] == k["L"] - k["f"] + 1
    sent = {"symbol": SYMBOL, "interval": interval, "startTime": closed[0]["t"], "endTime": closed[-1]["t"]}
    names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
    assert rig.ask("GET", "/fapi/v1/klines", **sent)[1] == [[k[name] for name in names] for k in closed]


def test_the_running_candle_grows_with_clients_trades_too() -> None:
    rig, frames, _ = busy(3, "ethusdt@kline_15m", "ethusdt_perpetual@continuousKline_15m", speed=1.0)
    running = [frame["k"] for frame in frames if frame["e"] == "kline"]
    assert all(before["n"] < after["n"] for before, after in pairwise(running))
    assert all(f["k"]["n"] == f["k"]["L"] - f["k"]["f"] + 1 for f in frames)
    assert {f["e"] for f in frames} == {"kline", "continuous_kline"}
    newest = rig.ask("GET", "/fapi/v1/klines", symbol=SYMBOL, interval="15m", limit=1)[1][0]
    own = rig.signed("GET", "/fapi/v1/userTrades", symbol=SYMBOL)[1]
    assert newest[8] > len(own) >= 12
    (untouched,) = Rig().ask("GET", "/fapi/v1/klines", symbol=SYMBOL, interval="15m", limit=1)[1]
    assert float(newest[5]) - float(untouched[5]) > sum(float(row["qty"]) for row in own)


def test_who_listens_later_sees_the_same_candle() -> None:
    rig, _, _ = busy(6)
    _, late = rig.listen(StreamRoute.MARKET, "ethusdt@kline_15m")
    rig.pass_(0.5)
    pushed = late.texts()[-1]["k"]
    row = rig.ask("GET", "/fapi/v1/klines", symbol=SYMBOL, interval="15m", limit=1)[1][0]
    names = ("t", "o", "h", "l", "c", "v", "T", "q", "n")
    assert [pushed[name] for name in names] == row[:9]


def test_the_day_and_the_last_price_count_them_too() -> None:
    rig, _, trades = busy(3, speed=1.0)
    quiet = Rig()
    quiet.pass_(3)
    day, without = (each.ask("GET", "/fapi/v1/ticker/24hr", symbol=SYMBOL)[1] for each in (rig, quiet))
    own = rig.signed("GET", "/fapi/v1/userTrades", symbol=SYMBOL)[1]
    sold = sum(float(row["qty"]) for row in own)
    assert float(day["volume"]) == pytest.approx(float(without["volume"]) + sold)
    assert day["count"] == without["count"] + len(own)
    assert (day["lastPrice"], day["lastQty"], day["lastId"]) == (trades[-1]["p"], trades[-1]["q"], trades[-1]["t"])
    assert rig.ask("GET", "/fapi/v2/ticker/price", symbol=SYMBOL)[1]["price"] == trades[-1]["p"]


def test_candles_of_minutes_outlive_the_trades_that_they_are_made_of() -> None:
    clients = ClientTrades(1.0)
    for number in range(3 * CLIENT_TRADES_KEPT):
        clients.add(Trade(number, number, number, START_MS + number, 100 + number % 7, 2, number % 2 == 0))
    assert len(clients.trades) <= 2 * CLIENT_TRADES_KEPT
    told = clients.told(START_MS - MINUTE_MS, START_MS + 10 * MINUTE_MS)
    assert told is not None
    assert (told.bar.trades, told.bar.lots) == (3 * CLIENT_TRADES_KEPT, 6 * CLIENT_TRADES_KEPT)
    assert (told.first_ms, told.last_ms) == (START_MS, START_MS + 3 * CLIENT_TRADES_KEPT - 1)
    assert clients.told(START_MS + 10 * MINUTE_MS, START_MS + 11 * MINUTE_MS) is None
