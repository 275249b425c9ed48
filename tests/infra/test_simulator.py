"""The simulator as a child: it takes accounts up where history left them, and ends with whoever started it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.errors import HindsightError
from domain.values import OrderSide, Side
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings
from infra.exchange.child import Order
from infra.exchange.reopened import HeldPosition, Reopened, RestingOrder
from infra.simulator import Simulator, settings_for

START_MS = 1_750_032_000_000
D = Decimal
ORDER = Order(seed=5, speed=1.0, symbols=2, start_ms=START_MS, balance=D(10_000))
HELD = Reopened(
    D("9876.5"),
    (
        HeldPosition("SOLUSDT", Side.LONG, D(10), D(150), 5),
        HeldPosition("BTCUSDT", Side.SHORT, D("0.01"), D(100_000), 5),
    ),
    (
        RestingOrder("SOLUSDT", OrderSide.SELL, "STOP_MARKET", D(1), "hs-STOP"),
        RestingOrder("SOLUSDT", OrderSide.SELL, "TAKE_PROFIT_MARKET", D(300), "hs-TARGET"),
    ),
)  # fmt: skip


def test_an_account_goes_on_as_history_says_it_was() -> None:
    simulator = Simulator(replace(ORDER, reopened=HELD))
    settings, key = settings_for(BinanceSettings(), simulator.announced)

    async def look() -> None:
        async with Rest(settings, key) as rest:
            held = {position.symbol: position for position in await rest.positions()}
            assert (held["SOLUSDT"].quantity, held["SOLUSDT"].entry_price) == (D(10), D(150))
            assert held["BTCUSDT"].quantity == D("-0.01")
            wallet = next(each.balance for each in await rest.balances() if each.asset == "USDT")
            assert wallet == D("9876.5")
            resting = {order.client_algo_id for order in await rest.algo_open_orders("SOLUSDT")}
            assert resting == {"hs-STOP", "hs-TARGET"}

    try:
        asyncio.run(look())
    finally:
        simulator.stop()
    assert not simulator.alive


@pytest.fixture
def running() -> Iterator[Simulator]:
    simulator = Simulator(ORDER)
    yield simulator
    simulator.stop()


def test_ctrl_c_in_our_terminal_does_not_reach_it(running: Simulator) -> None:
    assert os.getpgid(running.pid) != os.getpgrp()


def test_one_that_can_not_start_says_why(running: Simulator) -> None:
    port = int(running.announced.rest.rpartition(":")[2])
    with pytest.raises(HindsightError, match=r"did not start.*port"):
        Simulator(replace(ORDER, port=port))
