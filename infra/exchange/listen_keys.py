"""Listen keys of user data streams: 64 characters, valid for 60 minutes of *wall* time (specs/binance.md §8).

A second POST gives the same key and extends it. The server asks `expired` from time to time and tells the sockets.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.sent import weighing
from infra.exchange.written import Row

VALID_MS = 60 * 60_000
NO_SUCH_KEY = "This listenKey does not exist."


class _Key(msgspec.Struct):
    text: str
    account: str
    until_wall_ms: int


class ListenKeys:
    """All keys, at most one an account. `wall_ms` tells the time, `draw` makes 64 unguessable characters."""

    def __init__(self, wall_ms: Callable[[], int], draw: Callable[[], str], valid_ms: int = VALID_MS) -> None:
        self._wall_ms = wall_ms
        self._draw = draw
        self._valid_ms = valid_ms
        self._by_account: dict[str, _Key] = {}

    def _live(self, account: str) -> _Key | None:
        key = self._by_account.get(account)
        return key if key and key.until_wall_ms > self._wall_ms() else None

    def start(self, account: str) -> str:
        """Give the account's key, made new if there is none, valid from now on."""
        key = self._live(account)
        if key is None:
            key = self._by_account[account] = _Key(self._draw(), account, 0)
        key.until_wall_ms = self._wall_ms() + self._valid_ms
        return key.text

    def extend(self, account: str) -> str:
        """Extend the account's key; -1125 if there is none."""
        key = self._live(account)
        if key is None:
            raise ApiError(-1125, NO_SUCH_KEY)
        key.until_wall_ms = self._wall_ms() + self._valid_ms
        return key.text

    def close(self, account: str) -> None:
        """Forget the account's key; -1125 if there is none."""
        if self._by_account.pop(account, None) is None:
            raise ApiError(-1125, NO_SUCH_KEY)

    def owner(self, text: str) -> str | None:
        """Give the account of a key, None for a dead one."""
        key = next((key for key in self._by_account.values() if key.text == text), None)
        return key.account if key and key.until_wall_ms > self._wall_ms() else None

    def expired(self) -> list[tuple[str, str]]:
        """Take out the keys whose time is up, as (account, key): their sockets get `listenKeyExpired`."""
        now = self._wall_ms()
        dead = [key for key in self._by_account.values() if key.until_wall_ms <= now]
        for key in dead:
            del self._by_account[key.account]
        return [(key.account, key.text) for key in dead]

    def expire(self, account: str) -> None:
        """Let a key's time be up (a fault for tests)."""
        if key := self._by_account.get(account):
            key.until_wall_ms = self._wall_ms()

    # ── endpoints ─────────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> list[Route]:
        """List the endpoints: the key header is all that they need; a listenKey parameter is ignored."""
        path, one = "/fapi/v1/listenKey", weighing(1)
        return [
            Route("POST", path, Security.KEY, one, self._post),
            Route("PUT", path, Security.KEY, one, self._put),
            Route("DELETE", path, Security.KEY, one, self._delete),
        ]

    def _post(self, call: Call) -> Row:
        return {"listenKey": self.start(call.account)}

    def _put(self, call: Call) -> Row:
        return {"listenKey": self.extend(call.account)}

    def _delete(self, call: Call) -> Row:
        self.close(call.account)
        return {}
