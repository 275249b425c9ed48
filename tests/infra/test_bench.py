"""Benchmarks at tiny sizes: that each runs and says what it is beside what. Never how fast."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from domain.errors import InvalidInput
from domain.factors import NAMES as NAMES_OF_FACTORS
from domain.symbol.events import SymbolAnalyzed
from infra.bench import BENCHMARKS, BenchContext, Measure, Skipped
from infra.bench.analysis import analyse, five_minutes, warm
from infra.bench.measure import beside, medians, percentile
from infra.cli import bench

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data")) / "market"
NEEDS_DATA = {"backtest", "replay"}
TWO_BASELINES = {"append", "decode", "fold", "kernel", "latency"}
NAMES = {
    "append", "fold", "kernel", "decode", "ingest", "exchange", "cold_start", "warm_start", "memory",
    "replay", "rebuild", "as_of", "export", "verify", "backtest", "latency", "indicators", "analysis",
}  # fmt: skip


@pytest.fixture
def context(database_url: str) -> Iterator[BenchContext]:
    with BenchContext(store=database_url, data=DATA, quick=True) as context:
        yield context


def schemas(database_url: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        return {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace")}


def test_the_benchmarks_are_those_of_the_contract() -> None:
    assert set(BENCHMARKS) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_benchmark_puts_its_figures_beside_its_baselines(name: str, context: BenchContext) -> None:
    if name in NEEDS_DATA and not DATA.is_dir():
        pytest.skip(f"no recorded market at {DATA}: set HINDSIGHT_DATA to the folder that holds market/")
    found = BENCHMARKS[name](context)
    own = {measure.baseline for measure in found if measure.name == name}
    assert len(own) == (2 if name in TWO_BASELINES else 1)
    for measure in found:
        assert measure.name.partition(":")[0] == name
        assert measure.unit
        assert measure.value > 0.0
        assert math.isclose(measure.ratio, measure.value / measure.baseline_value, rel_tol=0.01)


def test_no_factor_is_missing_in_the_analyses_that_are_measured() -> None:
    (analyzed,) = [event for event in analyse([warm()], five_minutes(2)) if isinstance(event, SymbolAnalyzed)]
    assert analyzed.assessment is not None
    assert set(analyzed.assessment.scores) == set(NAMES_OF_FACTORS)


@pytest.mark.slow
def test_a_benchmark_leaves_no_schema_behind(database_url: str, context: BenchContext) -> None:
    before = schemas(database_url)
    BENCHMARKS["append"](context)
    assert schemas(database_url) == before


def test_a_schema_is_dropped_also_after_a_failure(database_url: str, context: BenchContext) -> None:
    before = schemas(database_url)
    with pytest.raises(ZeroDivisionError), context.schema():
        _ = 1 / 0
    assert schemas(database_url) == before


def test_backtest_without_recorded_candles_is_skipped_with_a_sentence(tmp_path: Path) -> None:
    with BenchContext(data=tmp_path / "nothing", quick=True) as context, pytest.raises(Skipped, match="--data"):
        BENCHMARKS["backtest"](context)


def test_a_ratio_is_the_figure_over_its_baseline() -> None:
    assert beside("append", 30.0, "events/s", "stock", 12.0) == Measure("append", 30.0, "events/s", "stock", 12.0, 2.5)


def test_the_median_turn_of_each_contender_counts() -> None:
    assert medians([(1.0, 30.0), (9.0, 10.0), (2.0, 20.0)]) == [2.0, 20.0]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


class TestCommand:
    @pytest.fixture
    def app(self) -> typer.Typer:
        app = typer.Typer()
        bench.register(app)
        return app

    def test_an_unknown_name_is_refused_with_the_known_ones(self, app: typer.Typer) -> None:
        result = CliRunner().invoke(app, ["quickness"])
        assert isinstance(result.exception, InvalidInput)
        assert all(name in str(result.exception) for name in NAMES)

    def test_a_store_in_memory_is_refused(self, app: typer.Typer) -> None:
        assert isinstance(CliRunner().invoke(app, ["kernel", "--store", "memory"]).exception, InvalidInput)

    @pytest.mark.slow
    def test_json_goes_to_standard_output_alone(self, app: typer.Typer) -> None:
        result = CliRunner().invoke(app, ["kernel", "--quick", "--json"])
        assert result.exit_code == 0
        assert "Measuring kernel" in result.stderr
        for entry in json.loads(result.stdout):
            assert list(entry) == ["name", "value", "unit", "baseline", "baseline_value", "ratio"]

    def test_what_can_not_run_here_is_said_and_passed_over(self, app: typer.Typer, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["backtest", "--quick", "--json", "--data", str(tmp_path / "nothing")])
        assert result.exit_code == 0
        assert json.loads(result.stdout) == []
        assert "Skipped" in result.stderr
