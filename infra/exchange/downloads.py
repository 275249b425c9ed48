"""Histories as files: GET income/asyn, order/asyn and trade/asyn order one, and with /id they say where it is.

The real exchange makes a file in the background and gives a link that lives for a week. Here the file is ready at once,
and its link holds it: a `data:` URL of CSV, so that nothing has to be kept or served.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

import msgspec

from domain.exchange.exchange import Exchange
from infra.exchange.account_routes import income_row, trade_row
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.sent import Sent, missing, weighing
from infra.exchange.written import Row, order_row

YEAR_MS = 366 * 86_400_000
VALID_MS = 7 * 86_400_000
KEPT_MAX = 1_000
"""How many orders of files are remembered."""
_PREPARING_MS = 7_241_837
"""What the average file takes, as told in the documentation's example."""


class _Wanted(msgspec.Struct, frozen=True):
    """A file that was ordered."""

    kind: str
    account: str
    start_ms: int
    end_ms: int
    ordered_ms: int


class Downloads:
    """Handlers of files over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._wanted: dict[str, _Wanted] = {}
        self._next_id = 546_975_389_218_332_672
        self._rows: dict[str, Callable[[_Wanted], Iterator[Row]]] = {
            "income": self._incomes, "order": self._orders, "trade": self._trades,
        }  # fmt: skip

    def routes(self) -> list[Route]:
        """List the endpoints with their weights (Binance's SDK 18)."""
        ordered, asked = weighing(1_000), weighing(10)
        return [
            route
            for kind in self._rows
            for route in (
                Route("GET", f"/fapi/v1/{kind}/asyn", Security.SIGNED, ordered, self._order_file),
                Route("GET", f"/fapi/v1/{kind}/asyn/id", Security.SIGNED, asked, self._file),
            )
        ]

    def _order_file(self, call: Call) -> Row:
        sent = Sent(call.parameters)
        start, end = sent.integer("startTime", -1), sent.integer("endTime", -1)
        for name, value in (("startTime", start), ("endTime", end)):
            if value < 0:
                raise missing(name)
        if start > end:
            raise ApiError(-1023, "Start time is greater than end time.")
        if end - start > YEAR_MS:
            raise ApiError(-4165, "Maximum time interval is 366 days")
        self._next_id += 1
        self._wanted[str(self._next_id)] = _Wanted(_kind(call), call.account, start, end, call.now_ms)
        if len(self._wanted) > KEPT_MAX:
            del self._wanted[next(iter(self._wanted))]
        return {"avgCostTimestampOfLast30d": _PREPARING_MS, "downloadId": str(self._next_id)}

    def _file(self, call: Call) -> Row:
        file_id = Sent(call.parameters).required("downloadId")
        wanted = self._wanted.get(file_id)
        if wanted is None or (wanted.kind, wanted.account) != (_kind(call), call.account):
            raise ApiError(-1130, "Data sent for parameter 'downloadId' is not valid.")
        return {
            "downloadId": file_id,
            "status": "completed",
            "url": "data:text/csv;charset=utf-8," + quote(_csv(self._rows[wanted.kind](wanted))),
            "notified": True,
            "expirationTimestamp": wanted.ordered_ms + VALID_MS,
            "isExpired": None,
        }

    # ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _incomes(self, wanted: _Wanted) -> Iterator[Row]:
        account = self._exchange.account(wanted.account)
        return (income_row(row) for row in account.income if wanted.start_ms <= row.time_ms <= wanted.end_ms)

    def _orders(self, wanted: _Wanted) -> Iterator[Row]:
        account, contract = self._exchange.account(wanted.account), self._exchange.contract
        return (
            order_row(order, contract(order.symbol).listing)
            for order in account.orders.values()
            if wanted.start_ms <= order.created_ms <= wanted.end_ms
        )

    def _trades(self, wanted: _Wanted) -> Iterator[Row]:
        account, contract = self._exchange.account(wanted.account), self._exchange.contract
        return (
            trade_row(fill, contract(fill.symbol).listing)
            for fill in account.fills
            if wanted.start_ms <= fill.time_ms <= wanted.end_ms
        )


def _kind(call: Call) -> str:
    return call.path.split("/")[3]


def _csv(rows: Iterable[Row]) -> str:
    """Write rows under a header of all their names: not every order has the same ones. Nothing for no rows."""
    written, text = list(rows), io.StringIO()
    if written:
        names = dict.fromkeys(name for row in written for name in row)
        table = csv.DictWriter(text, list(names))
        table.writeheader()
        table.writerows(written)
    return text.getvalue()
