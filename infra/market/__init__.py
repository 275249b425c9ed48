"""Markets that need no exchange: recorded candles for `backtest` and `scan`, and the built-in synthetic market.

Recorded, from a `--data` directory:

- `catalogue.py`      which files there are
- `parquet.py`        one file to numpy columns: the only place that touches pyarrow
- `candle_rows.py`    unsound, doubled and contradicting rows are left out, and counted
- `series.py`         the files of one symbol, merged and checked: candles, marks, funding rates, open interest
- `warm_up.py`        the last closed candles before a run
- `beside.py`         what stood beside the candles: mark prices, funding, open interest
- `recording.py`      one symbol of all that, cut to the range of a run
- `candle_stream.py`  columns to candles, a window at a time: the hot path of a backtest
- `recorded.py`       `RecordedMarket`: the symbols of a run, in time order

Synthetic, a function of (seed, time):

- `noise.py`          hashes to numbers, by exactly rounded arithmetic only
- `price_path.py`     log-price paths: Brownian bridges with regimes and jumps
- `contracts.py`      what the contracts are called, where their prices start, how they move and trade
- `activity.py`       volume, takers, premium, funding, open interest
- `bars.py`           candles as columns of whole numbers
- `universe.py`       some contracts, computed together
- `synthetic.py`      `SyntheticMarket`: candles, history, ticks, funding, and the feed of them
"""
