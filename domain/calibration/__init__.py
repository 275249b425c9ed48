"""Strategies made comparable: `table.py`, from a raw score to a confidence; `shipped.py`, the tables that come with us;
`strength.py`, one number from confidence and probability.
"""
