"""Clients' local books: whatever snapshot they take, the changes that follow keep them equal to the server's book."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from infra.binance.order_book import LocalBook, Outcome
from infra.binance.wire.frames import DepthUpdate
from infra.exchange.stage import Rules
from infra.exchange.stream_names import StreamRoute
from tests.infra.exchange.staging import START_MS, SYMBOLS, Rig

SYMBOL = "BTCUSDT"
Levels = dict[float, float]


def levels(rows: list[list[str]]) -> list[tuple[float, float]]:
    return [(float(price), float(quantity)) for price, quantity in rows]


def update(frame: dict[str, Any]) -> DepthUpdate:
    return msgspec.json.decode(msgspec.json.encode(frame), type=DepthUpdate, strict=False)


class Reader:
    """A client that keeps a book by the documented rule, and by nothing else."""

    def __init__(self, rig: Rig, stream: str) -> None:
        self.rig = rig
        self.book = LocalBook(SYMBOL)
        self.ladder: tuple[Levels, Levels] = ({}, {})
        self.last_id = 0
        _, self.socket = rig.listen(StreamRoute.PUBLIC, stream)
        self.held: list[dict[str, Any]] = []

    def hear(self) -> None:
        for frame in self.socket.texts():
            self.held.append(frame)
            assert self.book.apply(update(frame)) is not Outcome.GAP
            if self.last_id and frame["u"] >= self.last_id:
                self.take(frame)

    def take(self, frame: dict[str, Any]) -> None:
        self.last_id = frame["u"]
        for side, rows in zip(self.ladder, (frame["b"], frame["a"]), strict=True):
            for price, quantity in levels(rows):
                side.pop(price, None) if quantity == 0.0 else side.__setitem__(price, quantity)

    def snapshot(self) -> None:
        """Begin again, as a client does that lost its book but not its connection."""
        found = self.rig.ask("GET", "/fapi/v1/depth", symbol=SYMBOL, limit=1_000)[1]
        bids, asks = levels(found["bids"]), levels(found["asks"])
        self.book.reset()
        assert self.book.load(found["lastUpdateId"], bids, asks) is Outcome.APPLIED
        self.ladder, self.last_id = (dict(bids), dict(asks)), found["lastUpdateId"]

    def shown(self) -> tuple[Levels, Levels]:
        return self.ladder


@pytest.mark.parametrize("speed", [1.0, 60.0])
@pytest.mark.parametrize("every", ["@100ms", "", "@500ms"])
def test_a_local_book_is_the_servers_book_whenever_its_snapshot_was_taken(every: str, speed: float) -> None:
    chance = random.Random(f"{every}{speed}")
    rig = Rig(Rules(limits=False), speed=speed)
    reader = Reader(rig, f"btcusdt@depth{every}")
    compared = 0
    for _ in range(150):
        rig.pass_(0.05 * chance.randint(1, 7))
        reader.hear()
        if reader.last_id == rig.stage.board.update_id:
            now = rig.ask("GET", "/fapi/v1/depth", symbol=SYMBOL, limit=1_000)[1]
            assert reader.shown() == (dict(levels(now["bids"])), dict(levels(now["asks"])))
            assert reader.book.bids(5) == levels(now["bids"])[:5]
            assert reader.book.asks(5) == levels(now["asks"])[:5]
            compared += 1
        if chance.random() < 0.5:
            reader.snapshot()
    assert compared >= 8
    assert reader.book.gaps == 0


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_book_is_as_deep_as_was_asked_for_and_the_best_of_the_deepest(symbol: str) -> None:
    rig = Rig()
    whole = rig.ask("GET", "/fapi/v1/depth", symbol=symbol, limit=1_000)[1]
    bids, asks = (levels(whole[side]) for side in ("bids", "asks"))
    assert bids == sorted(dict(bids).items(), reverse=True)
    assert asks == sorted(dict(asks).items())
    assert min(len(bids), len(asks)) >= (1_000 if symbol == SYMBOL else 900)
    for limit in (5, 20, 50, 100, 500):
        found = rig.ask("GET", "/fapi/v1/depth", symbol=symbol, limit=limit)[1]
        assert (found["bids"], found["asks"]) == (whole["bids"][:limit], whole["asks"][:limit])


@pytest.mark.parametrize("count", [5, 10, 20])
def test_a_partial_book_has_its_levels_and_no_more_whoever_looks_at_all_of_it(count: int) -> None:
    rig = Rig(Rules(limits=False))
    _, partial = rig.listen(StreamRoute.PUBLIC, f"btcusdt@depth{count}@100ms")
    rig.listen(StreamRoute.PUBLIC, "btcusdt@depth@100ms")
    wish = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    best = levels(rig.ask("GET", "/fapi/v1/depth", symbol=SYMBOL, limit=5)[1]["bids"])[0][0]
    for _ in range(2):
        rig.pass_(1.0)
        told = partial.texts()[-1]
        whole = rig.ask("GET", "/fapi/v1/depth", symbol=SYMBOL, limit=1_000)[1]
        assert (told["b"], told["a"]) == (whole["bids"][:count], whole["asks"][:count])
        rig.signed("POST", "/fapi/v1/order", **wish, price=f"{best * 0.99:.1f}")  # now there are clients in the book


def test_far_levels_are_beyond_what_any_order_may_take() -> None:
    market = Rig().stage.board.market
    for symbol in market.symbols:
        _, last, _ = market.last(symbol, START_MS)
        bids, asks = market.far(symbol, START_MS)
        assert max(bids) <= 0.85 * last
        assert min(asks) >= 1.15 * last


def test_streams_tell_of_far_levels_that_come_and_go() -> None:
    rig = Rig(Rules(limits=False), speed=2_000.0)
    reader, blocks = Reader(rig, "btcusdt@depth@100ms"), set[int]()
    reader.snapshot()
    for _ in range(80):
        rig.pass_(0.1)
        reader.hear()
        blocks.add(max(rig.stage.board.far(SYMBOL)[0]))
        if reader.last_id == rig.stage.board.update_id:
            now = rig.ask("GET", "/fapi/v1/depth", symbol=SYMBOL, limit=1_000)[1]
            assert reader.shown() == (dict(levels(now["bids"])), dict(levels(now["asks"])))
    assert len(blocks) > 1


def test_an_order_on_a_far_level_adds_to_it_and_leaves_it_as_it_was() -> None:
    rig = Rig(Rules(limits=False))
    reader = Reader(rig, "btcusdt@depth@100ms")
    reader.snapshot()
    price, stands = levels(rig.ask("GET", "/fapi/v1/depth", symbol=SYMBOL, limit=1_000)[1]["bids"])[950]
    wish = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.123"}
    placed = rig.signed("POST", "/fapi/v1/order", **wish, price=f"{price:.1f}")[1]
    rig.pass_(1.2)
    reader.hear()
    assert reader.shown()[0][price] == pytest.approx(stands + 0.123)
    rig.signed("DELETE", "/fapi/v1/order", symbol=SYMBOL, orderId=placed["orderId"])
    rig.pass_(1.2)
    reader.hear()
    assert reader.shown()[0][price] == pytest.approx(stands)
