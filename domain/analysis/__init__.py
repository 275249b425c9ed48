"""From closed candles to a verdict, for the strategies that rest on the full analysis.

- `full.py`: one analysis of one symbol at one close, from end to end; begin there
- `reading.py`: what the candles said so far: the factors' memory and the structure of three frames
- `features.py`: the 12 numbers that the win model learns from; `weights.py`: how much each factor weighs
- `market_trend.py`: the market around one symbol; `assessment.py`: what is recorded of an analysis

The steps themselves have rooms of their own: `factors/`, `smc/`, `scoring/`.
"""
