"""One symbol: its candles, its analysis, its signals.

- `decider.py`: what a symbol does with every message; begin there
- `state.py`: what it holds; `context.py`: what it knows beside its own candles
- `signals.py`: what it makes of an analysis; `events.py`: the facts of its stream
"""
