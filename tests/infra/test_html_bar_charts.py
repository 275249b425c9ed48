"""Charts made of bars: which names stand on them, in which order, and how many."""

from __future__ import annotations

import plotly.graph_objects as go
from html_reading import painted

from infra.html.bar_charts import DAYS_FEW, daily, histogram, ranked, stacked
from infra.html.charts import ACCENT, GAIN, LOSS, Figure

COLOURS = {"TRADED": "--accent", "DENIED": "--second"}


def accepted(figure: Figure) -> Figure:
    """Let plotly look at a figure."""
    go.Figure(painted({"data": list(figure.data), "layout": figure.layout}))
    return figure


def test_the_largest_amounts_are_shown_gains_on_top() -> None:
    (trace,) = accepted(ranked({"a": 1.0, "b": -5.0, "c": 3.0, "d": 0.5}, shown=3)).data
    assert (trace["y"], trace["x"]) == (["c", "a", "b"], [3.0, 1.0, -5.0])
    assert trace["marker"] == {"color": [GAIN, GAIN, LOSS]}


def test_counts_have_one_colour() -> None:
    (trace,) = accepted(ranked({"a": 1, "b": 2}, ACCENT)).data
    assert trace["marker"] == {"color": ACCENT}


def test_names_are_stacked_by_kind_most_first() -> None:
    counts = {("a", "TRADED"): 1, ("b", "TRADED"): 2, ("b", "DENIED"): 3, ("c", "DENIED"): 1}
    traded, denied = accepted(stacked(counts, COLOURS, shown=2)).data
    assert (traded["y"], traded["x"]) == (["b", "a"], [2, 1])
    assert (denied["y"], denied["x"]) == (["b", "a"], [3, 0])


def test_a_kind_that_never_happened_is_not_in_the_legend() -> None:
    figure = accepted(stacked({("a", "TRADED"): 1}, COLOURS))
    assert [trace["name"] for trace in figure.data] == ["TRADED"]
    assert figure.layout["showlegend"] is False


def test_days_are_in_order_and_a_few_of_them_are_names() -> None:
    counts = {(f"2024-01-{day:02}", "TRADED"): day for day in range(DAYS_FEW, 0, -1)}
    few = accepted(daily(counts, COLOURS))
    assert few.data[0]["y"] == list(range(1, DAYS_FEW + 1))
    assert few.layout["xaxis"]["type"] == "category"
    many = accepted(daily({**counts, ("2024-02-01", "TRADED"): 1}, COLOURS))
    assert many.layout["xaxis"]["type"] == "date"


def test_bins_below_zero_are_losses() -> None:
    (trace,) = accepted(histogram([-1.0, 1.0], [3, 4], 2.0, "USDT")).data
    assert trace["marker"] == {"color": [LOSS, GAIN]}
    assert trace["y"] == [3, 4]


def test_counts_have_no_ticks_at_halves_and_amounts_may() -> None:
    assert ranked({"STOP": 1, "TARGET": 2}, ACCENT).layout["xaxis"]["dtick"] == 1
    assert "dtick" not in ranked({"STOP": 1, "TARGET": 200}, ACCENT).layout["xaxis"]
    assert "dtick" not in ranked({"STOP": -1.5, "TARGET": 2.0}).layout["xaxis"]
