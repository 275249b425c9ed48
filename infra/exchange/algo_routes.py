"""The private endpoints of conditional orders (`/fapi/v1/algoOrder` and its kin)."""

from __future__ import annotations

from collections.abc import Iterable

from domain.exchange import conditional
from domain.exchange.exchange import Exchange
from domain.exchange.orders import Algo
from infra.exchange.order_routes import DONE, WEEK_MS, window
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.sent import Sent, by_symbol, new_algo, weighing
from infra.exchange.written import Row, algo_row, queried_algo_row


class AlgoRoutes:
    """Handlers of conditional orders over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        """List the endpoints with their weights."""
        signed, one = Security.SIGNED, weighing(1)
        path = "/fapi/v1/"
        return [
            Route("POST", path + "algoOrder", signed, weighing(0), self.place, one),
            Route("DELETE", path + "algoOrder", signed, one, self.cancel),
            Route("GET", path + "algoOrder", signed, one, self.query),
            Route("DELETE", path + "algoOpenOrders", signed, one, self.cancel_all),
            Route("GET", path + "openAlgoOrders", signed, by_symbol(1, 40), self.open_algos),
            Route("GET", path + "allAlgoOrders", signed, weighing(5), self.all_algos),
        ]

    def place(self, call: Call) -> Row:
        """POST algoOrder."""
        algo = self._exchange.place_algo(call.account, new_algo(Sent(call.parameters)), call.now_ms)
        return algo_row(algo, self._exchange.contract(algo.wish.symbol).listing)

    def cancel(self, call: Call) -> Row:
        """DELETE algoOrder: code "200" is a text here."""
        algo_id, client_id = Sent(call.parameters).algo_reference()
        algo = self._exchange.cancel_algo(call.account, algo_id, client_id, call.now_ms)
        return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def cancel_all(self, call: Call) -> Row:
        """DELETE algoOpenOrders of a symbol."""
        self._exchange.cancel_all_algos(call.account, Sent(call.parameters).symbol(), call.now_ms)
        return dict(DONE)

    def query(self, call: Call) -> Row:
        """GET algoOrder; -2013 for one that never was."""
        algo_id, client_id = Sent(call.parameters).algo_reference()
        algo = conditional.find(self._exchange.account(call.account), algo_id, client_id)
        if algo is None:
            raise ApiError(-2013, "Order does not exist.")
        return queried_algo_row(algo, self._exchange.contract(algo.wish.symbol).listing)

    def open_algos(self, call: Call) -> list[Row]:
        """GET openAlgoOrders of one symbol or of all."""
        sent = Sent(call.parameters)
        symbol, algo_id = sent.text("symbol").upper(), sent.integer("algoId")
        if symbol:
            self._exchange.contract(symbol)
        waiting = self._exchange.account(call.account).open_algos.values()
        return self._rows(a for a in waiting if symbol in ("", a.wish.symbol) and algo_id in (0, a.algo_id))

    def all_algos(self, call: Call) -> list[Row]:
        """GET allAlgoOrders of a symbol: from an id upward, or of a time window; oldest first."""
        sent = Sent(call.parameters)
        symbol, first, most = sent.symbol(), sent.integer("algoId"), sent.limit(500, 1000)
        self._exchange.contract(symbol)
        algos = [a for a in self._exchange.account(call.account).algos.values() if a.wish.symbol == symbol]
        if first:
            return self._rows([a for a in algos if a.algo_id >= first][:most])
        start, end = window(sent, call.now_ms, WEEK_MS)
        return self._rows([a for a in algos if start <= a.created_ms <= end][-most:])

    def _rows(self, algos: Iterable[Algo]) -> list[Row]:
        return [queried_algo_row(algo, self._exchange.contract(algo.wish.symbol).listing) for algo in algos]
