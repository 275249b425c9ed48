"""Rate limits, counted in wall time as on the real exchange (specs/binance.md §3).

Weight by IP and wall minute; orders by account in 10 s and 1 min; two pools of their own for /futures/data and funding
history. Over a limit: HTTP 429. Who goes on after that is banned, HTTP 418, and every request moves the ban's end.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from infra.exchange.ports import ApiError

WEIGHT_A_MINUTE = 2_400
ORDERS_IN_10S, ORDERS_A_MINUTE = 300, 1_200
_POOLS = {"/futures/data/": (1_000, 300.0), "/fapi/v1/fundingRate": (500, 300.0), "/fapi/v1/fundingInfo": (500, 300.0)}
_FUNDING_POOL = "funding"
PATIENCE = 50
"""How many requests over the limit are answered with 429 before the IP is banned."""
FIRST_BAN_S, LAST_BAN_S = 120.0, 3 * 86_400.0


class _Window:
    """A count in a window of wall time that begins at multiples of its length."""

    __slots__ = ("count", "length_s", "number")

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.number = -1
        self.count = 0

    def at(self, wall_s: float) -> int:
        number = int(wall_s // self.length_s)
        if number != self.number:
            self.number, self.count = number, 0
        return self.count

    def left_s(self, wall_s: float) -> int:
        """Give the whole seconds until the window ends."""
        return int(self.length_s - wall_s % self.length_s) + 1


class _Visitor:
    """One IP address."""

    __slots__ = ("ban_s", "banned_until_s", "next_ban_s", "over", "pools", "weight")

    def __init__(self) -> None:
        self.weight = _Window(60.0)
        self.pools: dict[str, _Window] = {}
        self.over = 0
        self.ban_s = self.next_ban_s = FIRST_BAN_S
        self.banned_until_s = 0.0


class Limited(ApiError):
    """Over a limit. `retry_after_s` goes into the header, if it is set."""

    def __init__(self, code: int, text: str, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(code, text, status)
        self.retry_after_s = retry_after_s


class OrderCounts(msgspec.Struct, frozen=True):
    """Orders of an account in the running windows."""

    in_10s: int
    in_1m: int


class Limiter:
    """Counts who asks for how much. Switched off it counts on, and refuses nothing."""

    def __init__(self, wall_s: Callable[[], float], told_ms: Callable[[], int], *, enforced: bool = True) -> None:
        self._wall_s = wall_s
        self._told_ms = told_ms
        self.enforced = enforced
        self._visitors: dict[str, _Visitor] = {}
        self._orders: dict[str, tuple[_Window, _Window]] = {}

    def used_weight(self, ip: str) -> int:
        """Give the weight of an IP in this minute."""
        return self._visitor(ip).weight.at(self._wall_s())

    def admit(self, ip: str, path: str, weight: int) -> None:
        """Count a request. Raises `Limited`: -1003 with 429, or with 418 during a ban."""
        now_s, visitor = self._wall_s(), self._visitor(ip)
        if self.enforced and visitor.banned_until_s > now_s:
            visitor.banned_until_s = now_s + visitor.ban_s
            raise self._banned(visitor, now_s)
        self._count_pool(visitor, path, now_s)
        used = visitor.weight.at(now_s)
        visitor.weight.count = used + weight
        if used + weight <= WEIGHT_A_MINUTE:
            visitor.over = 0
            return
        if self.enforced:
            self._over(visitor, now_s, visitor.weight.left_s(now_s))

    def count_weight(self, ip: str, weight: int) -> None:
        """Count a weight that is not refused."""
        window = self._visitor(ip).weight
        window.count = window.at(self._wall_s()) + weight

    def refuse(self, ip: str) -> None:
        """Refuse a request as if it were one too many (a fault). Raises `Limited`, 429."""
        raise self._too_many(self._visitor(ip).weight.left_s(self._wall_s()))

    def count_orders(self, account: str, orders: int) -> OrderCounts:
        """Count new orders of an account. Raises `Limited` -1015 over a limit."""
        now_s = self._wall_s()
        short, long = self._orders.setdefault(account, (_Window(10.0), _Window(60.0)))
        in_10s, in_1m = short.at(now_s) + orders, long.at(now_s) + min(orders, 1)
        if self.enforced and orders:
            if in_10s > ORDERS_IN_10S:
                text = f"Too many new orders; current limit is {ORDERS_IN_10S} orders per TEN_SECONDS."
                raise Limited(-1015, text, 429)
            if in_1m > ORDERS_A_MINUTE:
                raise Limited(-1015, f"Too many new orders; current limit is {ORDERS_A_MINUTE} orders per MINUTE.", 429)
        short.count, long.count = in_10s, in_1m
        return OrderCounts(in_10s, in_1m)

    def ban(self, ip: str, seconds: float) -> None:
        """Ban an IP now (a fault)."""
        visitor = self._visitor(ip)
        visitor.ban_s, visitor.banned_until_s = seconds, self._wall_s() + seconds

    def pardon(self) -> None:
        """Forget all bans and counts."""
        self._visitors.clear()
        self._orders.clear()

    def _visitor(self, ip: str) -> _Visitor:
        found = self._visitors.get(ip)
        if found is None:
            found = self._visitors[ip] = _Visitor()
        return found

    def _count_pool(self, visitor: _Visitor, path: str, now_s: float) -> None:
        for prefix, (limit, length_s) in _POOLS.items():
            if path.startswith(prefix):
                name = _FUNDING_POOL if "funding" in prefix else prefix
                pool = visitor.pools.setdefault(name, _Window(length_s))
                used = pool.at(now_s)
                pool.count = used + 1
                if self.enforced and used >= limit:
                    self._over(visitor, now_s, pool.left_s(now_s))
                return

    def _over(self, visitor: _Visitor, now_s: float, retry_after_s: int) -> None:
        visitor.over += 1
        if visitor.over > PATIENCE:
            visitor.over = 0
            visitor.ban_s, visitor.next_ban_s = visitor.next_ban_s, min(visitor.next_ban_s * 2, LAST_BAN_S)
            visitor.banned_until_s = now_s + visitor.ban_s
            raise self._banned(visitor, now_s)
        raise self._too_many(retry_after_s)

    @staticmethod
    def _too_many(retry_after_s: int) -> Limited:
        return Limited(
            -1003,
            f"Too many requests; current limit is {WEIGHT_A_MINUTE} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API.",
            429,
            retry_after_s,
        )

    def _banned(self, visitor: _Visitor, now_s: float) -> Limited:
        left_s = visitor.banned_until_s - now_s
        text = f"Way too many requests; IP banned until {self._told_ms() + int(left_s * 1_000)}. "
        return Limited(-1003, text + "Please use the websocket for live updates to avoid bans.", 418, int(left_s) + 1)
