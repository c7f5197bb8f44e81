"""`od run --partition`: a month of a data set, by the name of its shard."""

from __future__ import annotations

from pathlib import Path

import pytest

import opendata
from dataplatform_tests.cli.shell import od
from dataplatform_tests.datasets.documents import MINIMAL

pytestmark = pytest.mark.platform

YAML = MINIMAL.replace("a/b", "me/days") + "time: day\nrelease: {shard: month}\n"
MAIN = """
import datetime, pathlib
import pyarrow as pa

def produce(context):
    value = float(pathlib.Path(__file__).with_name("value.txt").read_text())
    days = [datetime.date(2024, month, 15) for month in (1, 2, 3)]
    return pa.table({"day": days, "value": [value] * 3})
"""


@pytest.fixture
def folder(project: Path) -> Path:
    folder = project / "producers" / "me" / "days"
    folder.mkdir(parents=True)
    (folder / "opendata.yaml").write_text(YAML)
    (folder / "main.py").write_text(MAIN)
    (folder / "value.txt").write_text("1")
    return folder


@pytest.mark.requirement("S1-58")
def test_a_month_replaces_that_month_and_a_range_its_months(folder: Path) -> None:
    assert od("run", "me/days", "--publish").code == 0
    (folder / "value.txt").write_text("2")
    assert od("run", "me/days", "--partition", "2024-03", "--publish").code == 0
    assert opendata.load("me/days")["value"].tolist() == [1.0, 1.0, 2.0]
    (folder / "value.txt").write_text("3")
    answer = od("run", "me/days", "--partition", "2024-01..2024-02", "--publish")
    assert (answer.code, "published me/days@1.0.2" in answer.out) == (0, True)
    assert opendata.load("me/days")["value"].tolist() == [3.0, 3.0, 2.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--partition", "2024"], "'2024' is no month of this data set"),
        (["--partition", "2024-01", "--start", "2024-01-01"], "exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(
    folder: Path, words: list[str], said: str
) -> None:
    answer = od("run", "me/days", *words)
    assert (answer.code, said in answer.err) == (2, True)
