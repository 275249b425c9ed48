"""The private endpoints that set something: leverage, margin type, position mode, asset mode, margin, fee burn."""

from __future__ import annotations

from domain.exchange.exchange import Exchange
from domain.exchange.orders import PositionSide
from domain.exchange.refusals import refusal
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.sent import Sent, missing, weighing
from infra.exchange.written import Row, plain

DONE: Row = {"code": 200, "msg": "success"}


class CustomRoutes:
    """Handlers of an account's settings over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        """List the endpoints with their weights (specs/binance.md §3)."""
        signed, one, thirty = Security.SIGNED, weighing(1), weighing(30)
        path = "/fapi/v1/"
        return [
            Route("POST", path + "leverage", signed, one, self.set_leverage),
            Route("POST", path + "marginType", signed, one, self.set_margin_type),
            Route("POST", path + "positionMargin", signed, one, self.move_margin),
            Route("POST", path + "positionSide/dual", signed, one, self.set_position_mode),
            Route("GET", path + "positionSide/dual", signed, thirty, self.position_mode),
            Route("POST", path + "multiAssetsMargin", signed, one, self.set_multi_assets),
            Route("GET", path + "multiAssetsMargin", signed, thirty, self.multi_assets),
            Route("POST", path + "feeBurn", signed, one, self.set_fee_burn),
            Route("GET", path + "feeBurn", signed, thirty, self.fee_burn),
        ]

    def set_leverage(self, call: Call) -> Row:
        """POST leverage."""
        sent = Sent(call.parameters)
        symbol, wanted = sent.symbol(), sent.required("leverage")
        if wanted.startswith("-"):
            raise refusal(-4028, wanted)
        leverage = sent.integer("leverage")
        largest = self._exchange.set_leverage(call.account, symbol, leverage, call.now_ms)
        return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": plain(largest)}

    def set_margin_type(self, call: Call) -> Row:
        """POST marginType: ISOLATED or CROSSED (some clients say CROSS)."""
        sent = Sent(call.parameters)
        symbol, kind = sent.symbol(), sent.required("marginType").upper()
        if kind not in ("ISOLATED", "CROSSED", "CROSS"):
            raise ApiError(-1130, "Data sent for parameter 'marginType' is not valid.")
        self._exchange.set_margin_type(call.account, symbol, call.now_ms, isolated=kind == "ISOLATED")
        return dict(DONE)

    def move_margin(self, call: Call) -> Row:
        """POST positionMargin: type 1 adds, 2 takes away."""
        sent = Sent(call.parameters)
        symbol, amount, kind = sent.symbol(), sent.amount("amount"), sent.integer("type")
        if kind not in (1, 2):
            raise missing("type") if not kind else ApiError(-1130, "Data sent for parameter 'type' is not valid.")
        if amount <= 0:
            raise ApiError(-4055, "Amount must be positive.")
        side = sent.word("positionSide", PositionSide, PositionSide.BOTH)
        self._exchange.move_margin(call.account, symbol, side, amount if kind == 1 else -amount, call.now_ms)
        return {"amount": float(amount), "code": 200, "msg": "Successfully modify position margin.", "type": kind}

    def set_position_mode(self, call: Call) -> Row:
        """POST positionSide/dual: true is hedge mode."""
        sent = Sent(call.parameters)
        sent.required("dualSidePosition")
        self._exchange.set_position_mode(call.account, call.now_ms, hedge=sent.flag("dualSidePosition"))
        return dict(DONE)

    def position_mode(self, call: Call) -> Row:
        """GET positionSide/dual."""
        return {"dualSidePosition": self._exchange.account(call.account).hedge}

    def set_multi_assets(self, call: Call) -> Row:
        """POST multiAssetsMargin."""
        sent = Sent(call.parameters)
        sent.required("multiAssetsMargin")
        self._exchange.set_multi_assets(call.account, call.now_ms, on=sent.flag("multiAssetsMargin"))
        return dict(DONE)

    def multi_assets(self, call: Call) -> Row:
        """GET multiAssetsMargin."""
        return {"multiAssetsMargin": self._exchange.account(call.account).multi_assets}

    def set_fee_burn(self, call: Call) -> Row:
        """POST feeBurn; there is no BNB here, so fees stay as they are."""
        sent = Sent(call.parameters)
        sent.required("feeBurn")
        self._exchange.set_fee_burn(call.account, on=sent.flag("feeBurn"))
        return dict(DONE)

    def fee_burn(self, call: Call) -> Row:
        """GET feeBurn."""
        return {"feeBurn": self._exchange.account(call.account).fee_burn}
