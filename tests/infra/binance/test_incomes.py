"""Which incomes the comparison with the exchange tells: each funding once, however late it is listed."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from domain.base import Input
from domain.values import Side
from domain.venue import AccountReconciled, VenueFunded
from infra.beliefs import HOUR_MS, Believed, Over
from infra.binance.account_watch import FUNDING_FEE, AccountWatch
from infra.binance.reconcile import LISTED_MS, Reconciler
from infra.binance.wire.account_bodies import Income
from infra.binance.wire.decoding import decode
from infra.binance.wire.user_frames import PositionState

HOUR = 500 * HOUR_MS
BALANCE = Decimal(1_000)


def fee(symbol: str, time_ms: int, amount: str = "-0.5") -> Income:
    return Income(kind=FUNDING_FEE, amount=Decimal(amount), asset="USDT", time_ms=time_ms, symbol=symbol)


class Account:
    """An exchange that lists incomes when the test says so, and what is made of them."""

    def __init__(self) -> None:
        self.listed: list[Income] = []
        self.wallet = BALANCE
        self.now_s = 0.0
        self.told: list[Input] = []
        self.changes, self.idle = 0, True
        names = ("BTCUSDT", "ETHUSDT")
        ended = tuple(Over(f"position:main/{name}-1", name, Side.LONG, HOUR - 99, HOUR + 99) for name in names)
        self.believed = Believed(BALANCE, (), 0, ended)
        venue = SimpleNamespace(rest=self, answers=self, setup=self)
        beliefs = SimpleNamespace(account="main", look=lambda: self.believed)
        self.reconciler = Reconciler(cast("Any", venue), cast("Any", self), cast("Any", beliefs), lambda: self.now_s)

    def server_ms(self) -> int:
        return HOUR + 1_000 + int(self.now_s * 1_000)

    async def income(self, _kind: str, *, start_ms: int) -> list[Income]:
        return [each for each in self.listed if each.time_ms >= start_ms]

    def seen(self, positions: list[object]) -> None:
        assert positions == []

    def seen_one(self, position: PositionState) -> None:
        assert position.symbol == "BTCUSDT"

    async def positions(self) -> list[object]:
        return []

    async def balances(self) -> list[object]:
        return [SimpleNamespace(asset="USDT", balance=self.wallet)]

    def funded(self, income: Income) -> tuple[Input, ...]:
        if income.symbol == "FOREIGN":
            return ()
        position = f"position:main/{income.symbol}-1"
        return (VenueFunded(position, income.time_ms, Decimal(0), Decimal(0), income.amount),)

    def tell(self, answers: tuple[Input, ...]) -> None:
        self.told += answers

    def look(self) -> list[str]:
        """Look once; give what funding was told, and whether the wallet was called another."""
        self.told.clear()
        asyncio.run(self.reconciler.look())
        return [told.position if isinstance(told, VenueFunded) else type(told).__name__ for told in self.told]


def test_a_funding_is_told_that_is_listed_after_a_later_one() -> None:
    account = Account()
    account.listed = [fee("BTCUSDT", HOUR + 9)]
    assert account.look() == ["position:main/BTCUSDT-1"]
    account.listed.insert(0, fee("ETHUSDT", HOUR + 4))
    account.now_s += LISTED_MS / 1_000
    assert account.look() == [], "every ten minutes is enough"
    account.now_s += 600.0
    assert account.look() == ["position:main/ETHUSDT-1"]


def test_a_funding_of_the_same_time_is_news_before_the_wallet_is_called_another() -> None:
    account = Account()
    account.listed = [fee("BTCUSDT", HOUR)]
    account.look()
    account.listed.append(fee("ETHUSDT", HOUR))
    account.wallet = BALANCE - Decimal("0.5")
    assert account.look() == ["position:main/ETHUSDT-1"]
    assert asyncio.run(account.reconciler.look()), "the wallet may agree by now"
    assert not any(isinstance(told, AccountReconciled) for told in account.told)


@pytest.mark.parametrize(("leg", "told"), [("LONG", 1), ("SHORT", 0), ("BOTH", 1)])
def test_what_the_stream_says_of_the_other_leg_is_not_for_ours(leg: str, told: int) -> None:
    frame = {
        "e": "ACCOUNT_UPDATE", "E": HOUR + 3, "T": HOUR + 3,
        "a": {
            "m": "FUNDING_FEE",
            "B": [{"a": "USDT", "wb": "999.5", "cw": "999.5", "bc": "-0.5"}],
            "P": [{"s": "BTCUSDT", "pa": "-1", "ep": "100", "ps": leg, "mt": "isolated", "iw": "10"}],
        },
    }  # fmt: skip
    account = Account()
    beliefs = SimpleNamespace(look=lambda: account.believed)
    venue = SimpleNamespace(setup=SimpleNamespace(changed=account.seen_one), answers=account)
    watch = AccountWatch(cast("Any", venue), cast("Any", beliefs), lambda a, _: a, lambda _: (BALANCE, BALANCE))
    watch.take(cast("Any", decode(msgspec.json.encode(frame))))
    assert len(account.told) == told


def test_a_funding_of_nobody_here_is_no_news() -> None:
    account = Account()
    account.listed, account.wallet = [fee("FOREIGN", HOUR)], BALANCE - 1
    account.look()
    assert account.look() == ["AccountReconciled"]
