"""Every side effect: databases, files, clocks, threads, screens. The rooms inside know nothing of this one.

- `postgres/`, `memory.py`: where history is kept, and `store.py` to open a run of it
- `session.py`, `live.py`, `backtest.py`: the shells that drive the kernel; `market/` feeds it, `paper.py` fills orders
- `replay.py`, `why.py`, `counterfactual.py`, `what_if.py`, `parity.py`: time travel over a recorded run
- `followers/`: read models; `cli/`: the command line; `bench/`: the benchmarks
"""
