"""Markets that need no exchange: recorded candles for `backtest` and `scan`, and the built-in synthetic market.

Recorded, from a `--data` directory (see `--data DIR` in the README):
    catalogue.py      which files there are
    parquet.py        the only place that touches pyarrow: one file to checked numpy columns
    candle_rows.py    unsound, doubled and contradicting rows are left out, and counted
    series.py         files of one symbol merged: candles, marks, funding rates, open interest
    warm_up.py        the last closed candles before a run
    candle_stream.py  columns to `CandleArrived`, a minute at a time: the hot path
    recorded.py       `RecordedMarket`: all of the above in time order

Synthetic, a function of (seed, time):
    noise.py          hashes to numbers, with exactly rounded arithmetic only
    price_path.py     one log-price path: a Brownian bridge with regimes and jumps
    contracts.py      the contracts: start price, ticks, volatility, volume
    activity.py       volume and taker imbalance of a minute, premium, funding, open interest
    synthetic.py      `SyntheticMarket`: candles, history, ticks, funding, and the feed of them
"""
