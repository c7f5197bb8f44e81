"""The sink: tables that fit, values that cannot steer a terminal, three ways to speak."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from opendata.cli.cells import clean, plain, shown
from opendata.cli.output import Mode, Output
from opendata.cli.table import cut, render, width
from opendata.wire.words import counted

CAPTURED = pytest.CaptureFixture[str]


def test_columns_are_aligned_numbers_to_the_right() -> None:
    drawn = render(["name", "rows"], [["a", 5], ["long name", 1200]])
    assert drawn.header == "name       rows"
    assert drawn.lines == ("a             5", "long name  1200")


def test_wide_characters_take_two_places() -> None:
    drawn = render(["城市", "n"], [["北京", 1], ["Oslo", 2]])
    assert drawn.header == "城市  n"
    assert drawn.lines == ("北京  1", "Oslo  2")
    assert width("é") == 1


def test_on_a_terminal_columns_without_room_are_left_out_and_counted() -> None:
    drawn = render(["a", "b", "c"], [["x" * 10, "y" * 10, "z" * 10]], room=25)
    assert drawn.left_out == 1
    assert drawn.lines == ("x" * 10 + "  " + "y" * 10,)


def test_on_a_pipe_nothing_is_cut() -> None:
    drawn = render(["a", "b"], [["x" * 500, "y" * 500]])
    assert drawn.left_out == 0
    assert len(drawn.lines[0]) == 1002


def test_a_long_cell_is_cut_with_a_sign() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("北京市", 4) == "北…"
    assert cut("abcd", 4) == "abcd"


def test_an_empty_table_is_its_header() -> None:
    assert render(["a", "b"], []).header == "a  b"


@pytest.mark.parametrize("bad", ["\x1b[31m", "\x07", "\x9b2J", "\u202e", "\u2028", "\r"])
def test_nothing_that_steers_a_terminal_survives(bad: str) -> None:
    assert bad not in clean(f"a{bad}b")
    assert bad not in shown(f"a{bad}b")


def test_cells_stay_on_one_line() -> None:
    assert shown("two\n  lines\tand a tab") == "two lines and a tab"
    assert shown(None) == ""
    assert shown(True) == "true"
    assert shown(b"\x00\xff") == "0x00ff"
    assert shown([1, None]) == "[1, null]"
    assert shown(datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == (
        "2024-01-01T00:00:00Z"
    )


def test_values_become_plain_json() -> None:
    value = {
        "nan": float("nan"),
        "inf": float("inf"),
        "day": date(2024, 1, 1),
        "at": datetime(2024, 1, 1, tzinfo=UTC),
        "naive": datetime(2024, 1, 1),  # noqa: DTZ001 - a column without a zone holds these
        "bytes": b"\xff",
        "nested": [{1: (2, 3)}],
        "big": 2**70,
        "took": timedelta(minutes=1),
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "nan": None,
        "inf": None,
        "day": "2024-01-01",
        "at": "2024-01-01T00:00:00Z",
        "naive": "2024-01-01T00:00:00",
        "bytes": "/w==",
        "nested": [{"1": [2, 3]}],
        "big": 2**70,
        "took": 60.0,
    }


def test_counts_have_their_plural() -> None:
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_people_get_tables_and_notes_beside_them(capsys: CAPTURED) -> None:
    out = Output()
    out.result({"a": 1}, lambda: out.table(["a"], [[1]]), ["1"])
    out.note("took a while")
    captured = capsys.readouterr()
    assert captured.out == "a\n1\n"
    assert captured.err == "took a while\n"


def test_programs_get_one_document_and_warnings_beside_it(capsys: CAPTURED) -> None:
    out = Output(Mode.JSON)
    out.result({"a": 1}, lambda: out.table(["a"], [[1]]), ["1"])
    out.note("took a while")
    out.warn("unsigned", "od key create")
    out.log("error", "a line of main.py")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert captured.err == "warning: unsigned\nhint: od key create\n"


def test_the_quiet_get_bare_names(capsys: CAPTURED) -> None:
    out = Output(Mode.QUIET)
    out.result({"a": 1}, lambda: out.line("never"), ["me/rates@1.0.0"])
    out.warn("unsigned")
    captured = capsys.readouterr()
    assert captured.out == "me/rates@1.0.0\n"
    assert captured.err == ""


def test_log_lines_of_a_producer_are_marked_and_details_only_shown_when_asked_for(
    capsys: CAPTURED,
) -> None:
    out = Output()
    out.log("info", "fetched")
    out.log("debug", "Traceback …")
    out.verbose = True
    out.log("debug", "Traceback!")
    assert capsys.readouterr().err == "  │ fetched\n  │ Traceback!\n"


def test_steps_on_a_pipe_are_lines(capsys: CAPTURED) -> None:
    out = Output()
    with out.steps() as step:
        step("building")
        step("checking")
    assert capsys.readouterr().err == "· building\n· checking\n"


def test_facts_without_a_value_are_left_out(capsys: CAPTURED) -> None:
    Output().facts([("id", "me/rates"), ("homepage", None), ("rows", "0")])
    assert capsys.readouterr().out == "id    me/rates\nrows  0\n"
