"""Every ending has a sentence, a hint and an exit code; none shows a traceback unasked."""

from __future__ import annotations

import errno
from collections.abc import Callable

import click
import pytest

from dataplatform_tests.cli.shell import od
from opendata.cli import commands
from opendata.wire.errors import (
    Conflict,
    Corrupt,
    Denied,
    InvalidInput,
    NotFound,
    OpenDataError,
    Rejected,
    Unavailable,
)

pytestmark = pytest.mark.requirement("B47")

Break = Callable[[BaseException], None]


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Make `od search` end with an error."""

    def install(error: BaseException) -> None:
        @click.command()
        @click.option("--json", "as_json", is_flag=True)
        def search(as_json: bool) -> None:
            raise error

        monkeypatch.setattr("opendata.cli.app.load_command", lambda name: search)

    return install


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InvalidInput, 2),
        (Denied, 3),
        (NotFound, 4),
        (Conflict, 5),
        (Rejected, 6),
        (Corrupt, 6),
        (Unavailable, 7),
    ],
)
def test_a_category_has_its_exit_code_a_sentence_and_a_hint(
    breaking: Break, kind: type[OpenDataError], code: int
) -> None:
    breaking(kind("the rates are gone", hint="od search rates"))
    answer = od("search")
    assert answer.code == code
    assert answer.out == ""
    assert answer.err == "error: the rates are gone\nhint: od search rates\n"


def test_with_json_the_error_is_an_object_beside_the_sentence(breaking: Break) -> None:
    breaking(Unavailable("the store is asleep", code="asleep", details={"since": 3}))
    answer = od("search", "--json")
    assert answer.json == {
        "error": {
            "category": "unavailable",
            "code": "asleep",
            "message": "the store is asleep",
            "hint": None,
            "retryable": True,
            "details": {"since": 3},
            "exit_code": 7,
        }
    }
    assert answer.err == "error: the store is asleep\n"


def test_a_wrong_option_is_bad_input_and_names_the_help() -> None:
    answer = od("search", "--topics", "rates")
    assert answer.code == 2
    assert "--topics" in answer.err
    assert "hint: od search --help" in answer.err


def test_a_wrong_option_is_told_to_programs_too() -> None:
    answer = od("search", "--json", "--topics", "rates")
    assert answer.code == 2
    assert answer.json["error"]["code"] == "usage"


def test_an_interrupted_command_ends_with_130(breaking: Break) -> None:
    breaking(KeyboardInterrupt())
    answer = od("search")
    assert answer.code == 130
    assert answer.err.strip() == "interrupted"


def test_a_question_that_nobody_answers_is_no_interruption(breaking: Break) -> None:
    breaking(EOFError())
    answer = od("search")
    assert answer.code == 2
    assert "--yes" in answer.err


def test_a_fault_of_ours_is_one_sentence_and_says_how_to_report_it(breaking: Break) -> None:
    breaking(KeyError("colour"))
    answer = od("search")
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "od did not expect this: KeyError: 'colour' at test_failures.py:" in answer.err
    assert "OPENDATA_DEBUG=1" in answer.err


def test_debugging_shows_the_traceback(breaking: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENDATA_DEBUG", "1")
    breaking(NotFound("gone"))
    answer = od("search")
    assert answer.code == 4
    assert "Traceback (most recent call last)" in answer.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 3, "/x: Permission denied"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 4, "/x: No such file"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "/x"), 2, "/x: Is a directory"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 7, "/x: No space left"),
    ],
)
def test_trouble_with_a_file_names_it(
    breaking: Break, error: OSError, code: int, message: str
) -> None:
    breaking(error)
    answer = od("search")
    assert answer.code == code
    assert f"error: {message}" in answer.err


def test_a_full_disk_says_what_helps(breaking: Break) -> None:
    breaking(OSError(errno.ENOSPC, "No space left on device", "/x"))
    assert "hint: free some space there" in od("search").err


def test_an_error_cannot_steer_the_terminal(breaking: Break) -> None:
    breaking(NotFound("no \x1b]0;owned\x07 data set", hint="\x1b[2Jtry\x9b1m"))
    answer = od("search")
    assert "\x1b" not in answer.err
    assert "\x9b" not in answer.err
    assert "no \ufffd]0;owned\ufffd data set" in answer.err


def test_a_missing_platform_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opendata._platform.entry_points", lambda **wanted: [])
    with pytest.raises(NotFound, match="platform's part"):
        commands.platform_targets()
