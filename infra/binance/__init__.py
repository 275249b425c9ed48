"""The adapter to Binance's USD-M futures: REST, signatures, pacing, the bodies and frames of the wire."""
