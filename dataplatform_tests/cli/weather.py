"""A producer as a newcomer makes it: started, published, edited."""

from __future__ import annotations

from pathlib import Path

from dataplatform_tests.cli.shell import Answer, fill_in, od

WEATHER = Path("producers/me/weather")


def started(*words: str) -> Answer:
    """`od init me/weather …`, which has to work, with what it leaves to say filled in."""
    answer = od("init", "me/weather", *words)
    assert answer.code == 0, answer.err
    fill_in(WEATHER)
    return answer


def published() -> Answer:
    answer = od("run", "me/weather", "--publish")
    assert answer.code == 0, answer.err
    return answer


def edit(file: str, old: str, new: str) -> None:
    path = WEATHER / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
