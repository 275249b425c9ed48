"""What the exchange remembers: contracts with their books, accounts with their slots, counters, facts not yet told.

    World ─┬─ Contract (a symbol): bids, asks, mark, last price, conditional orders that wait
           └─ Account ── Slot (a symbol): leverage, margin type, open orders ── Leg (BOTH, LONG, SHORT): the position

Mutable, for speed; only the modules of this package write it, and only through `Exchange`.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

from domain.exchange.book import Half
from domain.exchange.facts import Amendment, Fact, Fill, Income
from domain.exchange.listing import Listing, Mark
from domain.exchange.orders import Algo, AlgoStatus, Order, PositionSide
from domain.exchange.refusals import refusal
from domain.values import ZERO, OrderSide

DEFAULT_LEVERAGE = 20
FIRST_ORDER_ID = 8_389_000_000_001
FIRST_ALGO_ID = 4_000_000_000_000_001
FIRST_TRADE_ID = 6_000_000_001
LEDGER_ROWS = 50_000
ORDERS_KEPT = 20_000


class Leg(msgspec.Struct):
    """One position: BOTH in one-way mode, LONG or SHORT in hedge mode. `amount` is signed.

    `paid` is what entering cost beyond the price: fees, less realised profit; it moves the break-even price. `called`:
    an isolated position's owner was warned, and the danger isn't over yet.
    """

    symbol: str
    side: PositionSide
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    paid: Decimal = ZERO
    realized: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0
    called: bool = False

    def unrealized(self, mark: Decimal) -> Decimal:
        """Give the profit that closing at `mark` would realise."""
        return (mark - self.entry) * self.amount

    @property
    def break_even(self) -> Decimal:
        """The price at which closing now would leave neither profit nor loss, fees so far included."""
        return self.entry + self.paid / self.amount if self.amount else ZERO

    def reduced_by(self, side: OrderSide) -> bool:
        """Say whether an order of this side makes the position smaller."""
        return self.amount < 0 if side is OrderSide.BUY else self.amount > 0


class Slot(msgspec.Struct):
    """An account's part of one contract. `bids`, `asks`: notional of open orders that open something."""

    symbol: str
    leverage: int = DEFAULT_LEVERAGE
    isolated: bool = False
    legs: dict[PositionSide, Leg] = msgspec.field(default_factory=dict[PositionSide, Leg])
    orders: dict[int, Order] = msgspec.field(default_factory=dict[int, Order])
    bids: Decimal = ZERO
    asks: Decimal = ZERO
    algos: int = 0
    countdown_ms: int = 0

    def leg(self, side: PositionSide) -> Leg:
        """Give one position, empty at first."""
        leg = self.legs.get(side)
        if leg is None:
            leg = self.legs[side] = Leg(self.symbol, side)
        return leg

    @property
    def held(self) -> bool:
        """Whether any position is open."""
        return any(leg.amount for leg in self.legs.values())

    def count(self, order: Order, sign: int) -> None:
        """Add (or take away) what an open order holds."""
        if order.reduces:
            return
        notional = order.price * order.remaining * sign
        if order.side is OrderSide.BUY:
            self.bids += notional
        else:
            self.asks += notional


class Account(msgspec.Struct):
    """One customer: wallet (USDT, isolated wallets included), settings, open orders, history."""

    name: str
    wallet: Decimal = ZERO
    hedge: bool = False
    multi_assets: bool = False
    fee_tier: int = 0
    fee_burn: bool = False
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    updated_ms: int = 0
    slots: dict[str, Slot] = msgspec.field(default_factory=dict[str, Slot])
    by_client_id: dict[str, Order] = msgspec.field(default_factory=dict[str, Order])
    orders: dict[int, Order] = msgspec.field(default_factory=dict[int, Order])
    named: dict[tuple[str, str], int] = msgspec.field(default_factory=dict[tuple[str, str], int])
    algos: dict[int, Algo] = msgspec.field(default_factory=dict[int, Algo])
    open_algos: dict[int, Algo] = msgspec.field(default_factory=dict[int, Algo])
    fills: deque[Fill] = msgspec.field(default_factory=lambda: deque[Fill](maxlen=LEDGER_ROWS))
    income: deque[Income] = msgspec.field(default_factory=lambda: deque[Income](maxlen=LEDGER_ROWS))
    amendments: deque[Amendment] = msgspec.field(default_factory=lambda: deque[Amendment](maxlen=LEDGER_ROWS))
    margin_moves: deque[Income] = msgspec.field(default_factory=lambda: deque[Income](maxlen=LEDGER_ROWS))
    forced: deque[Order] = msgspec.field(default_factory=lambda: deque[Order](maxlen=LEDGER_ROWS))
    called: bool = False

    def slot(self, symbol: str) -> Slot:
        """Give the account's part of a contract, with the exchange's defaults at first."""
        slot = self.slots.get(symbol)
        if slot is None:
            slot = self.slots[symbol] = Slot(symbol)
        return slot

    @property
    def cross_wallet(self) -> Decimal:
        """The wallet without what was set apart for isolated positions."""
        total = self.wallet
        for slot in self.slots.values():
            if slot.isolated:
                for leg in slot.legs.values():
                    total -= leg.isolated_wallet
        return total

    def remember(self, order: Order) -> None:
        """Keep an order; the oldest that are over are forgotten beyond a bound."""
        self.orders[order.order_id] = order
        self.named[order.symbol, order.client_id] = order.order_id
        if len(self.orders) > ORDERS_KEPT:
            for order_id in [key for key, old in self.orders.items() if not old.status.open][: ORDERS_KEPT // 10]:
                old = self.orders.pop(order_id)
                if self.named.get((old.symbol, old.client_id)) == order_id:
                    del self.named[old.symbol, old.client_id]

    def remember_algo(self, algo: Algo) -> None:
        """Keep a conditional order that waits; the oldest that are over are forgotten beyond a bound."""
        self.algos[algo.algo_id] = self.open_algos[algo.algo_id] = algo
        if len(self.algos) > ORDERS_KEPT:
            over = (AlgoStatus.CANCELED, AlgoStatus.FINISHED, AlgoStatus.REJECTED, AlgoStatus.EXPIRED)
            for algo_id in [key for key, old in self.algos.items() if old.status in over][: ORDERS_KEPT // 10]:
                del self.algos[algo_id]

    def find(self, symbol: str, order_id: int, client_id: str) -> Order | None:
        """Find an order by id, or by the client's own id (the newest of that name)."""
        found = self.orders.get(order_id or self.named.get((symbol, client_id), 0))
        return found if found and found.symbol == symbol else None


class Contract(msgspec.Struct):
    """One contract in trade. `holders`: accounts with a position here."""

    listing: Listing
    bids: Half = msgspec.field(default_factory=lambda: Half(OrderSide.BUY))
    asks: Half = msgspec.field(default_factory=lambda: Half(OrderSide.SELL))
    mark: Mark | None = None
    last: Decimal | None = None
    next_trade_id: int = FIRST_TRADE_ID
    holders: dict[str, None] = msgspec.field(default_factory=dict[str, None])
    algos: dict[int, Algo] = msgspec.field(default_factory=dict[int, Algo])

    @property
    def mark_price(self) -> Decimal:
        """The mark price; before the first one the last price, or zero."""
        return self.mark.mark if self.mark else self.last or ZERO

    @property
    def last_price(self) -> Decimal:
        """The price of the last trade; before the first one the mark price."""
        return self.last if self.last is not None else self.mark_price

    def half(self, side: OrderSide) -> Half:
        """Give the half of the book where orders of this side rest."""
        return self.bids if side is OrderSide.BUY else self.asks

    def draw_trade_id(self, count: int = 1) -> int:
        """Give the next trade its number, or the first of the next `count`."""
        drawn = self.next_trade_id
        self.next_trade_id += count
        return drawn


class World(msgspec.Struct):
    """All there is. `fees` and `insurance` are the exchange's own pots (USDT); `wished_ms`: the last wish."""

    contracts: dict[str, Contract]
    accounts: dict[str, Account] = msgspec.field(default_factory=dict[str, Account])
    facts: list[Fact] = msgspec.field(default_factory=list[Fact])
    fees: Decimal = ZERO
    insurance: Decimal = ZERO
    wished_ms: int = 0
    anonymous: Decimal = ZERO
    next_order_id: int = FIRST_ORDER_ID
    next_algo_id: int = FIRST_ALGO_ID
    next_tran_id: int = 1
    changed_books: dict[str, None] = msgspec.field(default_factory=dict[str, None])
    traded: dict[str, None] = msgspec.field(default_factory=dict[str, None])
    good_till: list[tuple[int, int, str]] = msgspec.field(default_factory=list[tuple[int, int, str]])
    algos_good_till: list[tuple[int, int, str]] = msgspec.field(default_factory=list[tuple[int, int, str]])
    countdowns: dict[tuple[str, str], int] = msgspec.field(default_factory=dict[tuple[str, str], int])

    def wished(self, now_ms: int) -> int:
        """Give the time of a wish: no earlier than the last one."""
        self.wished_ms = max(self.wished_ms, now_ms)
        return self.wished_ms

    def contract(self, symbol: str) -> Contract:
        """Find a contract, or refuse with -1121."""
        contract = self.contracts.get(symbol)
        if contract is None:
            raise refusal(-1121)
        return contract

    def account(self, name: str) -> Account:
        """Find an account, or refuse with -4109."""
        account = self.accounts.get(name)
        if account is None:
            raise refusal(-4109)
        return account

    def draw_order_id(self) -> int:
        """Give the next order its number."""
        drawn = self.next_order_id
        self.next_order_id += 1
        return drawn

    def book_income(self, account: Account, row: Income) -> None:
        """Write a row into an account's ledger, numbered."""
        account.income.append(msgspec.structs.replace(row, tran_id=self.next_tran_id))
        self.next_tran_id += 1
