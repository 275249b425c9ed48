"""The simulated exchange that `run.py` trades on: a process of its own, on loopback, on a free port."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from domain.errors import HindsightError
from infra.binance.settings import BinanceSettings
from infra.binance.signing import HmacSigner, Key, Secret
from infra.exchange.child import Order
from infra.exchange.server import Announced

START_S: Final = 30.0
STOP_S: Final = 2.0
ROOT: Final = Path(__file__).parents[1]


class Simulator:
    """One running simulator. It ends with this process, however this process ends."""

    def __init__(self, order: Order) -> None:
        """Start it and wait until it says where it is. Raises `HindsightError` with its own words if it does not."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would stop it one day
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.exchange.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
            env={**_without_keys(), "PYTHONPATH": str(ROOT)},
            process_group=0,  # or Ctrl-C in our terminal would end it while it starts, before it can say that it waits
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        self.announced = self._heard()

    def _heard(self) -> Announced:
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], START_S)
        line = out.readline() if ready else b""
        try:
            return msgspec.json.decode(line, type=Announced)
        except msgspec.MsgspecError as error:
            said = self.stop().strip().splitlines()
            why = said[-1] if said else f"nothing came within {START_S:g} s"
            raise HindsightError(f"The simulated exchange did not start: {why}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def stop(self) -> str:
        """End it; gives what it wrote to standard error."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._said.seek(0)
        with self._said as said:
            return said.read().decode("utf-8", "replace")


def _without_keys() -> dict[str, str]:
    """Give our environment without what is none of a simulator's business."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BINANCE_")}


def settings_for(settings: BinanceSettings, announced: Announced) -> tuple[BinanceSettings, Key]:
    """Give the adapter's settings for a simulator, and the key of its first account."""
    there = replace(settings, testnet=False, rest_url=announced.rest, stream_url=announced.ws)
    return there, Key(Secret(announced.api_key), HmacSigner(Secret(announced.api_secret)))
