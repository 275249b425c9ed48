"""The calibration that ships, until `run.py calibrate` replaces it by one of the user's own analyses.

`factors` was made with `calibration.rebuild` from the reference data in `../shared/data/market`: an analysis at every
15m close of BTC, ETH, SOL (2025-01 … 06), BNB, XRP (2025-05 … 06, from 1m) with funding, market trend and independence;
and of AVAX, LINK, NEAR (2026-02, from 1m) with taker volumes instead. Prime are 2.0 % of these 63,484 analyses: 1.5 %
to 2.0 % of each of the first five symbols, 2.8 % to 6.6 % of the other three, whose month had the longer trends.
Looked at hourly (net of 14 bps, within 2 h, at SL, TP2 or time), 41 % of all won and 48 % of the 312 Prime ones; over
the ranks the share hardly changes, and the Brier score of P is 0.30, worse than a coin's 0.25. So confidence is a
strength by the rules and no proven edge, and P is too sure of itself: hence the model that learns from outcomes.

`ict` and `hybrid` were made with `run.py calibrate` from 23,040 analyses of the same five symbols (2025-05-20 to 06-05,
every 5m close). Two thirds of what the rules propose have no positive expected value after costs, so fewer than 2 %
could be Prime at all, and the share decides nothing: Prime takes at least what full confidence gives without any
probability. With that, `hybrid` finds 1.2 % Prime among these analyses, 2.5 % among those of AVAX, LINK and NEAR
(2026-02-08 to 02-22), 1.6 % of all; `ict` alone finds 0.5 %.
"""

from domain.calibration.table import Calibration

_KNOTS = (
    (0.0, 0.0), (2.72, 0.1), (5.44, 0.2), (8.27, 0.3), (11.35, 0.4), (14.68, 0.5), (18.56, 0.6), (23.56, 0.7),
    (30.71, 0.8), (40.78, 0.9), (47.57, 0.95), (53.22, 0.98), (56.52, 0.99), (73.46, 1.0),
)  # fmt: skip
_ICT_KNOTS = (
    (5.95, 0.0), (20.4, 0.1), (25.26, 0.2), (26.24, 0.3), (29.77, 0.4), (31.53, 0.5), (32.5, 0.6), (34.31, 0.7),
    (38.14, 0.8), (42.89, 0.9), (48.56, 0.95), (55.16, 0.98), (57.61, 0.99), (78.76, 1.0),
)  # fmt: skip

_HYBRID_KNOTS = (
    (0.0, 0.0), (10.96, 0.1), (22.42, 0.2), (31.29, 0.3), (42.48, 0.4), (50.79, 0.5), (61.57, 0.6), (73.38, 0.7),
    (82.14, 0.8), (91.56, 0.9), (95.3, 0.95), (98.25, 0.98), (99.03, 0.99), (100.0, 1.0),
)  # fmt: skip

SHIPPED: dict[str, Calibration] = {
    "factors": Calibration("factors", "2025-06.1", _KNOTS, prime_strength=97.8, samples=63_484),
    "ict": Calibration("ict", "2025-06.1", _ICT_KNOTS, prime_strength=60.0, samples=15_334),
    "hybrid": Calibration("hybrid", "2025-06.2", _HYBRID_KNOTS, prime_strength=60.0, samples=13_399),
}
