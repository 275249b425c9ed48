"""One call from the wish to the answer: breaker → gate → time and signature → session → errors → retry.

Only what may be repeated without harm is repeated: queries, cancellations, settings; with back-off and jitter, a few
times. An order is never sent twice from here, except after -1021, which the exchange says before it does anything.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from domain.errors import Unavailable, WireError
from infra.binance import faults
from infra.binance.breaker import Breaker
from infra.binance.endpoints import (
    CONNECTIONS,
    FUNDING,
    FUTURES_DATA,
    ORDERS_1M,
    ORDERS_10S,
    TIME,
    WEIGHT,
    Endpoint,
    Params,
    Security,
    account_pool,
)
from infra.binance.faults import EXCHANGE, Answer, Busy, OutcomeUnknown
from infra.binance.limits import DEFAULTS, Governor, Limit, Ticket
from infra.binance.pacing import Gate
from infra.binance.priority import Priority
from infra.binance.requests import build
from infra.binance.server_clock import ServerClock
from infra.binance.settings import BinanceSettings
from infra.binance.signing import Key
from infra.binance.transport import Lost, Transport
from infra.binance.wire.bodies import Reader, read_server_time
from infra.clock import wall_ms

T = TypeVar("T")
Read = Callable[[bytes, str], T] | Reader[T]

BACK_OFF_MS: Final = 250
BACK_OFF_MAX_MS: Final = 8_000
PATIENCE_MS: Final = 60_000
BAN_MS: Final = 120_000
BAN_MAX_MS: Final = 3 * 86_400_000
STOP_MS: Final = 60_000
STOP_MAX_MS: Final = 600_000
"""The limits' longest span is 5 minutes, so a 429 that wants more is no 429: we ask again, a ban would say so."""
LOOK_MS: Final = 100
SAMPLES: Final = 3
_LIMITED: Final = frozenset({418, 429})


def governor_of(settings: BinanceSettings) -> Governor:
    """Make the weight governor that the settings describe."""
    limits = {
        **DEFAULTS,
        WEIGHT: Limit(settings.weight_per_minute),
        ORDERS_10S: Limit(settings.orders_per_10s, 10_000),
        ORDERS_1M: Limit(settings.orders_per_minute),
        CONNECTIONS: Limit(settings.connections, 0, whole=True),
    }
    return Governor(limits, settings.weight_share)


class Calls:
    """Carries out calls for one key. `gate` and `breaker` may be shared by all keys behind one address.

    `now_ms` is the clock that timestamps are taken from; `draw` gives numbers in [0, 1) for the jitter. If the exchange
    wants to be left alone for longer than `patience_ms` (`PATIENCE_MS` if None), a call fails instead of waiting.
    """

    def __init__(
        self,
        settings: BinanceSettings,
        key: Key | None = None,
        *,
        account: str = "main",
        gate: Gate | None = None,
        breaker: Breaker | None = None,
        now_ms: Callable[[], int] = wall_ms,
        draw: Callable[[], float] = random.random,
        back_off_ms: int = BACK_OFF_MS,
        patience_ms: int | None = None,
    ) -> None:
        self.settings = settings
        self.account = account
        self.gate = gate or Gate(governor_of(settings))
        if key is not None:
            self.gate.governor.keep_room()
        self._own_gate = gate is None
        self._closed = False
        self.breaker = breaker or Breaker()
        self.clock = ServerClock()
        self.counts: Counter[str] = Counter()
        self.repeats = 0
        self._key = key
        self._now_ms = now_ms
        self._draw = draw
        self._first_pause_ms = back_off_ms
        self._patience_ms = patience_ms
        self._transport = Transport(settings)
        self._resync = asyncio.Lock()
        self._time_failures = 0
        self._time_failure = Unavailable(EXCHANGE, "its time")
        self._was_busy = False

    def server_ms(self) -> int:
        """Give the exchange's time now, as well as we know it."""
        return self._now_ms() + self.clock.offset_ms

    async def close(self) -> None:
        """Close the connections; calls that still wait for a gate of their own are refused."""
        self._closed = True
        if self._own_gate:
            self.gate.close()
        await self._transport.close()

    async def ask(
        self,
        endpoint: Endpoint,
        params: Params,
        read: Read[T],
        *,
        priority: Priority | None = None,
        operation: str = "",
    ) -> T:
        """Carry out a call and read its answer.

        Raises `ExchangeRejected`, `Unavailable`, `OutcomeUnknown`, `InvalidInput` or `WireError` (see `faults`).
        """
        body, _ = await self.ask_dated(endpoint, params, read, priority=priority, operation=operation)
        return body

    async def ask_dated(
        self,
        endpoint: Endpoint,
        params: Params,
        read: Read[T],
        *,
        priority: Priority | None = None,
        operation: str = "",
    ) -> tuple[T, int]:
        """Do the same; also give the exchange's time when the request left: the answer is not older than that."""
        urgency, repeats = priority or endpoint.priority, 0
        while True:
            await self._pass_breaker(operation or endpoint.operation, urgency)
            try:
                answer, sent_ms = await self._send(endpoint, params, urgency)
                return self._read(answer, endpoint, read), sent_ms
            except Unavailable as error:
                wait_ms = self._back_off_ms(repeats, error.retry_after_ms)
                if not endpoint.repeatable or repeats >= self.settings.retries or wait_ms is None or self._closed:
                    raise
            repeats += 1
            self.repeats += 1
            await asyncio.sleep(wait_ms / 1_000)

    async def know_the_time(self) -> None:
        """Ask for the exchange's time if nobody did yet."""
        if not self.clock.known:
            await self.synchronise(unless_changed_from=self.clock)

    async def synchronise(self, *, unless_changed_from: ServerClock | None = None) -> int:
        """Ask for the exchange's time, three times for the sake of precision; give the offset in ms.

        `unless_changed_from`: do nothing if somebody else has synchronised since that clock was in use. Who waits for
        another's attempt shares its failure: else a hundred callers would find out one after the other.
        """
        failures = self._time_failures
        async with self._resync:
            if unless_changed_from is not None and self._time_failures > failures:
                shared = self._time_failure
                raise type(shared)(EXCHANGE, shared.detail, shared.retry_after_ms)
            if unless_changed_from is None or self.clock is unless_changed_from:
                await self._ask_times()
        return self.clock.offset_ms

    async def _ask_times(self) -> None:
        fresh = ServerClock()
        try:
            await self._ask_time(fresh)  # alone: where nobody answers, one call is enough to know
            await asyncio.gather(*(self._ask_time(fresh) for _ in range(SAMPLES - 1)))
        except Unavailable as error:
            self._time_failures += 1
            self._time_failure = error
            raise
        self.clock = fresh

    async def wait_until(self, server_ms: int) -> None:
        """Wait until the exchange's clock is certainly past a moment."""
        while (left_ms := server_ms + (self.clock.uncertainty_ms or 0) - self.server_ms()) >= 0:
            await asyncio.sleep(min(left_ms + 1, LOOK_MS) / 1_000)  # market time may run faster than ours

    # ── one attempt ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _send(self, endpoint: Endpoint, params: Params, priority: Priority) -> tuple[Answer, int]:
        """Send a call, and once more after the clock was set right. Gives an answer of status 2xx, and when it left."""
        signed = endpoint.security is Security.SIGNED
        if signed:
            await self.know_the_time()
        clock = self.clock
        answer, sent_ms = await self._exchange(endpoint, params, priority)
        if signed and _is_refused_for_time(answer):
            await self.synchronise(unless_changed_from=clock)
            answer, sent_ms = await self._exchange(endpoint, params, priority)
        if answer.status < 300:
            return answer, sent_ms
        expires_ms = sent_ms + self.settings.recv_window_ms
        error = faults.fault(
            answer,
            endpoint.name,
            changes=endpoint.changes,
            expires_ms=expires_ms,
            closed_ms=self.gate.closed_ms(),
        )
        if answer.status not in _LIMITED:  # that is no failure of the exchange's, and the gate sees to it
            self._judge(failed=isinstance(error, Unavailable | OutcomeUnknown), busy=isinstance(error, Busy))
        raise error

    async def _exchange(self, endpoint: Endpoint, params: Params, priority: Priority) -> tuple[Answer, int]:
        """Wait for the gate, then send. Gives the answer and the timestamp (the exchange's time) of the request."""
        ticket = await self.gate.enter(endpoint.cost(params, self.account), priority)
        timestamp_ms = self.server_ms()
        try:
            request = build(endpoint, params, self._key, timestamp_ms, self.settings.recv_window_ms)
            self.counts[endpoint.name] += 1
            answer = await self._transport.send(
                endpoint.method, endpoint.path, request.query, request.body, request.headers
            )
            self._heed(endpoint, answer, ticket)  # before `settle` lets others go: they may have to stay
        except Lost as error:
            self._judge(failed=True)
            if endpoint.changes:
                expires_ms = timestamp_ms + self.settings.recv_window_ms
                raise OutcomeUnknown(endpoint.name, str(error), expires_ms) from error
            raise Unavailable(EXCHANGE, str(error)) from error
        except Unavailable:
            self._judge(failed=True)
            raise
        finally:
            self.gate.settle(ticket)
        return answer, timestamp_ms

    def _read(self, answer: Answer, endpoint: Endpoint, read: Read[T]) -> T:
        try:
            body = read(answer.body, endpoint.name)
        except WireError as error:
            self._judge(failed=True)
            if endpoint.changes:  # the exchange took it, only we don't understand what it said about it
                raise OutcomeUnknown(endpoint.name, str(error), self.server_ms()) from error
            raise
        self._judge(failed=False)
        return body

    async def _ask_time(self, clock: ServerClock) -> None:
        ticket = await self.gate.enter(TIME.cost({}, self.account), TIME.priority)
        try:
            sent_ms = self._now_ms()
            self.counts[TIME.name] += 1
            answer = await self._transport.send(TIME.method, TIME.path, "", "", {})
            received_ms = self._now_ms()
            self._heed(TIME, answer, ticket)
        except (Lost, Unavailable) as error:
            self._judge(failed=True)
            raise Unavailable(EXCHANGE, getattr(error, "detail", str(error))) from error
        finally:
            self.gate.settle(ticket)
        if answer.status >= 300:
            raise faults.fault(answer, TIME.name, changes=False, expires_ms=0, closed_ms=self.gate.closed_ms())
        clock.observe(sent_ms, received_ms, read_server_time(answer.body, TIME.name).server_time_ms)

    # ── what the exchange says beside the answer ──────────────────────────────────────────────────────────────────

    def _heed(self, endpoint: Endpoint, answer: Answer, ticket: Ticket) -> None:
        """Take in the headers about limits, and what 429 and 418 ask for."""
        governor, now_ms = self.gate.governor, self.gate.now_ms()
        for header, pool in (
            ("x-mbx-used-weight-1m", WEIGHT),
            ("x-mbx-order-count-10s", account_pool(ORDERS_10S, self.account)),
            ("x-mbx-order-count-1m", account_pool(ORDERS_1M, self.account)),
        ):
            used = answer.number(header)
            if used is not None:
                governor.observe(pool, used, now_ms, ticket)
        if answer.status == 418:
            until_ms = faults.banned_until_ms(answer)
            left_ms = until_ms - self.server_ms() if until_ms else None
            self.gate.ban(min(answer.retry_after_ms or max(left_ms or 0, 0) or BAN_MS, BAN_MAX_MS))
        elif answer.status < 300 or not faults.too_many(answer):
            return
        elif (refused := faults.refusal(answer)) is not None and refused.code == faults.TOO_MANY_ORDERS:
            pool = ORDERS_1M if "MINUTE" in refused.text.upper() else ORDERS_10S
            governor.exhausted(account_pool(pool, self.account), now_ms)
        elif endpoint.pool in {FUTURES_DATA, FUNDING} and answer.retry_after_ms is None:
            governor.exhausted(endpoint.pool, now_ms)
        else:
            self.gate.stop(STOP_MS if answer.retry_after_ms is None else min(answer.retry_after_ms, STOP_MAX_MS))

    async def _pass_breaker(self, operation: str, priority: Priority) -> None:
        verdict = self.breaker.ask(operation, priority, self.gate.now_ms())
        if not verdict.allowed:
            kind = Busy if self._was_busy else Unavailable  # it was opened by what the exchange said, or by silence
            raise kind(EXCHANGE, "too many calls failed; the circuit breaker is open", verdict.retry_after_ms)
        if verdict.delay_ms:
            await asyncio.sleep(verdict.delay_ms / 1_000)

    def _judge(self, *, failed: bool, busy: bool = False) -> None:
        if self._closed:
            return  # what breaks now was broken by us
        self._was_busy = busy or (self._was_busy and not failed)
        (self.breaker.failed if failed else self.breaker.succeeded)(self.gate.now_ms())

    def _back_off_ms(self, repeats: int, retry_after_ms: int | None) -> float | None:
        """Give the pause before the next attempt; None if the exchange wants more than our patience."""
        patience_ms = PATIENCE_MS if self._patience_ms is None else self._patience_ms
        if retry_after_ms is not None and retry_after_ms > patience_ms:
            return None
        doubled = min(self._first_pause_ms * 2**repeats, BACK_OFF_MAX_MS)
        return max(doubled * (0.5 + self._draw()), retry_after_ms or 0)


def _is_refused_for_time(answer: Answer) -> bool:
    if answer.status < 300:
        return False
    refused = faults.refusal(answer)
    return refused is not None and refused.code == faults.TIMESTAMP
