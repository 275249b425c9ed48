"""Binance's wire format, pure: bytes in, structs out. A broken message raises `WireError` and nothing else."""
