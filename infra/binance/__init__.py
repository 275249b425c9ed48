"""The adapter for Binance USD-M futures: bytes ↔ structs in `wire/`, REST, streams, and the venue on top of them."""
