"""The section [binance]: live and test addresses, and that a key in the settings is refused without being shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InvalidInput
from infra.binance.settings import CHOICES, DOCUMENTATION, RANGES, BinanceSettings
from infra.settings import Resolved, resolve


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(*overrides: str, **environment: str) -> Resolved:
    return resolve(None, overrides, environment)


def test_the_real_exchange_and_the_test_exchange() -> None:
    live, test = given().settings.binance, given(BINANCE_TESTNET="true").settings.binance
    assert (live.rest, live.streams) == ("https://fapi.binance.com", "wss://fstream.binance.com")
    assert (test.rest, test.streams) == ("https://demo-fapi.binance.com", "wss://fstream.binancefuture.com")
    assert BinanceSettings(rest_url="http://127.0.0.1:1/").rest == "http://127.0.0.1:1"


def test_old_environment_names() -> None:
    resolved = given(BINANCE_TESTNET="1", DISABLE_REST_FALLBACK="true")
    assert resolved.settings.binance.testnet
    assert resolved.settings.binance.disable_rest_fallback
    assert set(resolved.origins) == {"binance.testnet", "binance.disable_rest_fallback"}


def test_keys_in_the_environment_never_become_settings() -> None:
    resolved = given(BINANCE_API_KEY="geheim", BINANCE_API_SECRET="geheim", BINANCE_SECRET_KEY="geheim")
    shown = str(list(resolved.table()))
    assert "geheim" not in shown + repr(resolved)
    assert "env:BINANCE_API_KEY" in shown


@pytest.mark.parametrize("key", ["api_key", "api_secret"])
@pytest.mark.parametrize("value", ["geheim", "", "env:", "geheim:geheim", "true", "12345678"])
def test_a_key_written_into_the_settings_is_refused_and_not_shown(key: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        given(f"binance.{key}={value}")
    assert f"binance.{key}" in str(refused.value)
    assert not value or value not in str(refused.value).replace("env:NAME", "")


def test_a_key_as_a_bare_number_in_the_file_is_not_shown_either() -> None:
    Path("hindsight.toml").write_text("[binance]\napi_secret = 12345678\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"binance\.api_secret") as refused:
        given()
    assert "12345678" not in str(refused.value)


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("binance.rest_url=fapi.binance.com", "binance.rest_url"),
        ("binance.stream_url=https://x", "binance.stream_url"),
        ("binance.weight_share=1.5", "binance.weight_share"),
        ("binance.conditional_orders=both", "binance.conditional_orders"),
        ("binance.stream_routes=old", "binance.stream_routes"),
    ],
)
def test_what_can_not_be_is_refused_by_name(override: str, where: str) -> None:
    with pytest.raises(InvalidInput, match=where.replace(".", r"\.")):
        given(override)


def test_every_key_is_documented_once() -> None:
    keys = {f"binance.{name}" for name in BinanceSettings.__struct_fields__}
    assert set(DOCUMENTATION) == keys | {"binance"}
    assert set(RANGES) | set(CHOICES) <= keys
