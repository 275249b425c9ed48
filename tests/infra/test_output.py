"""Tables of a command: nothing is cut off where nobody looks, and what every row says is said once."""

from __future__ import annotations

import pytest

from infra.cli.output import UPRIGHT_MAX, WIDE, out, print_changes, print_facts, print_rows, shown


def rows(count: int) -> list[dict[str, object]]:
    return [{"name": f"n{at}", "strategy": "hybrid", "long": "x" * WIDE + str(at), "code": ""} for at in range(count)]


def test_a_wide_table_in_a_pipe_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(rows(UPRIGHT_MAX + 1), "wide", as_json=False)
    told = capsys.readouterr().out
    assert all("x" * WIDE + str(at) in told for at in range(UPRIGHT_MAX + 1))
    assert "…" not in told
    assert told.splitlines()[-1] == "in every row: strategy hybrid, code -"


def test_a_few_wide_rows_stand_on_their_heads(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(rows(2), "upright", as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["name", "n0", "n1"]
    assert ["strategy", "hybrid", "hybrid"] in lines


def test_rows_that_fit_keep_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"a": 1, "b": "same"} for _ in range(9)], "small", as_json=False)
    assert capsys.readouterr().out.count("same") == 9


def test_rows_that_are_all_alike_are_still_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"a": "y" * WIDE, "b": "same"} for _ in range(9)], "alike", as_json=False)
    assert capsys.readouterr().out.count("same") == 9


def test_a_chain_head_is_never_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "width", 40)
    print_facts({"run_id": "live", "chain_head": "f" * 64}, "the run", as_json=False)
    assert capsys.readouterr().out == f"the run\nrun id      live\nchain head  {'f' * 64}\n"


def test_lists_of_words_are_written_as_words() -> None:
    assert shown(["EV_NOT_POSITIVE", "NO_ROOM"]) == "EV_NOT_POSITIVE, NO_ROOM"
    assert shown([1, 2]) == "[1,2]"
    assert shown({"a": 1}) == '{"a":1}'
    assert shown([]) == "-"


def test_changes_are_told_in_a_line_each_and_long_lists_by_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    window = [[at, 104_075.0] for at in range(75)]
    print_changes({"account:main.balance": ["10000", "9995.5"], "market.hours": [(), tuple(window)]}, "changes")
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == ["account:main.balance: 10000 → 9995.5", "market.hours: - → (75 items, the last [74,104075.0])"]
