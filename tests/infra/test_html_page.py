"""Pages: one file that is well-formed, says what it was given and nothing else, and loads nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from html_reading import CSS, Reading, colours_of, figures_of
from msgspec.structs import replace

from infra.html.bar_charts import ranked
from infra.html.cells import Cell, count, gained
from infra.html.charts import ACCENT, bars, figure, line
from infra.html.page import Chart, Page, Section, Table, Tile, latest, render

HOSTILE = "</script><script>alert('x')</script><!-- & \" --gain"
SCRIPT = (Path(__file__).parents[2] / "infra" / "html" / "page.js").read_text("utf-8")


def page_of(*sections: Section) -> Page:
    return Page("A title", "A lead.", (("Run", "abc"),), sections, (("account.name", "main"),))


def charted(text: str = "net") -> Page:
    chart = Chart(text, figure(bars(text, [text], [1.0], ACCENT)), half=True, note=text)
    table = Table(text, (text, text, "count"), ((Cell(text), Cell(text, tone="muted"), count(1)),), text)
    section = Section(text, text, (Tile(text, Cell(text), text, text),), (chart, chart), (table,))
    return Page(text, text, ((text, text),), (section,), ((text, text),))


def test_a_page_is_well_formed_and_shows_what_it_was_given() -> None:
    tile = Tile("Net PnL", gained(-12.5), "USDT", "gross - fees")
    reading = Reading(render(page_of(Section("Figures", "A note.", tiles=(tile,)))))
    for word in ("A title", "A lead.", "Run", "abc", "Figures", "A note.", "Net PnL", "-12.50", "USDT", "account.name"):
        assert word in reading.text


def test_text_from_outside_stays_text() -> None:
    plain, hostile = Reading(render(charted("x"))), Reading(render(charted(HOSTILE)))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert "<script>alert" in hostile.text


def test_text_in_a_chart_can_not_end_its_script() -> None:
    page = render(charted(HOSTILE))
    assert "alert" in str(figures_of(page)["chart-1"])
    assert "<script>alert" not in page


def test_names_in_lying_bars_are_no_tags_for_plotly() -> None:
    (trace,) = ranked({"<b>x</b>": 1}).data
    assert trace["y"] == ["&lt;b&gt;x&lt;/b&gt;"]


def test_nothing_is_loaded() -> None:
    reading = Reading(render(charted()))
    assert reading.attributes("src") == []
    assert reading.attributes("href") == ["data:,"]
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_the_page_itself_forbids_all_loading() -> None:
    (policy,) = [attributes["content"] for tag, attributes in Reading(render(charted())).elements
                 if attributes.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "*" not in policy


def test_plotly_may_not_offer_to_upload_a_chart() -> None:
    assert "showSendToCloud: false" in SCRIPT
    assert 'plotlyServerURL: ""' in SCRIPT


def test_charts_are_numbered_and_each_has_its_place() -> None:
    page = render(charted())
    assert list(figures_of(page)) == ["chart-1", "chart-2"]
    assert [name for name in Reading(page).attributes("id") if name != "figures"] == ["chart-1", "chart-2"]


def test_plotly_is_there_once_if_there_is_a_chart_and_not_at_all_without_one() -> None:
    assert render(charted()).count("plotly.js v") == 1
    assert "plotly.js" not in render(page_of(Section("Nothing")))


def test_the_same_page_gives_the_same_text() -> None:
    assert render(charted()) == render(charted())


def test_another_page_gives_another_text() -> None:
    assert render(charted()) != render(replace(charted(), title="other"))


def test_every_colour_is_defined_for_light_and_for_dark() -> None:
    light, dark = (set(re.findall(r"(--[a-z-]+):", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL))
    used = set(re.findall(r"var\((--[a-z-]+)\)", CSS)) - {"--columns"} | colours_of(figures_of(render(charted())))
    assert used <= light
    assert light == dark


def test_a_table_without_rows_says_so() -> None:
    assert "None." in Reading(render(page_of(Section(tables=(Table("Trades", ("a",), ()),))))).text


def test_a_row_has_as_many_cells_as_the_table_has_columns() -> None:
    with pytest.raises(ValueError, match="zip"):
        render(page_of(Section(tables=(Table("Trades", ("a", "b"), ((count(1),),)),))))


def test_the_latest_rows_stand_on_top_and_the_left_out_ones_are_counted() -> None:
    table = latest("Rows", ("n",), range(1_000), lambda number: (count(number),), shown=3)
    assert [row[0].text for row in table.rows] == ["999", "998", "997"]
    assert table.note == "The last 3 of 1,000, newest first."


def test_a_curve_of_one_point_is_drawn_as_a_point() -> None:
    assert line("equity", [1], [2.0], ACCENT)["mode"] == "markers"
    assert line("equity", [1, 2], [2.0, 3.0], ACCENT)["mode"] == "lines"


def test_a_chart_without_a_point_says_so_instead_of_being_drawn() -> None:
    page = render(page_of(Section(charts=(Chart("Empty", ranked({})), Chart("Full", ranked({"a": 1}))))))
    assert "Nothing to draw yet." in Reading(page).text
    assert list(figures_of(page)) == ["chart-1"]
