"""The private endpoints that tell of an account: balances, positions, trades, income, rates."""

from __future__ import annotations

from domain.exchange.exchange import Exchange
from domain.exchange.facts import Fill, Income
from domain.exchange.listing import Listing
from domain.exchange.settling import fee_rate
from infra.exchange import account_rows as rows
from infra.exchange.order_routes import WEEK_MS, window
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.sent import Sent, by_symbol, weighing
from infra.exchange.written import (
    Row,
    money_or_zero,
    money_text,
    order_row,
    plain,
    price_text,
    quantity_text,
    quote_text,
)

QUARTER_MS = 90 * 86_400_000
RPI_FEE = "0.00005"
"""What retail price improvement orders would pay; nobody here may place one."""


class AccountRoutes:
    """Handlers that read one exchange's accounts."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        """List the endpoints with their weights (specs/binance.md §3)."""
        five = weighing(5)
        listed = [
            ("v1/account", five, self.full_account),
            ("v2/account", five, self.full_account),
            ("v3/account", five, self.open_account),
            ("v1/balance", five, self.balance),
            ("v2/balance", five, self.balance),
            ("v3/balance", five, self.balance),
            ("v1/positionRisk", five, self.all_positions),
            ("v2/positionRisk", five, self.all_positions),
            ("v3/positionRisk", five, self.open_positions),
            ("v1/userTrades", five, self.trades),
            ("v1/income", weighing(30), self.income),
            ("v1/leverageBracket", weighing(1), self.brackets),
            ("v1/commissionRate", weighing(20), self.commission),
            ("v1/symbolConfig", five, self.symbol_config),
            ("v1/accountConfig", five, self.account_config),
            ("v1/adlQuantile", five, self.adl),
            ("v1/forceOrders", by_symbol(20, 50), self.forced),
            ("v1/rateLimit/order", weighing(1), self.order_limits),
            ("v1/apiTradingStatus", by_symbol(1, 10), self.trading_status),
            ("v1/positionMargin/history", weighing(1), self.margin_moves),
        ]
        return [Route("GET", "/fapi/" + path, Security.SIGNED, weight, handler) for path, weight, handler in listed]

    def _listing(self, symbol: str) -> Listing:
        return self._exchange.contract(symbol).listing

    # ── balances and positions ────────────────────────────────────────────────────────────────────────────────────

    def open_account(self, call: Call) -> Row:
        """GET v3/account: positions only where something is open."""
        account, margin = self._exchange.account(call.account), self._exchange.margin(call.account)
        held = rows.held_by(self._exchange, account, "", everything=False)
        positions = [rows.account_position(one) for one in held]
        return {**rows.totals_row(margin), "assets": [rows.asset_row(account, margin)], "positions": positions}

    def full_account(self, call: Call) -> Row:
        """GET v2/account: every contract."""
        account, margin = self._exchange.account(call.account), self._exchange.margin(call.account)
        held = rows.held_by(self._exchange, account, "", everything=True)
        return {
            **rows.config_row(account),
            "feeBurn": account.fee_burn,
            **rows.totals_row(margin),
            "assets": [{**rows.asset_row(account, margin), "marginAvailable": True}],
            "positions": [rows.detailed_account_position(one) for one in held],
        }

    def balance(self, call: Call) -> list[Row]:
        """GET v2/balance and v3/balance."""
        account, margin = self._exchange.account(call.account), self._exchange.margin(call.account)
        return [
            {
                "accountAlias": account.name,
                "asset": rows.ASSET,
                "balance": money_text(margin.wallet),
                "crossWalletBalance": money_text(margin.cross_wallet),
                "crossUnPnl": money_text(margin.cross_unrealized),
                "availableBalance": money_text(margin.available),
                "maxWithdrawAmount": money_text(rows.withdrawable(margin)),
                "marginAvailable": True,
                "updateTime": account.updated_ms,
            }
        ]

    def open_positions(self, call: Call) -> list[Row]:
        """GET v3/positionRisk: only where something is open."""
        account, symbol = self._exchange.account(call.account), Sent(call.parameters).text("symbol").upper()
        return [rows.open_position(one) for one in rows.held_by(self._exchange, account, symbol, everything=False)]

    def all_positions(self, call: Call) -> list[Row]:
        """GET v2/positionRisk: every contract, in hedge mode both legs."""
        account, symbol = self._exchange.account(call.account), Sent(call.parameters).text("symbol").upper()
        return [rows.listed_position(one) for one in rows.held_by(self._exchange, account, symbol, everything=True)]

    # ── ledger ────────────────────────────────────────────────────────────────────────────────────────────────────

    def trades(self, call: Call) -> list[Row]:
        """GET userTrades: from a trade id upward, or of a time window of at most seven days; oldest first."""
        sent = Sent(call.parameters)
        symbol, most, first = sent.symbol(), sent.limit(500, 1000), sent.integer("fromId")
        listing, order_id = self._listing(symbol), sent.integer("orderId")
        if first and (sent.text("startTime") or sent.text("endTime")):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        fills = [
            fill
            for fill in self._exchange.account(call.account).fills
            if fill.symbol == symbol and (not order_id or fill.order_id == order_id)
        ]
        if first:
            return [trade_row(fill, listing) for fill in fills if fill.trade_id >= first][:most]
        start, end = window(sent, call.now_ms, WEEK_MS)
        fills = [fill for fill in fills if start <= fill.time_ms <= end]
        return [trade_row(fill, listing) for fill in (fills[:most] if sent.text("startTime") else fills[-most:])]

    def income(self, call: Call) -> list[Row]:
        """GET income: of seven days, or of a window in the last three months; `page` counts from 1; oldest first."""
        sent = Sent(call.parameters)
        symbol, kind, most = sent.text("symbol").upper(), sent.text("incomeType"), sent.limit(100, 1000)
        start, end = sent.integer("startTime"), sent.integer("endTime") or call.now_ms
        if start > end:
            raise ApiError(-1023, "Start time is greater than end time.")
        start = max(start or end - WEEK_MS, call.now_ms - QUARTER_MS)
        found = [
            row
            for row in self._exchange.account(call.account).income
            if start <= row.time_ms <= end and symbol in ("", row.symbol) and kind in ("", row.kind)
        ]
        page = max(1, sent.integer("page", 1))
        if sent.text("startTime") or sent.text("page"):
            found = found[(page - 1) * most : page * most]
        return [income_row(row) for row in found[-most:]]

    def forced(self, call: Call) -> list[Row]:
        """GET forceOrders: liquidations, newest first."""
        sent = Sent(call.parameters)
        symbol, kind = sent.text("symbol").upper(), sent.text("autoCloseType")
        start, end = window(sent, call.now_ms, WEEK_MS)
        found = [
            {**order_row(order, self._listing(order.symbol)), "pair": order.symbol}
            for order in reversed(self._exchange.account(call.account).forced)
            if symbol in ("", order.symbol) and kind in ("", "LIQUIDATION") and start <= order.created_ms <= end
        ]
        return found[: sent.limit(50, 100)]

    def margin_moves(self, call: Call) -> list[Row]:
        """GET positionMargin/history of a symbol, newest first."""
        sent = Sent(call.parameters)
        symbol, kind = sent.symbol(), sent.integer("type")
        found: list[Row] = [
            {
                "symbol": symbol, "type": 1 if row.amount > 0 else 2, "deltaType": row.info,
                "amount": plain(abs(row.amount)), "asset": rows.ASSET, "time": row.time_ms, "positionSide": row.kind,
            }
            for row in reversed(self._exchange.account(call.account).margin_moves)
            if row.symbol == symbol and kind in (0, 1 if row.amount > 0 else 2)
        ]  # fmt: skip
        return found[: sent.limit(500, 500)]

    # ── rules and rates ───────────────────────────────────────────────────────────────────────────────────────────

    def brackets(self, call: Call) -> list[Row]:
        """GET leverageBracket of one symbol or of all."""
        symbol = Sent(call.parameters).text("symbol").upper()
        contracts = [self._exchange.contract(symbol)] if symbol else list(self._exchange.world.contracts.values())
        return [bracket_row(contract.listing) for contract in contracts]

    def commission(self, call: Call) -> Row:
        """GET commissionRate of a symbol."""
        symbol = Sent(call.parameters).symbol()
        account, contract = self._exchange.account(call.account), self._exchange.contract(symbol)
        return {
            "symbol": symbol,
            "makerCommissionRate": plain(fee_rate(account, contract, maker=True)),
            "takerCommissionRate": plain(fee_rate(account, contract, maker=False)),
            "rpiCommissionRate": RPI_FEE,
        }

    def symbol_config(self, call: Call) -> list[Row]:
        """GET symbolConfig of one symbol or of all."""
        account, symbol = self._exchange.account(call.account), Sent(call.parameters).text("symbol").upper()
        seen: dict[str, Row] = {}
        for held in rows.held_by(self._exchange, account, symbol, everything=True):
            seen[held.listing.symbol] = {
                "symbol": held.listing.symbol,
                "marginType": "ISOLATED" if held.slot.isolated else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": held.slot.leverage,
                "maxNotionalValue": plain(held.largest),
            }
        return list(seen.values())

    def account_config(self, call: Call) -> Row:
        """GET accountConfig."""
        account = self._exchange.account(call.account)
        return {**rows.config_row(account), "dualSidePosition": account.hedge}

    def adl(self, call: Call) -> list[Row]:
        """GET adlQuantile: ranks in the queue of auto-deleveraging."""
        account, symbol = self._exchange.account(call.account), Sent(call.parameters).text("symbol").upper()
        found: dict[str, dict[str, int]] = {}
        for held in rows.held_by(self._exchange, account, symbol, everything=False):
            ranks = found.setdefault(
                held.listing.symbol, {"LONG": 0, "SHORT": 0, "HEDGE" if account.hedge else "BOTH": 0}
            )
            ranks[held.leg.side] = rows.adl_of(held)
        return [{"symbol": name, "adlQuantile": ranks} for name, ranks in found.items()]

    def order_limits(self, _: Call) -> list[Row]:
        """GET rateLimit/order."""
        return [
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        ]

    def trading_status(self, call: Call) -> Row:
        """GET apiTradingStatus: nobody is restricted here."""
        return {"indicators": {}, "updateTime": call.now_ms}


def trade_row(fill: Fill, listing: Listing) -> Row:
    """Write a trade as userTrades does."""
    quote = quote_text(listing, fill.price * fill.quantity)
    return {
        "symbol": fill.symbol,
        "pair": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side,
        "price": price_text(listing, fill.price),
        "qty": quantity_text(listing, fill.quantity),
        "baseQty": quantity_text(listing, fill.quantity),
        "quoteQty": quote,
        "realizedPnl": money_or_zero(fill.realized),
        "marginAsset": rows.ASSET,
        "commission": money_text(fill.fee),
        "commissionAsset": rows.ASSET,
        "time": fill.time_ms,
        "positionSide": fill.position_side,
        "buyer": fill.side == "BUY",
        "maker": fill.maker,
    }


def income_row(row: Income) -> Row:
    """Write a row of the ledger."""
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": money_text(row.amount),
        "asset": rows.ASSET,
        "time": row.time_ms,
        "info": row.info or row.kind,
        "tranId": row.tran_id,
        "tradeId": str(row.trade_id) if row.trade_id else "",
    }


def bracket_row(listing: Listing) -> Row:
    """Write the leverage brackets of a contract; numbers are numbers here."""
    return {
        "symbol": listing.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": bracket.number,
                "initialLeverage": bracket.leverage,
                "notionalCap": int(bracket.notional_cap),
                "notionalFloor": int(bracket.notional_floor),
                "maintMarginRatio": float(bracket.maintenance_rate),
                "cum": float(bracket.cumulative),
            }
            for bracket in listing.brackets
        ],
    }
