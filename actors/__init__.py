"""Concurrency, and nothing else: who runs when, in which order, and what happens when somebody crashes.

`kernel.py` is the heart, `base.py` the actor that runs a decider, `dispatch/` pykka actors without a thread each.
"""
