"""The calibration tables that are shipped: one a strategy, rebuilt by `run.py calibrate` from recorded analyses."""

from __future__ import annotations

from typing import Final

from domain.calibration import Calibration

SHIPPED: Final[dict[str, Calibration]] = {
    name: Calibration(name, "identity", ((0.0, 0.0), (100.0, 1.0)), 65.0) for name in ("factors", "ict", "hybrid")
}
