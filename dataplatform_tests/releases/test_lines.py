"""What may follow a frozen release: hot fixes, regular releases, side releases; as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.releases.lines import beside_closed_line, on_one_line, publishing_kind
from dataplatform.releases.number import Numbers
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.resolve import Release
from opendata.stores.memory import MemoryStore
from opendata.wire.codec import replace
from opendata.wire.errors import Rejected
from opendata.wire.marks import FreezeState
from opendata.wire.version import FIRST_VERSION, Version, parse_version

pytestmark = pytest.mark.requirement("S4-53", "S4-54", "B2")

SOFT = FreezeState("soft", until="2026-02-07T06:00:00Z")
WINDOW_OVER = FreezeState("hard", "window", "2026-02-07T06:00:00Z")
EARLY = FreezeState("hard", "early", "2026-02-01T06:00:00Z")
DECLARED = FreezeState("hard", "declared", "2026-01-31T06:00:00Z")
APPENDED: dict[str, Any] = {"added": 3, "removed": 0, "changed": 0}
CORRECTED: dict[str, Any] = {"added": 1, "removed": 0, "changed": 2}
SHRUNK: dict[str, Any] = {"added": 0, "removed": 1, "changed": 0}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = make_bench(MemoryStore(), Path(tmp_path_factory.mktemp("lines")), time="day")
    bench.publish(rates(1))
    return bench


def release(bench: Bench, version: str, rows: dict[str, Any]) -> Release:
    """A release that is current in all but its number and what it changed."""
    current = bench.current
    changelog = replace(current.manifest.changelog, diff_R=rows)
    manifest = replace(current.manifest, changelog=changelog)
    return Release(current.id, parse_version(version), manifest, b"", "0" * 64)


@pytest.mark.parametrize(
    ("current", "state", "version", "rows", "expected"),
    [
        ("1.0.0", SOFT, "1.0.1", CORRECTED, "hotfix"),
        ("1.0.0", SOFT, "1.0.1", SHRUNK, "hotfix"),
        ("1.0.0", SOFT, "1.0.7", CORRECTED, "hotfix"),  # numbers between are taken
        ("1.0.0", SOFT, "1.0.1", APPENDED, "publish"),
        ("1.0.0", SOFT, "1.1.0", CORRECTED, "publish"),
        ("1.0.0", SOFT, "2.0.0", CORRECTED, "publish"),
        ("1.0.0", WINDOW_OVER, "1.0.1", CORRECTED, "publish"),
        ("1.0.0", WINDOW_OVER, "1.0.1", APPENDED, "publish"),
        ("1.0.0", EARLY, "1.1.0", CORRECTED, "publish"),
        ("1.0.0", DECLARED, "1.1.0", APPENDED, "publish"),
        ("1.0.0", DECLARED, "2.0.0", CORRECTED, "publish"),
        ("1.0.0", EARLY, "1.0.1", CORRECTED, "line_closed"),
        ("1.0.0", DECLARED, "1.0.1", APPENDED, "line_closed"),
        ("1.4.2", DECLARED, "1.4.3", APPENDED, "line_closed"),
        ("1.4.2", DECLARED, "1.3.9", APPENDED, "publish"),
    ],
)
def test_what_publishing_is_called_or_that_it_is_refused(
    bench: Bench,
    current: str,
    state: FreezeState,
    version: str,
    rows: dict[str, Any],
    expected: str,
) -> None:
    before, after = release(bench, current, APPENDED), release(bench, version, rows)
    if expected != "line_closed":
        assert publishing_kind(after, before, state) == expected
        return
    with pytest.raises(Rejected) as refused:
        publishing_kind(after, before, state)
    assert refused.value.code == "line_closed"
    assert refused.value.details["closed_by"] == current


def test_the_first_release_is_a_publish(bench: Bench) -> None:
    assert publishing_kind(release(bench, "1.0.0", CORRECTED), None, None) == "publish"


@pytest.mark.parametrize(
    ("required", "closed", "declared", "taken", "expected"),
    [
        ("1.0.1", None, None, [], "1.0.1"),
        ("1.0.1", "1.0.0", None, [], "1.1.0"),
        ("1.0.1", "1.0.0", "1.0.0", [], "1.1.0"),  # declared once, published since
        ("1.0.1", "1.0.0", None, ["1.1.0", "1.1.1"], "1.1.2"),
        ("1.1.0", "1.0.0", None, [], "1.1.0"),
        ("1.1.0", "1.0.0", "1.1.0", [], "1.1.0"),
        ("2.0.0", "1.0.0", "2.0.0", [], "2.0.0"),
        ("3.7.6", "3.7.5", None, [], "3.8.0"),
    ],
)
def test_a_closed_line_is_continued_on_the_next_minor(
    required: str, closed: str | None, declared: str | None, taken: list[str], expected: str
) -> None:
    numbers = Numbers(FIRST_VERSION, parse_version(required))
    moved = beside_closed_line(
        numbers,
        parse_version(closed) if closed else None,
        parse_version(declared) if declared else None,
        [parse_version(one) for one in taken],
    )
    assert str(moved.data_release) == expected
    assert moved.schema_version == FIRST_VERSION  # the data alone moved on


def test_a_declared_number_on_a_closed_line_is_refused_with_the_right_one() -> None:
    numbers = Numbers(FIRST_VERSION, Version(1, 0, 1))
    with pytest.raises(Rejected) as refused:
        beside_closed_line(numbers, Version(1, 0, 0), Version(1, 0, 1))
    assert refused.value.code == "line_closed"
    assert 'version: "1.1.0"' in (refused.value.hint or "")


versions = st.builds(Version, st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))


@given(versions, versions, st.sets(versions, max_size=9))
def test_no_number_is_ever_on_a_closed_line_or_taken(
    required: Version, closed: Version, taken: set[Version]
) -> None:
    while required in taken:  # what `next_numbers` promises
        required = Version(required.major, required.minor, required.patch + 1)
    moved = beside_closed_line(Numbers(FIRST_VERSION, required), closed, None, taken).data_release
    assert not on_one_line(moved, closed)
    assert moved not in taken
