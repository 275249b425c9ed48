"""Binance as the program sees it: paper without --live, real orders only with all that they need, no secret told.

A simulator at the speed of real time stands in for Binance: the same addresses, keys and protocol.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import pytest

from tests.e2e.asking import assert_refused
from tests.e2e.program import ROOT, environment, run

EAGER = """
from domain.strategies import Proposal
from domain.values import Side


def propose(view):
    '''Propose to buy whenever it is asked.'''
    return Proposal(Side.LONG, view.close, view.close * 0.99, view.close * 1.01, 0.7, 0.5)
"""
MINUTE_MS = 60_000
LEFT_MS = 14_000
"""So long before the end of a minute a program starts that waits for that."""


class Standing(NamedTuple):
    """A simulator that stands in for Binance, and the environment of who trades there."""

    rest: str
    environment: dict[str, str]
    secret: str


@pytest.fixture(scope="module")
def binance() -> Iterator[Standing]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "exchange", "--symbols", "4", "--seed", "9"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment(), cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    there = {
        "HINDSIGHT_BINANCE__REST_URL": where["rest"],
        "HINDSIGHT_BINANCE__STREAM_URL": where["ws"],
        "BINANCE_API_KEY": where["api_key"],
        "BINANCE_API_SECRET": where["api_secret"],
        "HINDSIGHT_MARKET__VENUE": "binance",
    }
    yield Standing(where["rest"], there, where["api_secret"])
    process.terminate()
    process.wait(10)
    process.stdout.close()


def options(tmp_path: Path) -> tuple[str, ...]:
    strategy = tmp_path / "eager.py"
    strategy.write_text(EAGER)
    return ("--home", str(tmp_path / "var"), "--symbols", "BTCUSDT,ETHUSDT", "--strategy", str(strategy),
            "--set", "strategy.analysis_interval=1m", "--no-dashboard", "--json")  # fmt: skip


def account_there(standing: Standing) -> list[dict[str, str]]:
    """Ask the exchange itself what its first account holds."""
    code = (
        "import asyncio, json, os\n"
        "from infra.binance.rest import Rest\n"
        "from infra.binance.settings import BinanceSettings\n"
        "from infra.binance.signing import load_key\n"
        "s = BinanceSettings(rest_url=os.environ['HINDSIGHT_BINANCE__REST_URL'])\n"
        "async def main():\n"
        "    async with Rest(s, load_key(s.api_key, s.api_secret)) as rest:\n"
        "        found = await rest.positions()\n"
        "        stops = await rest.algo_open_orders()\n"
        "        print(json.dumps([{'symbol': p.symbol, 'stops': sum(o.symbol == p.symbol for o in stops)}"
        " for p in found if p.quantity]))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**standing.environment), capture_output=True, cwd=ROOT, check=True
    )
    return json.loads(done.stdout)


def tell_the_exchange(standing: Standing, door: str, wish: dict[str, object]) -> dict[str, int]:
    """Use one of the simulator's own doors."""
    request = Request(f"{standing.rest}/admin/{door}", json.dumps(wish).encode(), method="POST")
    with urlopen(request) as answer:
        return json.load(answer)


def of_another_account(standing: Standing) -> Standing:
    """Give the same exchange with the key of an account that no other test trades."""
    key, secret = "paper" * 12, "quiet" * 12
    tell_the_exchange(standing, "keys", {"account": "account-2", "key": key, "secret": secret})
    return Standing(
        standing.rest, {**standing.environment, "BINANCE_API_KEY": key, "BINANCE_API_SECRET": secret}, secret
    )


def near_the_end_of_a_minute(standing: Standing) -> None:
    """Let the exchange's time leap to where a candle closes soon."""
    now_ms = tell_the_exchange(standing, "clock", {})["now_ms"]
    tell_the_exchange(standing, "clock", {"advance_ms": 2 * MINUTE_MS - LEFT_MS - now_ms % MINUTE_MS})


def test_binance_without_live_is_paper_over_its_prices(binance: Standing, tmp_path: Path) -> None:
    binance = of_another_account(binance)
    ended = run("run", *options(tmp_path), "--duration", "3", **binance.environment)
    assert ended.code == 0, ended
    assert ended.json["inputs"] > 5
    assert "paper over binance, 2 symbols" in ended.err
    assert account_there(binance) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--store", "memory"), ("TRADING_ENABLED",)),
        (("--store", "memory", "--set", "market.trading_enabled=true"), ("--live", "database", "memory")),
        (("--speed", "60"), ("market.speed",)),
        (("--venue", "sim"), ("--live", "--venue binance")),
    ],
)
def test_real_orders_need_everything_that_they_need(
    binance: Standing, tmp_path: Path, more: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert_refused(run("run", *options(tmp_path), "--live", *more, **binance.environment), *words)


def test_without_a_key_there_are_no_real_orders(binance: Standing, tmp_path: Path) -> None:
    without = {name: text for name, text in binance.environment.items() if name != "BINANCE_API_SECRET"}
    ended = run("run", *options(tmp_path), "--live", "--set", "market.trading_enabled=true", **without)
    assert_refused(ended, "BINANCE_API_SECRET")


def test_an_exchange_that_is_not_there_is_a_sentence_and_binds_no_run_to_it(binance: Standing, tmp_path: Path) -> None:
    nowhere = {**binance.environment, "HINDSIGHT_BINANCE__REST_URL": "http://127.0.0.1:9"}
    here = options(tmp_path)
    assert_refused(run("run", *here, **nowhere), "127.0.0.1:9")
    assert run("runs", *here[:2], "--json").json == []


def test_real_orders_reach_the_exchange_protected_and_no_secret_is_told(binance: Standing, tmp_path: Path) -> None:
    here = options(tmp_path)
    live = ("--live", "--set", "market.trading_enabled=true", "--duration", str(LEFT_MS // 1_000 + 4))
    near_the_end_of_a_minute(binance)
    ended = run("run", *here, *live, **binance.environment)
    assert ended.code == 0, ended
    assert ended.json["positions_opened"] > 0
    held = account_there(binance)
    assert held
    assert all(position["stops"] == 2 for position in held), "a stop and a target for each, also after we left"
    bundle = tmp_path / "bundle"
    exported = run("export", *here[:2], "--out", bundle, "--json")
    assert exported.code == 0, exported
    shown = run("settings", *here[:2], **binance.environment).out
    said = "".join(path.read_text("utf-8", "replace") for path in bundle.rglob("*") if path.is_file())
    key = binance.environment["BINANCE_API_KEY"]
    for text in (ended.out, ended.err, exported.out, shown, said):
        assert binance.secret not in text
        assert key not in text
