"""Candles from elsewhere into the catalogue: files that the user has, and the exchange's public archive."""
