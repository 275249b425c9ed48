"""What is true about markets, orders, risk and learning. Pure: no clock, no I/O, no randomness, no thread, no log.

Read `base.py` first, then `position.py`: every decider reads like it.
"""
