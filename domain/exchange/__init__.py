"""The simulated exchange: matching, margin and accounts, pure. One writer, no clock, no randomness, no I/O.

How a driver uses it (infra/exchange is one; a test is another):

    exchange = Exchange(listings)
    exchange.open_account("alice", Decimal("10000"), now_ms)

    # market side, for each contract, in time order
    exchange.on_mark(Mark(...))                       # triggers on the mark price, liquidation
    exchange.on_book(symbol, bids, asks, now_ms)      # replaces the anonymous liquidity (best first)
    exchange.on_print(Print(...))                     # fills resting orders behind the queue; gives the trade's id
    exchange.settle_funding(symbol, now_ms)           # at each of the symbol's funding times
    exchange.advance(now_ms)                          # GTD orders, countdowns; at least every 10 ms of market time

    # client side: a refused wish raises `ExchangeRejected(code, text)` and leaves everything as it was
    order = exchange.place("alice", NewOrder(...), now_ms)

    # after each call, or after a batch of calls
    for fact in exchange.drain():                     # `facts.py`: of an account (.account), or public
        ...
    exchange.depth(symbol, 20), exchange.best(symbol) # anonymous liquidity and clients' orders in one book

A contract trades once it has a mark and a book. Anonymous liquidity that a client took stays taken until the next
`on_book`. Trade ids of a contract are drawn from one sequence: `on_print` gives the id of the anonymous trade.
"""
