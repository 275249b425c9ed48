"""Closed candles of one symbol: kept, and built up from the base interval to the day.

- `window.py`: the newest candles of one interval as numpy columns
- `builder.py`: one higher candle out of smaller ones; gaps
- `frames.py`: all intervals of one symbol, with their indicators
"""

from domain.candles.builder import FrameBuilder, missing
from domain.candles.frames import CAPACITIES, Frame, Frames
from domain.candles.window import Upserted, Window

__all__ = ["CAPACITIES", "Frame", "FrameBuilder", "Frames", "Upserted", "Window", "missing"]
