"""One look at all symbols: `summary.py` sums it up, `decider.py` does so every interval of a run, as an event."""
