"""What every key of the settings does, in one sentence: for the generated example file."""

from __future__ import annotations

from typing import Final

from infra.binance import settings as binance

DOCUMENTATION: Final = {
    "base_interval": "Interval of the candles that come in; every larger one is built from them.",
    "strategy": "Which ideas are proposed. Recorded with the run; a replay uses what was in force.",
    "strategy.name": "A built-in strategy (trend), or the path of your own .py file with propose(view).",
    "strategy.analysis_interval": "A symbol is analysed whenever a candle of this interval closes.",
    "strategy.cooldown_minutes": "After a signal, none is raised in the same symbol for so long. 0: off.",
    "strategy.time_stop_minutes": "A position, real or virtual, is closed after so long.",
    "account": "The paper account and its limits. Amounts in USDT, shares as fractions of the balance.",
    "account.name": "Its name in streams and reports.",
    "account.initial_balance": "What it starts with.",
    "account.risk_per_trade": "Share of the balance that is lost if the stop is hit.",
    "account.max_margin_per_trade": "Largest share of the balance that one position may reserve as margin.",
    "account.max_open_positions": "Most positions at once.",
    "account.max_same_side_positions": "Most positions at once in one direction.",
    "account.leverage": "Leverage of new positions; the contract's own limit caps it.",
    "venue": "What trading costs on the in-process exchange. Slippage is always against us.",
    "venue.taker_fee_bps": "Fee of a market fill, in hundredths of a percent of its notional.",
    "venue.slippage_bps": "How much worse than the price a market fill is, in hundredths of a percent.",
    "venue.liquidation_fee_bps": "Fee of a liquidation, in hundredths of a percent of its notional.",
    "venue.latency_ms": "Logical time from an order to its answer.",
    "supervision": "What happens to actors that crash.",
    "supervision.max_crashes": "More crashes than this within the window keep an actor down.",
    "supervision.window_ms": "The window in which crashes are counted.",
    "supervision.back_off_ms": "Pause before the second restart; it doubles with each further one.",
    "database": "Where history is kept.",
    "database.url": "A PostgreSQL server of your own (14 or newer). Empty: an embedded one under home.",
    "database.home": "Directory of the embedded server and of files.",
    "database.commit_interval_ms": "A commit is made after so long at the latest.",
    "database.commit_events": "A commit is made when so many events wait.",
    "database.held_events": "So many events may wait for an absent database before no more input is taken.",
    "database.held_megabytes": "So many megabytes may wait for an absent database before no more input is taken.",
    "database.tape_retention_days": "Inputs older than this may be dropped by `run.py prune`; their hash stays.",
    "market": "Which market is traded, and where.",
    "market.venue": "sim: the simulated exchange, over real sockets. binance, binance-testnet. synthetic: in process.",
    "market.trading_enabled": "Real orders need this, --live, keys, and a database that survives a power cut.",
    "market.symbols": 'How many symbols, or which: 20, or ["BTCUSDT", "ETHUSDT"].',
    "market.seed": "The simulated market is a function of this number and the time.",
    "market.speed": "Market seconds a real second; Binance's own is 1.",
    "market.archive_url": "Where `run.py download` fetches candles: the base of Binance's public archive.",
    "market.tick_ms": "Market time between two quotes of all symbols.",
    "screen": "What the terminal shows.",
    "screen.dashboard": "Show the live view when standard output is a terminal.",
    "screen.log_level": "debug, info, warning or error.",
    **binance.DOCUMENTATION,
}
