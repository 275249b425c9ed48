"""Reads the parameters that many public endpoints share, and refuses what Binance refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.exchange.bar import SPANS_MS
from infra.exchange.board import Board
from infra.exchange.ports import ApiError, Call

_CONTRACT_TYPES = frozenset({"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"})


def symbol(board: Board, call: Call, name: str = "symbol") -> str:
    """Give the symbol that must be sent. Raises `ApiError` -1102 without one, -1121 for an unknown one."""
    sent = required(call, name).upper()
    board.require(sent)
    return sent


def optional_symbol(board: Board, call: Call) -> str | None:
    """Give the symbol, or None for all."""
    return symbol(board, call) if call.parameters.get("symbol") else None


def required(call: Call, name: str) -> str:
    """Give a parameter that must be sent. Raises `ApiError` -1102."""
    found = call.parameters.get(name, "")
    if not found:
        raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return found


def number(call: Call, name: str) -> int | None:
    """Give a whole number, or None if it was not sent. Raises `ApiError` -1102 for anything else."""
    text = call.parameters.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.") from error


def limit(call: Call, default: int, most: int) -> int:
    """Give how many rows are wanted. Raises `ApiError` -1130 for fewer than 1 or more than `most`."""
    found = number(call, "limit")
    if found is None:
        return default
    if not 1 <= found <= most:
        raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
    return found


def times(call: Call) -> tuple[int | None, int | None]:
    """Give start and end. Raises `ApiError` -1023 if the start is after the end."""
    start, end = number(call, "startTime"), number(call, "endTime")
    if start is not None and end is not None and start > end:
        raise ApiError(-1023, "Start time is greater than end time.")
    return start, end


def contract_type(call: Call) -> str:
    """Give a contract type, which must be sent. Raises `ApiError` -1130 for another word."""
    found = required(call, "contractType")
    if found not in _CONTRACT_TYPES:
        raise ApiError(-1130, "Data sent for parameter 'contractType' is not valid.")
    return found


def interval(call: Call) -> str:
    """Give a candle's interval. Raises `ApiError` -1120."""
    found = required(call, "interval")
    if found not in SPANS_MS:
        raise ApiError(-1120, "Invalid interval.")
    return found


def fixed(weight: int) -> Callable[[Mapping[str, str]], int]:
    """Give the weight of an endpoint that always weighs the same."""
    return lambda _: weight


def by_symbol(one: int, all_: int) -> Callable[[Mapping[str, str]], int]:
    """Give the weight of an endpoint that weighs more without a symbol."""
    return lambda sent: one if sent.get("symbol") else all_


def by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Mapping[str, str]], int]:
    """Give a weight that grows with `limit`: `(up to this many, weight)`, the last one for all above."""

    def weight(sent: Mapping[str, str]) -> int:
        text = sent.get("limit", "")
        wanted = int(text) if text.isdecimal() else default
        return next((cost for most, cost in steps if wanted <= most), steps[-1][1])

    return weight
