"""Many producer folders, as varied as those that people write, for what has to hold at a thousand.

They run: each yields a few rows without any network. The same number always gives the same
folders. A few are broken, each in a way of its own, because among a thousand some always are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

NAMESPACES = 12
PROVIDERS = 40
DERIVED_EVERY = 10
SHARDED_EVERY = 4
BROKEN_EVERY = 33
MAIN = '''\
"""A few rows of stations, made without any network."""

import datetime as dt

import pyarrow as pa


def produce(context):
    days = [dt.date(2025, 1, 1) + dt.timedelta(days=day) for day in range(60)]
    stations = [f"S{day % 7:03}" for day in range(60)]
    return pa.table({"date": days, "station": stations, "value": [float(NUMBER)] * 60})
'''
DERIVED = '''\
"""The rows of another data set, taken as they are."""


def produce(context):
    [pinned] = context.inputs.values()
    return pinned.table()
'''
README = """\
# Stations, part NUMBER

Daily readings of a handful of stations. Made for measuring; the numbers mean nothing.

## Columns

`date`, `station`, `value`.
"""


def write_producers(root: Path, count: int, *, broken: bool = True) -> list[str]:
    """Write `count` folders below `root`; returns the ids of those that can run."""
    ids = []
    for number in range(count):
        name = dataset_name(number)
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.py").write_text(_main(number))
        (folder / "README.md").write_text(README.replace("NUMBER", str(number)))
        text = yaml.safe_dump(definition(number), sort_keys=False)
        if broken and number % BROKEN_EVERY == BROKEN_EVERY - 1:
            text = BREAKAGES[number // BROKEN_EVERY % len(BREAKAGES)](text)
        else:
            ids.append(name)
        (folder / "opendata.yaml").write_text(text)
    return ids


def dataset_name(number: int) -> str:
    """The id of the producer with this number."""
    return f"space-{number % NAMESPACES:02}/stations-{number:04}"


def definition(number: int) -> dict[str, Any]:
    """What its `opendata.yaml` says."""
    said: dict[str, Any] = {
        "id": dataset_name(number),
        "title": f"Stations, part {number}",
        "description": "Daily readings of a handful of stations.",
        "license": "CC-BY-4.0",
        "repo": "https://example.org/stations",
        "source": {
            "provider": f"provider {number % PROVIDERS}",
            "homepage": "https://example.org/",
        },
        "topics": ["weather", f"part-{number % 9}"],
        "owners": ["team:stations", "stations@example.org"],
        "frequency": ("daily", "hourly", "monthly", "weekly", "adhoc")[number % 5],
        "time": "date",
        "timeout": "10m",
        "contract": {
            "primary_key": ["date", "station"],
            "fields": [
                {"name": "date", "type": "date32", "nullable": False},
                {"name": "station", "type": "string", "nullable": False},
                {"name": "value", "type": "float64", "unit": "kelvin", "description": "Reading"},
            ],
            "rules": [{"kind": "range", "field": "value", "min": -1, "max": 1_000_000}],
        },
        "quality": [{"metric": "completeness", "field": "value", "min": 0.99}],
    }
    if number % 3 == 0:
        said["schedule"] = f"{number % 60} {number % 24} * * *"
    if number % SHARDED_EVERY == 1:
        said["release"] = {"shard": "month", "observation": "7d"}
    if _is_derived(number):
        said["inputs"] = [dataset_name(number - 1)]
    return said


def _is_derived(number: int) -> bool:
    return number % DERIVED_EVERY == DERIVED_EVERY - 1


def _main(number: int) -> str:
    return DERIVED if _is_derived(number) else MAIN.replace("NUMBER", str(number))


def _bomb(text: str) -> str:
    """306 bytes of aliases that stand for a billion values."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    return "\n".join(lines) + "\n"


BREAKAGES: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace("title:", "titel:"),
    lambda text: text + "\tno: yaml\n",
    lambda text: text.replace("stations-", "another-", 1),
    lambda text: text.replace("float64", "flaot64"),
    lambda text: "",
    _bomb,
)
