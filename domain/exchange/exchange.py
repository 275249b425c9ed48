"""The exchange's front door: every wish of a client and every move of the market (see the package's docstring)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from domain.exchange import changing, conditional, customs, margin, matching, placing, risk
from domain.exchange.facts import BookChanged, Depth, Fact
from domain.exchange.listing import Level, Listing, Mark, Print
from domain.exchange.orders import Algo, Change, NewAlgo, NewOrder, Order, PositionSide
from domain.exchange.world import Account, Contract, World
from domain.values import ZERO

ROUNDS_MAX = 1_000
"""Triggered orders may trigger others by their own trades; a chain longer than this is a bug."""


class Exchange:
    """All contracts and accounts of one exchange. Not thread-safe: one writer.

    Every wish raises `ExchangeRejected(code, text)` if it is refused, and then nothing has changed. The market may be
    told late what came before a wish: what that brings about happens at the wish's time, never before it.
    """

    def __init__(self, listings: Iterable[Listing]) -> None:
        self.world = World({listing.symbol: Contract(listing) for listing in listings})

    def drain(self) -> list[Fact]:
        """Give what happened since the last call, in order."""
        facts, self.world.facts = self.world.facts, []
        return facts

    def _settle(self, now_ms: int) -> None:
        """Let trades trigger conditional orders until nothing moves; then tell which books changed."""
        world, rounds = self.world, 0
        while world.traded:
            symbols, world.traded = list(world.traded), {}
            for symbol in symbols:
                contract = world.contracts[symbol]
                if contract.algos:
                    conditional.watch(world, contract, now_ms)
            rounds += 1
            assert rounds < ROUNDS_MAX, f"conditional orders still trigger each other after {rounds} rounds"
        if world.changed_books:
            world.facts.extend(BookChanged(symbol, now_ms) for symbol in world.changed_books)
            world.changed_books = {}

    # ── accounts ──────────────────────────────────────────────────────────────────────────────────────────────────

    def open_account(self, name: str, deposit: Decimal, now_ms: int) -> Account:
        """Make an account (or find it) and pay USDT in."""
        return customs.open_account(self.world, name, deposit, now_ms)

    def deposit(self, account: str, amount: Decimal, now_ms: int) -> None:
        """Pay USDT in, or out where negative."""
        customs.deposit(self.world, account, amount, now_ms)

    def account(self, name: str) -> Account:
        """Find an account: to read, not to write."""
        return self.world.account(name)

    def contract(self, symbol: str) -> Contract:
        """Find a contract: to read, not to write."""
        return self.world.contract(symbol)

    def margin(self, account: str) -> margin.Margin:
        """Add up an account at the mark prices of now."""
        return margin.margin_of(self.world, self.world.account(account))

    # ── market ────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_book(self, symbol: str, bids: Sequence[Level], asks: Sequence[Level], now_ms: int) -> None:
        """Replace the anonymous liquidity (best first, no level empty); what reaches clients' orders fills them."""
        now_ms = max(now_ms, self.world.wished_ms)
        contract = self.world.contract(symbol)
        contract.bids.replace(bids)
        contract.asks.replace(asks)
        matching.rebooked(self.world, contract, now_ms)
        self._settle(now_ms)

    def on_print(self, trade: Print) -> int:
        """Take an anonymous trade: it fills who waits there, and may trigger. Gives its trade id."""
        contract = self.world.contract(trade.symbol)
        if (now_ms := self.world.wished_ms) > trade.time_ms:
            trade = replace(trade, time_ms=now_ms)
        trade_id = contract.draw_trade_id(trade.trades)
        matching.printed(self.world, contract, trade, trade_id)
        if contract.algos:
            self.world.traded[trade.symbol] = None
        self._settle(trade.time_ms)
        return trade_id

    def on_mark(self, mark: Mark) -> None:
        """Take a new mark price: it may trigger conditional orders and liquidate positions."""
        contract = self.world.contract(mark.symbol)
        contract.mark = mark
        now_ms = max(mark.time_ms, self.world.wished_ms)
        if contract.holders:
            risk.watch(self.world, contract, now_ms)
        if contract.algos:
            conditional.watch(self.world, contract, now_ms)
        self._settle(now_ms)

    def settle_funding(self, symbol: str, now_ms: int) -> None:
        """Pay funding between the holders of a contract, at the rate and mark price of its last `Mark`."""
        contract = self.world.contract(symbol)
        risk.settle_funding(self.world, contract, now_ms)
        risk.watch(self.world, contract, now_ms)
        self._settle(now_ms)

    def advance(self, now_ms: int) -> None:
        """Let time run out for GTD orders and cancel countdowns."""
        now_ms = max(now_ms, self.world.wished_ms)
        changing.advance(self.world, now_ms)
        conditional.advance(self.world, now_ms)
        self._settle(now_ms)

    # ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────

    def check(self, account: str, wish: NewOrder, now_ms: int) -> None:
        """Check an order without placing it."""
        placing.admit(self.world, account, wish, now_ms)

    def place(self, account: str, wish: NewOrder, now_ms: int) -> Order:
        """Place an order; the answer shows what became of it at once."""
        now_ms = self.world.wished(now_ms)
        admitted = placing.admit(self.world, account, wish, now_ms)
        order = placing.accept(self.world, admitted, now_ms)
        self._settle(now_ms)
        return order

    def cancel(self, account: str, symbol: str, order_id: int, client_id: str, now_ms: int) -> Order:
        """Cancel an open order by its id, or by the client's (id 0)."""
        now_ms = self.world.wished(now_ms)
        order = changing.cancel(self.world, account, symbol, order_id, client_id, now_ms)
        self._settle(now_ms)
        return order

    def cancel_all(self, account: str, symbol: str, now_ms: int) -> list[Order]:
        """Cancel all open orders of a contract (conditional ones wait on)."""
        now_ms = self.world.wished(now_ms)
        orders = changing.cancel_all(self.world, account, symbol, now_ms)
        self._settle(now_ms)
        return orders

    def amend(self, account: str, symbol: str, order_id: int, client_id: str, change: Change, now_ms: int) -> Order:
        """Change price and quantity of an open LIMIT order."""
        now_ms = self.world.wished(now_ms)
        order = changing.amend(self.world, account, symbol, order_id, client_id, change, now_ms)
        self._settle(now_ms)
        return order

    def count_down(self, account: str, symbol: str, milliseconds: int, now_ms: int) -> None:
        """Cancel all orders of a contract in so many milliseconds, unless told again; 0 stops the countdown."""
        changing.count_down(self.world, account, symbol, milliseconds, now_ms)

    # ── conditional orders ────────────────────────────────────────────────────────────────────────────────────────

    def place_algo(self, account: str, wish: NewAlgo, now_ms: int) -> Algo:
        """Place a conditional order."""
        now_ms = self.world.wished(now_ms)
        return conditional.place(self.world, account, wish, now_ms)

    def cancel_algo(self, account: str, algo_id: int, client_id: str, now_ms: int) -> Algo:
        """Cancel a waiting conditional order by its id, or by the client's (id 0)."""
        now_ms = self.world.wished(now_ms)
        return conditional.cancel(self.world, account, algo_id, client_id, now_ms)

    def cancel_all_algos(self, account: str, symbol: str, now_ms: int) -> list[Algo]:
        """Cancel all waiting conditional orders of a contract."""
        now_ms = self.world.wished(now_ms)
        self.world.contract(symbol)
        waiting = [a for a in self.world.account(account).open_algos.values() if a.wish.symbol == symbol]
        return [conditional.cancel(self.world, account, algo.algo_id, "", now_ms) for algo in waiting]

    # ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────

    def set_leverage(self, account: str, symbol: str, leverage: int, now_ms: int) -> Decimal:
        """Set the leverage of a contract, and give the largest position (USDT) that it allows."""
        return customs.set_leverage(self.world, account, symbol, leverage, now_ms)

    def set_margin_type(self, account: str, symbol: str, now_ms: int, *, isolated: bool) -> None:
        """Set a contract to isolated or crossed margin."""
        customs.set_margin_type(self.world, account, symbol, isolated, now_ms)

    def set_position_mode(self, account: str, now_ms: int, *, hedge: bool) -> None:
        """Set one-way or hedge mode."""
        customs.set_position_mode(self.world, account, hedge, now_ms)

    def set_multi_assets(self, account: str, now_ms: int, *, on: bool) -> None:
        """Switch multi-assets mode."""
        customs.set_multi_assets(self.world, account, on, now_ms)

    def set_fee_burn(self, account: str, *, on: bool) -> None:
        """Say whether fees are to be paid in BNB; nobody has any here."""
        self.world.account(account).fee_burn = on

    def move_margin(self, account: str, symbol: str, side: PositionSide, amount: Decimal, now_ms: int) -> None:
        """Move margin into an isolated position, or out of it where negative."""
        customs.move_margin(self.world, account, symbol, side, amount, now_ms)

    # ── the merged book ───────────────────────────────────────────────────────────────────────────────────────────

    def depth(self, symbol: str, levels: int) -> Depth:
        """Give the book: anonymous levels and clients' orders together, best first."""
        contract = self.world.contract(symbol)
        return Depth(contract.bids.depth(levels), contract.asks.depth(levels))

    def best(self, symbol: str) -> tuple[Level | None, Level | None]:
        """Give the best bid and ask with their quantities."""
        contract = self.world.contract(symbol)
        bids, asks = contract.bids.depth(1), contract.asks.depth(1)
        return bids[0] if bids else None, asks[0] if asks else None

    def last_price(self, symbol: str) -> Decimal | None:
        """Give the price of the last trade, anonymous or not; None before the first."""
        return self.world.contract(symbol).last

    def open_interest_of_clients(self, symbol: str) -> Decimal:
        """Give what clients hold long in a contract (base asset)."""
        contract = self.world.contract(symbol)
        total = ZERO
        for name in contract.holders:
            for leg in self.world.accounts[name].slots[symbol].legs.values():
                total += max(ZERO, leg.amount)
        return total
