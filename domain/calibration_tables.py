"""The calibration that ships, until `run.py calibrate` replaces it by one of the user's own analyses.

`factors` was made with `calibration.rebuild` from the reference data in `../shared/data/market`: an analysis at every
15m close of BTC, ETH, SOL (2025-01 … 06), BNB, XRP (2025-05 … 06, from 1m) with funding, market trend and independence;
and of AVAX, LINK, NEAR (2026-02, from 1m) with taker volumes instead. Prime are 2.0 % of these 63,484 analyses: 1.5 %
to 2.0 % of each of the first five symbols, 2.8 % to 6.6 % of the other three, whose month had the longer trends.
Looked at hourly (net of 14 bps, within 2 h, at SL, TP2 or time), 41 % of all won and 48 % of the 312 Prime ones; over
the ranks the share hardly changes, and the Brier score of P is 0.30, worse than a coin's 0.25. So confidence is a
strength by the rules and no proven edge, and P is too sure of itself: hence the model that learns from outcomes.

`ict` and `hybrid` map 0 … 100 to 0 … 1 unchanged until they have been recorded; their Prime strength is not used.
"""

from domain.calibration import Calibration

_KNOTS = (
    (0.0, 0.0), (2.72, 0.1), (5.44, 0.2), (8.27, 0.3), (11.35, 0.4), (14.68, 0.5), (18.56, 0.6), (23.56, 0.7),
    (30.71, 0.8), (40.78, 0.9), (47.57, 0.95), (53.22, 0.98), (56.52, 0.99), (73.46, 1.0),
)  # fmt: skip

SHIPPED: dict[str, Calibration] = {
    "factors": Calibration("factors", "2025-06.1", _KNOTS, prime_strength=97.8, samples=63_484),
    "ict": Calibration("ict", "identity.1", ((0.0, 0.0), (100.0, 1.0)), prime_strength=100.0),
    "hybrid": Calibration("hybrid", "identity.1", ((0.0, 0.0), (100.0, 1.0)), prime_strength=100.0),
}
