"""Lines of a run: bounded, clean, and the last ones remembered."""

from __future__ import annotations

from io import BufferedReader, BytesIO

import pytest

from dataplatform.adapters.runner.run_log import LINE_MAX_CHARS, MAX_LINES, RunLog

pytestmark = [pytest.mark.requirement("S1-86")]


def logged(content: bytes, secrets: dict[str, str] | None = None) -> list[str]:
    lines: list[str] = []
    log = RunLog(lambda level, line: lines.append(line), secrets or {})
    log.follow(BufferedReader(BytesIO(content)), "info")
    return lines


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"plain\n", ["plain"]),
        (b"dos\r\nunix\n", ["dos", "unix"]),
        (b"no end", ["no end"]),
        (b"\n", [""]),
        (b"10%\r99%\rdone\n", ["done"]),
        (b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\n", ["red text"]),
        (b"bell\x07 null\x00\n", ["bell\ufffd null\ufffd"]),
        (b"\xff\xfe\n", ["\ufffd\ufffd"]),
        ("é\u2028\n".encode(), ["é\ufffd"]),
    ],
)
def test_a_line_is_shown_as_text(written: bytes, shown: list[str]) -> None:
    assert logged(written) == shown


@pytest.mark.parametrize("length", [LINE_MAX_CHARS + 1, 1_000_000])
def test_an_endless_line_is_cut_and_the_next_one_is_whole(length: int) -> None:
    first, second = logged(b"x" * length + b"\nnext\n")

    assert first == "x" * LINE_MAX_CHARS + " … (cut)"
    assert second == "next"


@pytest.mark.parametrize("before", range(LINE_MAX_CHARS - 20, LINE_MAX_CHARS + 5))
def test_a_cut_leaves_no_half_of_a_secret(before: int) -> None:
    secret = "0123456789abcdef"

    (line,) = logged(b"x" * before + secret.encode() + b"y" * 50_000, {"KEY": secret})

    assert "0" not in line


def test_a_flood_ends_with_a_word() -> None:
    lines = logged(b"x\n" * (MAX_LINES + 5))

    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == f"more than {MAX_LINES:,} lines; the rest is dropped"


def test_the_last_lines_are_remembered_even_in_a_flood() -> None:
    log = RunLog(lambda level, line: None, {})
    for number in range(MAX_LINES + 100):
        log.say("info", f"line {number}")
    log.say("debug", "Traceback")

    assert log.last_lines[-1] == f"line {MAX_LINES + 99}"
    assert len(log.last_lines) == 20
