"""The calibration that ships, until `run.py calibrate` replaces it by one of the user's own analyses.

`factors` was made with `calibration.rebuild` from the reference data in `../shared/data/market`: an analysis at every
15m close of BTC, ETH, SOL (2025-01 … 06), BNB, XRP (2025-05 … 06, from 1m) with funding, market trend and independence;
and of AVAX, LINK, NEAR (2026-02, from 1m) with taker volumes instead. Prime are 2.0 % of these 63,484 analyses: 1.5 %
to 2.0 % of each of the first five symbols, 2.8 % to 6.6 % of the other three, whose month had the longer trends.
Looked at hourly (net of 14 bps, within 2 h, at SL, TP2 or time), 41 % of all won and 48 % of the 312 Prime ones; over
the ranks the share hardly changes, and the Brier score of P is 0.30, worse than a coin's 0.25. So confidence is a
strength by the rules and no proven edge, and P is too sure of itself: hence the model that learns from outcomes.

`ict` and `hybrid` were made from 36,104 analyses at every 5m close of eight symbols (the 1m files, 16 days each, after
the warm-up). The value and probability gates bar nearly everything that `ict` proposes: its stop of two 5m ATR is
seldom four round trips away, and its win rule seldom gives 0.62. So its Prime strength is the one that 2 % of its
analyses reach before these gates. `hybrid` is Prime where `factors` is, nearly always: 2.0 % of all, 0.6 % to 4.7 % a
symbol.
"""

from domain.calibration import Calibration

_FACTORS = (
    (0.0, 0.0), (2.72, 0.1), (5.44, 0.2), (8.27, 0.3), (11.35, 0.4), (14.68, 0.5), (18.56, 0.6), (23.56, 0.7),
    (30.71, 0.8), (40.78, 0.9), (47.57, 0.95), (53.22, 0.98), (56.52, 0.99), (73.46, 1.0),
)  # fmt: skip
_ICT = (
    (5.72, 0.0), (19.57, 0.1), (24.52, 0.2), (26.0, 0.3), (28.3, 0.4), (30.37, 0.5), (31.61, 0.6), (32.78, 0.7),
    (35.43, 0.8), (39.22, 0.9), (42.89, 0.95), (48.79, 0.98), (50.81, 0.99), (69.42, 1.0),
)  # fmt: skip
_HYBRID = (
    (0.0, 0.0), (10.22, 0.1), (22.0, 0.2), (30.3, 0.3), (41.21, 0.4), (51.74, 0.5), (61.63, 0.6), (70.41, 0.7),
    (81.19, 0.8), (90.8, 0.9), (96.16, 0.95), (98.4, 0.98), (99.07, 0.99), (100.0, 1.0),
)  # fmt: skip

SHIPPED: dict[str, Calibration] = {
    "factors": Calibration("factors", "2025-06.2", _FACTORS, prime_strength=97.8, samples=63_484),
    "ict": Calibration("ict", "2025-06.1", _ICT, prime_strength=59.3, samples=24_523),
    "hybrid": Calibration("hybrid", "2025-06.1", _HYBRID, prime_strength=60.7, samples=24_582),
}
"""By strategy. Raw scores: `Direction.score` of `factors`, 100 times the confidence that `ict` and `hybrid` propose."""
