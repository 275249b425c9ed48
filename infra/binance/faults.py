"""What can go wrong with a call, sorted by what the caller should do about it.

ExchangeRejected   their no: the request was read and refused; nothing happened
Unavailable        nobody answered: nothing happened; `retry_after_ms` where waiting helps
Busy               the same, and the exchange says so itself: too many requests, banned, overloaded, in maintenance
OutcomeUnknown     it may have happened: ask for the order by its client order id before repeating anything
InvalidInput       our fault (key, clock, permissions, place, address): repeating is of no use
WireError          an answer that can't be read
"""

from __future__ import annotations

import re
from typing import Final

from domain.errors import ExchangeRejected, HindsightError, InvalidInput, Unavailable, WireError
from infra.binance.wire.bodies import Refusal, read_refusal, shortened

EXCHANGE: Final = "Binance"
TIMESTAMP: Final = -1021
OUTCOME_UNKNOWN_CODES: Final = frozenset({-1000, -1001, -1006, -1007})
THROTTLED: Final = -1008
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})")
TOO_MANY_ORDERS: Final = -1015
_TOO_MANY: Final = frozenset({-1003, TOO_MANY_ORDERS})
_RELIEF_MS: Final = 5_000

_OUR_FAULTS: Final = {
    -1002: ("an API key that may do this", "Give the key the permission for futures on binance.com."),
    -1022: ("a signature that the exchange can verify", "The API secret does not belong to the API key."),
    -2014: ("an API key as Binance gives it", "Check BINANCE_API_KEY for missing or additional characters."),
    -2015: (
        "an API key with permission for futures, from an address on its list",
        "Check the key, its permissions and its IP list on binance.com; testnet and real keys differ.",
    ),
    -2017: ("an API key that is not locked", "Unlock it on binance.com."),
    TIMESTAMP: ("a clock that agrees with the exchange's", "Synchronise this machine's clock (NTP)."),
}


class OutcomeUnknown(HindsightError):
    """The exchange may or may not have carried out `what`.

    A request with this timestamp is refused once the exchange's clock is past `expires_ms`; only from then on does
    "does not exist" mean that it never will.
    """

    def __init__(self, what: str, detail: str, expires_ms: int) -> None:
        self.what = what
        self.detail = detail
        self.expires_ms = expires_ms
        super().__init__(f"Nobody knows whether {what} was carried out: {detail}. Query before repeating it.")


class Busy(Unavailable):
    """The exchange is there, and says itself that it does not serve us now. Nothing happened; later it will."""


class WrongClock(InvalidInput):
    """The exchange refused a request for its time (-1021) although the clock had just been set: nothing happened.

    It may be our machine's fault; but it also happens to everybody at once, and then it passes.
    """


class Answer:
    """An HTTP answer: status, headers in lower case, body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def number(self, header: str) -> int | None:
        """Give a header's number, or None."""
        text = self.headers.get(header, "")
        return int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else None

    @property
    def retry_after_ms(self) -> int | None:
        """How long the exchange wants not to be asked."""
        seconds = self.number("retry-after")
        return None if seconds is None else seconds * 1_000


def refusal(answer: Answer) -> Refusal | None:
    """Give the error body of an answer, or None if it has none that can be read."""
    try:
        return read_refusal(answer.body, "error body")
    except WireError:
        return None


def banned_until_ms(answer: Answer) -> int | None:
    """Give until when (UTC ms) an answer says that the address is banned."""
    found = refusal(answer)
    match = _BANNED_UNTIL.search(found.text) if found else None
    return int(match.group(1)) if match else None


def too_many(answer: Answer) -> bool:
    """True for an answer that says: you ask too much."""
    found = refusal(answer)
    return answer.status in {418, 429} or (found is not None and found.code in _TOO_MANY)


def fault(answer: Answer, what: str, *, changes: bool, expires_ms: int, closed_ms: int = 0) -> HindsightError:
    """Give the error that an answer of status ≥ 300 means.

    `changes`: the call may change something that must not happen twice. `expires_ms` see `OutcomeUnknown`. `closed_ms`:
    how long we have resolved to be silent, which counts if the exchange does not say itself how long it wants us to be.
    """
    said = refusal(answer)
    detail = f"HTTP {answer.status}, {said.text} ({said.code})" if said else f"HTTP {answer.status}"
    if too_many(answer):
        return Busy(EXCHANGE, f"{what} exceeded its limits, {detail}", answer.retry_after_ms or closed_ms or None)
    if said is not None and said.code in _OUR_FAULTS:
        expected, hint = _OUR_FAULTS[said.code]
        kind = WrongClock if said.code == TIMESTAMP else InvalidInput
        return kind(f"{EXCHANGE} ({what})", expected, f"{said.text} ({said.code})", hint)
    if said is not None and said.code == THROTTLED:
        return Busy(EXCHANGE, f"{what} was throttled, {detail}", _RELIEF_MS)
    if _doubtful(answer, said):
        return OutcomeUnknown(what, detail, expires_ms) if changes else Busy(EXCHANGE, f"{what}: {detail}")
    if answer.status >= 500:
        return Busy(EXCHANGE, f"{what}: {detail}")
    if answer.status in _BY_STATUS:
        expected, hint = _BY_STATUS[answer.status]
        if said is None or answer.status in {403, 451}:
            return InvalidInput(f"{EXCHANGE} ({what})", expected, detail, hint)
    if said is not None:
        return ExchangeRejected(said.code, said.text)
    return WireError(f"expected an error body with HTTP {answer.status}", f"{what}: {shortened(answer.body)}")


_BY_STATUS: Final = {
    301: ("the exchange itself", "Something redirects the request: check binance.rest_url."),
    302: ("the exchange itself", "Something redirects the request: check binance.rest_url."),
    307: ("the exchange itself", "Something redirects the request: check binance.rest_url."),
    308: ("the exchange itself", "Something redirects the request: check binance.rest_url."),
    401: ("an API key that may do this", "Check the key and its permissions on binance.com."),
    403: (
        "access",
        "The exchange's firewall blocks this request or address: wait some minutes, or change the network.",
    ),
    404: ("Binance's futures interface", "Nothing stands at this path: check binance.rest_url."),
    451: ("access from here", "Binance serves no one from this place (geo-block): run it where Binance is allowed."),
}


def _doubtful(answer: Answer, said: Refusal | None) -> bool:
    """True if the request may have been carried out (binance.md §2: 503 bodies; 408: time-out inside the exchange)."""
    if said is not None and said.code in OUTCOME_UNKNOWN_CODES:
        return True
    if answer.status == 503:
        return b"service unavailable" not in answer.body.lower()
    return answer.status == 408 or answer.status >= 500
