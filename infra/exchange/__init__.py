"""The simulator: a server that speaks Binance's USD-M wire protocol over the pure exchange in `domain/exchange/`.

`ports.py` says what its rooms expect of each other: a market gives prices and anonymous liquidity as a function of
time, the exchange matches orders against them, routes turn requests into calls and answers into JSON.
"""
