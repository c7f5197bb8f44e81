from __future__ import annotations

import dataclasses

import pytest

from dataplatform.channels.build import index_channel
from dataplatform.channels.choose import choose_engine
from dataplatform.channels.look import plan_index
from dataplatform.channels.spec import EngineName
from dataplatform_tests.channels.lake import Lake
from opendata.wire.errors import InvalidInput


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


@pytest.mark.requirement("B45")
def test_a_plan_says_which_engine_would_run_and_nothing_else_does(lake: Lake) -> None:
    assert plan_index(lake.ports, lake.spec).engine == "local"
    many = dataclasses.replace(lake.ports, spark_files=3)
    plan = plan_index(many, lake.spec)
    assert (plan.engine, plan.engine_reason) == ("spark", "3 files to read; from 3 on it is Spark")
    with pytest.raises(InvalidInput, match="no engine 'spark' here") as caught:
        index_channel(many, lake.spec)
    assert caught.value.code == "no_engine"
    assert lake.place.hashed == []


def test_a_choice_says_why() -> None:
    assert choose_engine("auto", 12_000, 10_000).reason == (
        "12,000 files to read; from 10,000 on it is Spark"
    )
    assert choose_engine("spark", 1, None).reason == "the spec says `engine: spark`"
