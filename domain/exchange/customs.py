"""What a client may set: leverage, margin type, position mode, multi-assets mode, an isolated position's margin."""

from __future__ import annotations

from decimal import Decimal

from domain.exchange.facts import AccountChanged, Income, LeverageChanged, MultiAssetsChanged
from domain.exchange.margin import margin_of, row_of, rows_of
from domain.exchange.orders import PositionSide
from domain.exchange.refusals import refusal
from domain.exchange.world import Account, Slot, World
from domain.values import ZERO, money


def open_account(world: World, name: str, amount: Decimal, now_ms: int) -> Account:
    """Make an account, or find it, and pay in."""
    account = world.accounts.get(name)
    if account is None:
        account = world.accounts[name] = Account(name, updated_ms=now_ms)
    if amount:
        deposit(world, name, amount, now_ms)
    return account


def deposit(world: World, name: str, amount: Decimal, now_ms: int) -> None:
    """Pay in, or out where `amount` is negative; out at most what is available."""
    account = world.account(name)
    if amount < 0 and -amount > margin_of(world, account).available:
        raise refusal(-2018)
    account.wallet += money(amount)
    account.updated_ms = now_ms
    world.book_income(account, Income("", "TRANSFER", money(amount), now_ms, 0, 0, "TRANSFER"))
    reason = "DEPOSIT" if amount > 0 else "WITHDRAW"
    world.facts.append(AccountChanged(name, now_ms, reason, account.wallet, account.cross_wallet, money(amount), ()))


def set_leverage(world: World, account_name: str, symbol: str, leverage: int, now_ms: int) -> Decimal:
    """Set the leverage of a contract, and give the largest position (USDT) that it allows."""
    contract, account = world.contract(symbol), world.account(account_name)
    if not 1 <= leverage <= contract.listing.max_leverage:
        raise refusal(-4028, leverage)
    slot = account.slot(symbol)
    largest, mark = contract.listing.largest_notional(leverage), contract.mark_price
    if slot.held and slot.isolated and leverage < slot.leverage:
        raise refusal(-4161)
    held = max((abs(leg.amount) * mark for leg in slot.legs.values()), default=ZERO)
    if held + max(slot.bids, slot.asks) > largest and leverage > slot.leverage:
        raise refusal(-2027)
    before, slot.leverage = slot.leverage, leverage
    if leverage < before and (held or slot.orders) and not _still_carried(world, account):
        slot.leverage = before
        raise refusal(-2028)
    world.facts.append(LeverageChanged(account_name, now_ms, symbol, leverage))
    return largest


def _still_carried(world: World, account: Account) -> bool:
    sums = margin_of(world, account)
    crossed = sums.order_initial
    for slot in account.slots.values():
        if not slot.isolated:
            mark = world.contracts[slot.symbol].mark_price
            for leg in slot.legs.values():
                crossed += abs(leg.amount) * mark / slot.leverage
    return crossed <= sums.cross_balance


def set_margin_type(world: World, account_name: str, symbol: str, isolated: bool, now_ms: int) -> None:
    """Set a contract to isolated or crossed margin; only where nothing is open."""
    world.contract(symbol)
    account = world.account(account_name)
    slot = account.slot(symbol)
    if slot.isolated == isolated:
        raise refusal(-4046)
    if isolated and account.multi_assets:
        raise refusal(-4168)
    if slot.orders or slot.algos:
        raise refusal(-4047)
    if slot.held:
        raise refusal(-4048)
    slot.isolated = isolated
    account.updated_ms = now_ms
    rows = rows_of(world, account, slot, slot.leg(PositionSide.BOTH))
    wallet, cross = account.wallet, account.cross_wallet
    world.facts.append(AccountChanged(account_name, now_ms, "MARGIN_TYPE_CHANGE", wallet, cross, ZERO, rows))


def set_position_mode(world: World, account_name: str, hedge: bool, now_ms: int) -> None:
    """Set one-way or hedge mode for all contracts; only where nothing is open."""
    account = world.account(account_name)
    if account.hedge == hedge:
        raise refusal(-4059)
    if account.open_algos or any(slot.orders for slot in account.slots.values()):
        raise refusal(-4067)
    if any(slot.held for slot in account.slots.values()):
        raise refusal(-4068)
    account.hedge = hedge
    account.updated_ms = now_ms


def set_multi_assets(world: World, account_name: str, on: bool, now_ms: int) -> None:
    """Switch multi-assets mode; the one asset of this exchange counts the same in both."""
    account = world.account(account_name)
    if account.multi_assets == on:
        raise refusal(-4171)
    if on and any(slot.isolated for slot in account.slots.values()):
        raise refusal(-4167)
    if account.open_algos or any(slot.orders for slot in account.slots.values()):
        raise refusal(-4170)
    account.multi_assets = on
    account.updated_ms = now_ms
    world.facts.append(MultiAssetsChanged(account_name, now_ms, on))


def move_margin(world: World, account_name: str, symbol: str, side: PositionSide, amount: Decimal, now_ms: int) -> None:
    """Move margin into an isolated position (positive), or out of it (negative)."""
    contract, account = world.contract(symbol), world.account(account_name)
    slot = account.slot(symbol)
    if not amount:
        raise refusal(-4055)
    if account.hedge == (side is PositionSide.BOTH):
        raise refusal(-4061)
    if not slot.isolated:
        raise refusal(-4049)
    leg = slot.leg(side)
    if not leg.amount:
        raise refusal(-4054)
    if amount > 0 and amount > margin_of(world, account).available:
        raise refusal(-4050)
    if amount < 0 and -amount > _removable(slot, side, contract.mark_price):
        raise refusal(-4051)
    leg.isolated_wallet += money(amount)
    leg.updated_ms = account.updated_ms = now_ms
    account.margin_moves.append(Income(symbol, side, amount, now_ms, 0, 0, "USER_ADJUST"))
    world.facts.append(
        AccountChanged(
            account_name,
            now_ms,
            "MARGIN_TRANSFER",
            account.wallet,
            account.cross_wallet,
            ZERO,
            (row_of(world, slot, leg),),
        )
    )


def _removable(slot: Slot, side: PositionSide, mark: Decimal) -> Decimal:
    """What an isolated position holds above its initial margin, unrealised losses taken off."""
    leg = slot.leg(side)
    return leg.isolated_wallet + min(ZERO, leg.unrealized(mark)) - abs(leg.amount) * mark / slot.leverage
