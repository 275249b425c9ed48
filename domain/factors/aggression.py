"""Q, who took the large trades of the last 15 minutes: a proxy for liquidations (CS §2.9, repaired as product §3 says).

V41 called 0.5 base units large for every coin, over 500 trades whatever time they took. Large is the 95th percentile
of notional within 15 minutes. The balance is shrunk by four such trades, so that a single one says little:
100 · (bought - sold) / (bought + sold + 4 · p95).
"""

from __future__ import annotations

from domain.factors.base import FactorScore, missing
from domain.factors.context import TradeFlow
from domain.factors.state import FactorView

TRADES_MIN = 10
SHRINKAGE = 4.0


def score(view: FactorView) -> FactorScore:
    """Score the trade flow; buying aggression is bullish."""
    flow = view.context.flow
    if flow is None:
        return missing("NO_TRADES", "no single trades were recorded")
    if flow.trades < TRADES_MIN:
        return missing("TOO_FEW_TRADES", f"{flow.trades} trades in 15 minutes, {TRADES_MIN} are needed")
    return mapped(flow)


def mapped(flow: TradeFlow) -> FactorScore:
    """Map bought and sold notional of large trades to the score."""
    total = flow.large_buy + flow.large_sell + SHRINKAGE * flow.p95
    value = 100.0 * (flow.large_buy - flow.large_sell) / total if total > 0.0 else 0.0
    inputs = (("large_buy", flow.large_buy), ("large_sell", flow.large_sell), ("p95", flow.p95))
    told = f"large trades: {flow.large_buy:,.0f} USDT bought, {flow.large_sell:,.0f} sold"
    return FactorScore(value, min(1.0, flow.trades / 100), inputs, told)
