from __future__ import annotations

import pytest

from dataplatform.channels.choose import choose_engine
from dataplatform.channels.spec import EngineName


@pytest.mark.requirement("B45")
@pytest.mark.parametrize(
    ("asked", "to_read", "spark_files", "engine"),
    [
        ("local", 10**9, 10, "local"),
        ("spark", 0, None, "spark"),
        ("auto", 10**9, None, "local"),
        ("auto", 9, 10, "local"),
        ("auto", 10, 10, "spark"),
    ],
)
def test_the_spec_decides_and_else_the_number_of_files_to_read(
    asked: EngineName, to_read: int, spark_files: int | None, engine: str
) -> None:
    assert choose_engine(asked, to_read, spark_files).engine == engine


def test_a_choice_says_why() -> None:
    assert choose_engine("auto", 12_000, 10_000).reason == (
        "12,000 files to read; from 10,000 on it is Spark"
    )
    assert choose_engine("spark", 1, None).reason == "the spec says `engine: spark`"
