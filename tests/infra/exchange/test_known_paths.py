"""Every USD-M path that third-party clients know is served: none of their methods meets an unknown address."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infra.exchange.staging import Rig

RETIRED = {("GET", "/fapi/v1/lvtKlines")}
"""What Binance itself serves no longer."""
MISPRINTED = {(method, "/fapi/v1/batchOrder") for method in ("POST", "PUT", "DELETE")} | {
    ("GET", "/fapi/v1/stock/contract")
}
"""What only a client's own table says: python-binance's singular, ccxt's GET."""
CCXT_BASES = {
    "fapiPublic": "/fapi/v1/", "fapiPublicV2": "/fapi/v2/", "fapiPublicV3": "/fapi/v3/", "fapiPrivate": "/fapi/v1/",
    "fapiPrivateV2": "/fapi/v2/", "fapiPrivateV3": "/fapi/v3/", "fapiData": "/futures/data/",
}  # fmt: skip
SDK = "binance_sdk_derivatives_trading_usds_futures"
_SDK_CALL = re.compile(r'method="(\w+)",\s*path="([^"]+)"')
_CALL = re.compile(r'_request_futures_(data_)?api\(\s*"(\w+)",\s*"([^"]+)"((?:[^()]|\([^()]*\))*)\)')


def ccxt_paths() -> Iterator[tuple[str, str]]:
    api = pytest.importorskip("ccxt").binanceusdm().describe()["api"]
    for section, base in CCXT_BASES.items():
        for method, paths in api.get(section, {}).items():
            yield from ((method.upper(), base + path) for path in paths)


def sdk_paths() -> Iterator[tuple[str, str]]:
    found = importlib.util.find_spec(SDK)
    if found is None or found.origin is None:
        pytest.skip(f"{SDK} is not installed: pip install -e '.[dev]'")
    for file in (Path(found.origin).parent / "rest_api/api").glob("*_api.py"):
        yield from _SDK_CALL.findall(file.read_text())


def python_binance_paths() -> Iterator[tuple[str, str]]:
    client = pytest.importorskip("binance").client
    for data, method, path, rest in _CALL.findall(inspect.getsource(client)):
        version = re.search(r"version=(\d)", rest)
        base = "/futures/data/" if data else f"/fapi/v{version[1] if version else 1}/"
        yield method.upper(), base + path


@pytest.mark.parametrize(
    ("paths", "least"), [(ccxt_paths, 100), (sdk_paths, 80), (python_binance_paths, 80)], ids=["ccxt", "sdk", "python"]
)
def test_every_path_that_a_client_knows_is_served(paths: Callable[[], Iterator[tuple[str, str]]], least: int) -> None:
    known = set(paths())
    assert len(known) >= least
    door = Rig().stage.door
    served = {(method, path) for path in door.paths for method in door.methods(path)}
    assert sorted(known - served - RETIRED - MISPRINTED) == []
