"""The simulator's own doors, for tests and benches: faults, clock, keys, accounts, state. None of it is Binance's.

GET  /admin/state                     what is connected, counted and awake
GET  /admin/faults   POST the same    read or replace the faults (the JSON of `faults.Faults`)
POST /admin/clock    {"speed": 60, "advance_ms": 3600000}: leap there in slices, so that streams lose nothing
POST /admin/keys     {"account": "a", "key": ..., "secret": ... | "public_key": ..., "permissions": [...]}
POST /admin/deposit  {"account": "a", "amount": "100"}
POST /admin/listen-keys/expire        {"account": "a"}: let the key's hour be over
POST /admin/connections/drop          {"silent": true}: break (or mute) every WebSocket connection
POST /admin/limits   {"enforced": true, "pardon": true}
POST /admin/contracts  {"symbol": "BTCUSDT", "status": "SETTLING", "leverage_max": 20}: list it otherwise
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from domain.errors import HindsightError
from infra.exchange.auth import READ, TRADE, ApiKey
from infra.exchange.door import Answer, Asked
from infra.exchange.faults import Faults
from infra.exchange.requests import NO_JSON
from infra.exchange.stage import Stage

PREFIX = "/admin/"
T = TypeVar("T")


class _Clock(msgspec.Struct):
    speed: float | None = None
    advance_ms: int = 0


class _Key(msgspec.Struct):
    account: str
    key: str
    secret: str = ""
    public_key: str = ""
    permissions: tuple[Literal["READ", "TRADE"], ...] = (READ, TRADE)

    def __post_init__(self) -> None:
        """Refuse a key that could sign nothing."""
        if not (self.secret or self.public_key):
            raise ValueError("a key needs a secret, or a public_key in PEM")


class _Deposit(msgspec.Struct):
    account: str
    amount: Decimal


class _Account(msgspec.Struct):
    account: str


class _Drop(msgspec.Struct):
    silent: bool = False


class _Contract(msgspec.Struct):
    symbol: str
    status: str | None = None
    leverage_max: int | None = None


class _Limits(msgspec.Struct):
    enforced: bool | None = None
    pardon: bool = False


class Admin:
    """Answers requests under /admin/."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._doors: dict[tuple[str, str], Callable[[bytes], object]] = {
            ("GET", "state"): self._state,
            ("GET", "faults"): lambda _body: stage.faults.faults,
            ("POST", "faults"): self._set_faults,
            ("POST", "clock"): self._set_clock,
            ("POST", "keys"): self._add_key,
            ("POST", "deposit"): self._deposit,
            ("POST", "listen-keys/expire"): self._expire,
            ("POST", "connections/drop"): self._drop,
            ("POST", "limits"): self._set_limits,
            ("POST", "contracts"): self._relist,
        }

    async def answer(self, asked: Asked) -> Answer:
        """Answer a request; what can't be read is a 400 with a sentence."""
        door = self._doors.get((asked.method, asked.path.removeprefix(PREFIX)))
        if door is None:
            known = ", ".join(f"{method} {PREFIX}{name}" for method, name in self._doors)
            return Answer(404, {"error": f"There is no {asked.method} {asked.path}; there are: {known}."}, {})
        try:
            found = door(asked.body)
            return Answer(200, msgspec.to_builtins(await found if isinstance(found, Awaitable) else found), {})
        except (*NO_JSON, HindsightError, ValueError) as error:
            return Answer(400, {"error": str(error)}, {})

    def _state(self, _body: bytes) -> object:
        stage = self._stage
        return {
            "now_ms": stage.clock.now_ms(),
            "speed": stage.clock.speed,
            "step": stage.driver.steps,
            "awake": list(stage.floor.awake),
            "faults": stage.faults.counts,
            "requests": stage.door.requests,
            **stage.hub.facts(),
        }

    def _set_faults(self, body: bytes) -> object:
        faults = _read(body, Faults)
        self._stage.misbehave(faults)
        return faults

    async def _set_clock(self, body: bytes) -> object:
        wish, clock = _read(body, _Clock), self._stage.clock
        if wish.speed is not None:
            if not 0.0 < wish.speed <= 1e6:
                raise ValueError(f"speed: expected a positive number up to 1e6, found {wish.speed}")
            clock.set_speed(wish.speed)
        if wish.advance_ms < 0:
            raise ValueError(f"advance_ms: market time never runs backwards, found {wish.advance_ms}")
        await self._stage.driver.leap(wish.advance_ms)
        return {"now_ms": clock.now_ms(), "speed": clock.speed}

    def _add_key(self, body: bytes) -> object:
        wish, stage = _read(body, _Key), self._stage
        stage.keys.add(ApiKey(wish.key, wish.account, wish.secret, wish.public_key, wish.permissions))
        stage.exchange.open_account(wish.account, Decimal(0), stage.board.now_ms)
        return {"account": wish.account}

    def _deposit(self, body: bytes) -> object:
        wish, stage = _read(body, _Deposit), self._stage
        stage.exchange.deposit(wish.account, wish.amount, stage.board.now_ms)
        stage.floor.publish()
        return {"account": wish.account}

    def _expire(self, body: bytes) -> object:
        wish, stage = _read(body, _Account), self._stage
        stage.listen_keys.expire(wish.account)
        stage.users.expire(stage.board.now_ms)
        return {"account": wish.account}

    def _drop(self, body: bytes) -> object:
        wish, stage = _read(body, _Drop), self._stage
        clients = tuple(stage.hub.clients)
        for client in clients:
            if wish.silent:
                client.silent = True
            else:
                client.close(0)
        return {"connections": len(clients)}

    def _set_limits(self, body: bytes) -> object:
        wish, limiter = _read(body, _Limits), self._stage.limiter
        if wish.enforced is not None:
            limiter.enforced = wish.enforced
        if wish.pardon:
            limiter.pardon()
        return {"enforced": limiter.enforced}

    def _relist(self, body: bytes) -> object:
        wish = _read(body, _Contract)
        found = self._stage.relist(wish.symbol.upper(), wish.status, wish.leverage_max)
        return {"symbol": found.symbol, "status": found.status, "leverage_max": found.max_leverage}


def _read(body: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(body or b"{}", type=kind)
