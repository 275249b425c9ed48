"""The simulator: a server that speaks Binance's USD-M wire protocol over the pure exchange in `domain/exchange/`.

`ports.py` says what its rooms expect of each other: a market gives prices and anonymous liquidity as a function of
time, the exchange matches orders against them, routes turn requests into calls and answers into JSON.

The market:

- `bar.py` `walk.py`              candles in whole ticks and lots; the prints inside a minute, which fold to it
- `anonymous_book.py`             books as a function of (contract, time)
- `minutes.py` `walked_market.py` `marked_market.py`   candles, prints, books; marks: over minutes from anywhere
- `minute_bars.py` `kept_bars.py` `names.py` `listings.py` `synthetic_market.py`   several hundred contracts from a seed
- `recorded_market.py`            recorded candles to walk along

The server:

- `stage.py`                      all parts, put together; `server.py` gives them a port
- `driver.py` `market_clock.py`   the heartbeat, 50 ms of wall time; market time at any speed
- `board.py` `tape.py` `client_trades.py` `rolling.py`   what everybody may see, as of the last step
- `door.py` `requests.py` `auth.py` `limiter.py`   what every REST request passes
- `asked.py` `public_*.py` `elsewhere.py`          public endpoints; `private.py` has those of accounts
- `services.py` `downloads.py`    what an account is offered beside trading; its history as files
- `asset_index.py` `composite_index.py` `sessions.py`   follows from prices, or from the calendar: REST and streams
- `connection.py` `client.py` `hub.py` `stream_names.py` `feed*.py` `*_feeds.py`   WebSocket streams
- `ws_api.py`                     the WebSocket API; `departed.py` clients that are gone
- `floor.py` `user_streams.py`    the market meets clients' orders; accounts hear of it
- `faults.py` `admin.py`          what goes wrong on purpose; doors for tests
"""
