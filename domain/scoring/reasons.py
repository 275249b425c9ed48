"""Every reason why an analysis is not Prime, or a Prime is not published. The codes are stable: stores hold them."""

REASONS: dict[str, str] = {
    "HISTORY_TOO_SHORT": "fewer closed 1h or 4h bars than the contract's maturity class needs",
    "NO_DIRECTION": "no directional factor has a value",
    "NEUTRAL": "the directional factors cancel out exactly",
    "STRENGTH_BELOW_PRIME": "the strength is below the Prime strength (calibrated, or --min-score)",
    "F_VETO": "price has run far ahead of funds: F along the side is below -70",
    "NO_LEVELS": "prices stand still, so there is no distance to put a stop at",
    "DATA_QUALITY_LOW": "gate 1: candles were missing, late, out of order or did not match",
    "EV_NOT_POSITIVE": "gate 2: the expected value net of fees, slippage and expected funding is not positive",
    "STOP_TOO_CLOSE": "gate 2: the stop is nearer than four round trips' costs",
    "IMPACT_TOO_HIGH": "gate 3: sweeping the book would move the price too far, or the book is too thin",
    "SPREAD_TOO_WIDE": "gate 3: the spread is too wide",
    "BOOK_IMBALANCED": "gate 3: one side of the book outweighs the other too much",
    "NO_ROOM": "gate 3: the extreme of the last 72 hours is too near on the side of the profit",
    "NO_DEPTH": "gate 3: no book is known, and the settings require one",
    "PROBABILITY_TOO_LOW": "gate 4: P of the side is below what the contract's maturity class needs",
    "GATE_COOLDOWN": "a gate that has closed stays shut for the cooldown",
    "UNCONFIRMED": "publication: not yet enough of the last closed 15m bars say the same",
    "PUBLICATION_COOLDOWN": "publication: the last one of this symbol is too recent",
    "UNCHANGED": "publication: this side has been published and still holds",
    "BETWEEN_BARS": "publication: states change only when a 15m bar closes",
    "CONFLICT": "strategy hybrid: its two parts see opposite sides",
}

ANSWERS: dict[str, str] = {
    "NEEDS_5M_CANDLES": "the full analysis rests on 5m candles, and the base interval is longer",
    "WARMING_UP": "a frame lacks the candles for its averages",
    "NO_RULE": "no rule of the direction table holds: the frames' trends and the structure don't point one way",
    "RELAXED_ONLY": "a rule holds, but one that only RELAXED_SIGNAL_MODE allows",
    "ADX_TOO_LOW": "ADX is too low: there is no trend to follow",
    "ATR_OUT_OF_RANGE": "prices stand still, or move so much that a level means nothing",
    "NO_TREND": "strategy trend: both averages are equal",
    "PRICE_AGAINST_TREND": "strategy trend: the close is on the wrong side of the fast average",
    "PROPOSAL_NOT_FINITE": "the strategy's proposal holds a number that is none",
    "NO_INSTRUMENT": "the contract's terms are not known (yet), so nothing can be traded",
    "COOLDOWN": "the last signal of this symbol is too recent",
    "RECENT_GAP": "candles are missing within the last two bars of the analysis interval",
    "LATE_CANDLE": "the candle was told long after its close: it says what was",
    "STALE_PRICE": "the symbol's price of this moment is not known, or older than 3 s",
    "VIRTUAL_SAME_SIDE_ACTIVE": "a virtual position of this side is followed already",
}
"""Why a strategy passed without an analysis to judge, and why a symbol does not act on a proposal."""
