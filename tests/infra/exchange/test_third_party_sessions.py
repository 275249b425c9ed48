"""Third-party clients, which know nothing of us, run whole sessions against the exchange.

Each in a process of its own: what they leave open, and warn about, is theirs. Their sessions stand in `*_session.py`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.infra.exchange.running import ROOT, exchange

SESSION_S = 240
CLIENTS = {
    "ccxt_session": "ccxt",
    "python_binance_session": "binance",
    "binance_sdk_session": "binance_sdk_derivatives_trading_usds_futures",
}


@pytest.mark.slow
@pytest.mark.parametrize("session", CLIENTS)
def test_a_client_that_knows_nothing_of_us_is_served(session: str) -> None:
    if importlib.util.find_spec(CLIENTS[session]) is None:
        pytest.skip(f"{CLIENTS[session]} is not installed: pip install -e '.[dev]'")
    with exchange() as place:
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", f"tests.infra.exchange.{session}", *place[:4]],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            timeout=SESSION_S, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-4_000:]
