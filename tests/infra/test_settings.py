"""The settings: where values come from, what is refused and how, and what is shown."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from domain.config import Config
from domain.errors import InvalidInput
from infra import settings
from infra.settings import ENVIRONMENT, FILE_NAME, Resolved, Settings, example, mask_url, resolve
from infra.settings_bounds import CHOICES, RANGES
from infra.settings_doc import DOCUMENTATION

KEYS = [key for key, _, _ in Resolved(Settings(), {}).table()]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of the developer's own shall be found."""
    monkeypatch.chdir(tmp_path)


def given(*overrides: str, toml: str = "", **environment: str) -> Resolved:
    if toml:
        Path(FILE_NAME).write_text(toml, "utf-8")
    return resolve(None, overrides, environment)


def refusal(*overrides: str, toml: str = "", **environment: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        given(*overrides, toml=toml, **environment)
    return refused.value


def shown(resolved: Resolved) -> dict[str, tuple[str, str]]:
    return {key: (value, origin) for key, value, origin in resolved.table()}


# ── where values come from ────────────────────────────────────────────────────────────────────────────────────────


def test_without_anything_said_all_is_default() -> None:
    resolved = given()
    assert resolved.settings == Settings()
    assert {origin for _, origin in shown(resolved).values()} == {"default"}


def test_the_command_line_beats_the_environment_which_beats_the_file_which_beats_the_default() -> None:
    toml = "[account]\nleverage = 2\nmax_open_positions = 8\ninitial_balance = 5000\n"
    resolved = given(
        "account.leverage=4", toml=toml, HINDSIGHT_ACCOUNT__LEVERAGE="3", HINDSIGHT_ACCOUNT__MAX_OPEN_POSITIONS="9"
    )
    account = resolved.settings.account
    assert (account.leverage, account.max_open_positions, account.initial_balance) == (4, 9, Decimal(5000))
    table = shown(resolved)
    assert table["account.leverage"] == ("4", "command line")
    assert table["account.max_open_positions"] == ("9", "environment HINDSIGHT_ACCOUNT__MAX_OPEN_POSITIONS")
    assert table["account.initial_balance"] == ('"5000"', FILE_NAME)


def test_of_two_overrides_the_last_one_holds() -> None:
    assert given("account.leverage=4", "account.leverage=7").settings.account.leverage == 7


@pytest.mark.parametrize("key", KEYS)
def test_every_key_answers_to_its_name_in_the_environment_and_on_the_command_line(key: str) -> None:
    value = shown(Resolved(Settings(), {}))[key][0].strip('"')
    name = "HINDSIGHT_" + key.upper().replace(".", "__")
    for resolved in (given(**{name: value}), given(f"{key}={value}")):
        assert resolved.settings == Settings()
        assert resolved.origins == {key: resolved.origins[key]}
        assert resolved.origins[key] in {f"environment {name}", "command line"}


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("DATABASE_URL", "postgresql://h/d", "database.url"),
        ("DEFAULT_ACCOUNT_BALANCE", "123.45", "account.initial_balance"),
        ("TRADING_SYMBOLS", "btcusdt, ETHUSDT", "market.symbols"),
        ("LOG_LEVEL", "error", "screen.log_level"),
        ("MAX_CONCURRENT_ORDERS", "7", "account.max_open_positions"),
    ],
)
def test_old_names_still_mean_something(name: str, value: str, key: str) -> None:
    resolved = given(**{name: value})
    assert resolved.origins == {key: f"environment {name}"}
    assert ENVIRONMENT[name] == key


def test_a_new_name_beats_an_old_one() -> None:
    assert given(LOG_LEVEL="error", HINDSIGHT_SCREEN__LOG_LEVEL="debug").settings.screen.log_level == "debug"


def test_other_programs_variables_are_none_of_our_business() -> None:
    assert given(HINDSIGHT_DATA="x", HINDSIGHTFUL__X="1", PATH="/bin").settings == Settings()


def test_symbols_are_a_number_or_names() -> None:
    assert given("market.symbols=7").settings.market.symbols == 7
    assert given("market.symbols=btcusdt,ETHUSDT,").settings.market.symbols == ("BTCUSDT", "ETHUSDT")
    assert given(toml='[market]\nsymbols = ["BTCUSDT"]').settings.market.symbols == ("BTCUSDT",)


def test_a_file_is_named_by_the_command_line_or_the_environment(tmp_path: Path) -> None:
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(f'[strategy]\nname = "{name}"\n')
    by_environment = {"HINDSIGHT_CONFIG": "two.toml"}
    assert resolve(None, (), by_environment).settings.strategy.name == "two.toml"
    assert resolve(Path("one.toml"), (), by_environment).settings.strategy.name == "one.toml"


def test_numbers_of_a_file_keep_their_digits() -> None:
    account = given(toml="[account]\nrisk_per_trade = 0.1\ninitial_balance = 10_000.10\n").settings.account
    assert (account.risk_per_trade, account.initial_balance) == (Decimal("0.1"), Decimal("10000.1"))


def test_what_decisions_rest_on_becomes_the_config_of_the_run() -> None:
    resolved = given("account.leverage=3", "venue.latency_ms=7", "supervision.max_crashes=1", "market.seed=9")
    assert resolved.settings.config == msgspec.convert(
        {"account": {"leverage": 3}, "venue": {"latency_ms": 7}, "supervision": {"max_crashes": 1}}, Config
    )


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_key_is_refused_with_where_it_stands_and_the_nearest_one() -> None:
    error = refusal("account.leverag=3")
    assert (error.where, error.expected, error.found) == ("command line", "a known key", "'account.leverag'")
    assert error.hint == "Did you mean account.leverage?"
    assert refusal(HINDSIGHT_ACCOUNT__LEVERAG="3").where == "environment HINDSIGHT_ACCOUNT__LEVERAG"
    assert refusal(HINDSIGHT_ACCOUNT_LEVERAGE="3").hint == "Did you mean account.leverage?"
    assert refusal("zzz=1").hint == "`python run.py settings` lists all keys."
    assert refusal(toml="[account]\nleverag = 3\n").where == FILE_NAME


@pytest.mark.parametrize(
    "toml", ["account = 5", "[[account]]\nleverage = 3", "[account.leverage]\nx = 1", "[new]\nx = 1"]
)
def test_a_wrong_shape_is_an_unknown_key(toml: str) -> None:
    assert refusal(toml=toml).expected == "a known key"


@pytest.mark.parametrize(
    ("override", "expected", "found"),
    [
        ("account.leverage=many", "int", "'many'"),
        ("account.leverage=2.5", "int", "'2.5'"),
        ("account.leverage=true", "int", "'true'"),
        ("account.initial_balance=x", "a decimal number", "'x'"),
        ("screen.dashboard=perhaps", "bool", "'perhaps'"),
        ("market.speed=fast", "float", "'fast'"),
        ("strategy.name=true", "str", "'true'"),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_with_key_expected_and_found(
    override: str, expected: str, found: str
) -> None:
    error = refusal(override)
    assert error.where == f"{override.partition('=')[0]} (command line)"
    assert (error.expected, error.found) == (expected, found)


def test_a_value_of_a_wrong_kind_inside_a_list_names_the_key() -> None:
    error = refusal(toml='[market]\nsymbols = ["BTCUSDT", 5]')
    assert error.where == f"market.symbols ({FILE_NAME})"
    assert error.found == "['BTCUSDT', 5]"


@pytest.mark.parametrize("key", sorted(RANGES))
@pytest.mark.parametrize("place", ["below", "above"])
def test_every_number_has_a_range_and_outside_of_it_is_refused(key: str, place: str) -> None:
    low, high = RANGES[key]
    value = low - 1 if place == "below" else high * 2 + 1
    text = f"{value:.0f}" if float(value).is_integer() else f"{value}"
    error = refusal(f"{key}={text}")
    assert error.where == f"{key} (command line)" or key == "market.symbols"
    if key != "market.symbols":
        assert error.expected == f"a number from {low:g} to {high:g}"


def test_every_number_has_a_range() -> None:
    numbers = {
        key for key, value, _ in Resolved(Settings(), {}).table() if value.strip('"-').replace(".", "").isdigit()
    }
    assert numbers == set(RANGES)


def test_every_default_is_in_its_range() -> None:
    assert given().settings == Settings()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "1e400"])
@pytest.mark.parametrize("key", ["account.initial_balance", "market.speed"])
def test_what_is_no_finite_number_is_refused(key: str, text: str) -> None:
    assert refusal(f"{key}={text}").where == f"{key} (command line)"


@pytest.mark.parametrize("key", sorted(CHOICES))
def test_a_choice_outside_the_list_is_refused_with_the_list(key: str) -> None:
    error = refusal(f"{key}=never")
    assert error.where == f"{key} (command line)"
    assert error.expected == f"one of {', '.join(CHOICES[key])}"
    assert error.found == "'never'"


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        (("base_interval=5m", "strategy.analysis_interval=1m"), "strategy.analysis_interval"),
        (("account.max_open_positions=2", "account.max_same_side_positions=3"), "account.max_same_side_positions"),
        (("account.name=virtual",), "account.name"),
        (("account.name=a/b",), "account.name"),
        (("account.name=",), "account.name"),
        (("market.symbols=",), "market.symbols"),
        (("market.symbols=-3",), "market.symbols"),
        (("market.symbols=BTC/USDT",), "market.symbols"),
        (("market.symbols=0",), "market.symbols (command line)"),
    ],
)
def test_contradictions_are_refused_by_name(overrides: tuple[str, ...], where: str) -> None:
    assert refusal(*overrides).where == where


def test_an_override_without_a_value_is_refused_with_an_example() -> None:
    error = refusal("account.leverage")
    assert (error.where, error.expected, error.found) == ("command line", "key=value", "'account.leverage'")
    assert "For example" in error.hint


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    with pytest.raises(InvalidInput, match=r"missing\.toml: expected a readable UTF-8 text file"):
        resolve(missing, (), {})
    with pytest.raises(InvalidInput, match=r"missing\.toml"):
        resolve(None, (), {"HINDSIGHT_CONFIG": str(missing)})
    Path(FILE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="UTF-8"):
        resolve(None, (), {})


def test_a_file_that_is_no_toml_is_refused_with_the_place() -> None:
    error = refusal(toml="[account]\nleverage = \n")
    assert (error.where, error.expected) == (FILE_NAME, "a TOML file")
    assert "line 2" in error.found
    assert "settings --example" in error.hint


# ── changing a recorded run ───────────────────────────────────────────────────────────────────────────────────────


def test_a_recorded_run_is_changed_key_by_key() -> None:
    recorded = given("account.leverage=3", "strategy.name=x.py").settings.config
    changed = settings.changed(recorded, ["account.leverage=7", "venue.taker_fee_bps=0"])
    assert (changed.account.leverage, changed.strategy.name, changed.venue.taker_fee_bps) == (7, "x.py", Decimal(0))
    assert settings.changed(recorded, []) == recorded


@pytest.mark.parametrize("override", ["market.seed=3", "account.leverag=3", "account.leverage=0", "account.leverage"])
def test_only_what_decisions_rest_on_can_be_changed(override: str) -> None:
    with pytest.raises(InvalidInput):
        settings.changed(Config(), [override])


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_key_and_section_is_documented_and_nothing_else() -> None:
    sections = {key.rpartition(".")[0] for key in KEYS} - {""}
    assert set(DOCUMENTATION) == {*KEYS, *sections}
    for text in DOCUMENTATION.values():
        assert text.endswith(".")


def test_the_example_holds_every_key_with_its_default_and_its_meaning() -> None:
    text = example()
    Path(FILE_NAME).write_text(text, "utf-8")
    resolved = resolve(None, (), {})
    assert resolved.settings == Settings()
    assert set(resolved.origins) == set(KEYS)
    for sentence in DOCUMENTATION.values():
        assert f"# {sentence}\n" in text
    assert set(tomllib.loads(text)) >= {"base_interval", "strategy", "account"}


def test_a_password_is_masked_wherever_it_came_from() -> None:
    table = shown(given("database.url=postgresql://ann:geheim@host/db"))
    assert table["database.url"] == ("postgresql://ann:***@host/db", "command line")
    assert mask_url("host=h password=geheim") == "host=h password=***"
    assert mask_url("") == ""


def test_a_list_is_shown_as_it_would_be_written() -> None:
    assert shown(given("market.symbols=BTCUSDT,ETHUSDT"))["market.symbols"][0] == '["BTCUSDT", "ETHUSDT"]'
