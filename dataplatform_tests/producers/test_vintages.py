"""The demo's mirrors: pinned packages give the genuine bytes, and the producers read them whole."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from uv import find_uv_bin

from dataplatform.adapters.mirrors.wheels import fill_mirror, read_vintages
from dataplatform.contracts.report import explain
from dataplatform_tests.producers.judging import failing, judged
from dataplatform_tests.producers.recorded import BLOCKED, ROOT, Published, Recorded, producer

DEMO = ROOT / "demo"
VINTAGES = read_vintages(DEMO / "vintages.toml")
AIRPORTS, SUBDIVISIONS = "world-airports", "iso-3166-2-subdivisions"
RATES, CURVE = "ecb-euro-reference-rates", "treasury-yield-curve-daily"


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every vintage of the demo, filled from the packages themselves."""
    folder = tmp_path_factory.mktemp("mirrors")
    for name, vintage in VINTAGES.items():
        fill_mirror(folder / name, vintage, uv=find_uv_bin(), log=lambda _: None)
    return {name: folder / name for name in VINTAGES}


def produced(name: str, mirror: Path, root: Path = ROOT / "producers") -> pa.Table:
    return producer(name, root).produce(Recorded(mirror=mirror))


def keyed(table: pa.Table, key: str) -> dict[str, dict[str, object]]:
    return {row[key]: row for row in table.to_pylist()}


@pytest.mark.parametrize("name", VINTAGES)
def test_the_declared_versions_are_the_ones_pinned_by_hash(name: str) -> None:
    declared = tomllib.loads((DEMO / "vintages.toml").read_text())["vintages"][name]["packages"]
    text = VINTAGES[name].requirements.read_text()
    assert dict(re.findall(r"^([a-z]+)==(\S+) ", text, re.MULTILINE)) == declared
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(declared)


def test_every_recording_that_a_vintage_names_is_there() -> None:
    for vintage in VINTAGES.values():
        assert [folder for folder in vintage.recorded if not folder.is_dir()] == []


@pytest.mark.real
@pytest.mark.requirement("S1-53")
@pytest.mark.parametrize(
    ("vintage", "airports", "days", "rates", "subdivisions"),
    [
        ("2026-08", 28_409, 7_063, 219_875, 5_046),
        ("2026-09", 28_291, 7_092, 220_716, 5_046),
        ("2026-10", 28_298, 7_126, 221_702, 5_046),
    ],
)
def test_a_vintage_is_read_whole(
    mirrors: dict[str, Path], vintage: str, airports: int, days: int, rates: int, subdivisions: int
) -> None:
    mirror = mirrors[vintage]
    exchange = produced(RATES, mirror)
    assert produced(AIRPORTS, mirror).num_rows == airports
    assert (pc.count_distinct(exchange["date"]).as_py(), exchange.num_rows) == (days, rates)
    assert produced(SUBDIVISIONS, mirror).num_rows == subdivisions
    assert produced(CURVE, mirror).num_rows == 62


@pytest.mark.real
@pytest.mark.parametrize("name", [AIRPORTS, RATES, SUBDIVISIONS, CURVE])
@pytest.mark.parametrize("vintage", ["2026-08", "2026-09", "2026-10"])
def test_the_whole_of_a_vintage_keeps_its_contract(
    mirrors: dict[str, Path], tmp_path: Path, vintage: str, name: str
) -> None:
    report = judged(tmp_path, name, produced(name, mirrors[vintage]))
    assert report.passed, explain(report)


@pytest.mark.real
def test_the_second_airports_are_a_data_patch(mirrors: dict[str, Path]) -> None:
    old, new = (keyed(produced(AIRPORTS, mirrors[v]), "icao") for v in ("2026-08", "2026-09"))
    both = old.keys() & new.keys()
    assert len(new.keys() - old.keys()) == 142
    assert len(old.keys() - new.keys()) == 260
    assert 0 < sum(old[key] != new[key] for key in both) < 300


@pytest.mark.real
def test_the_rates_only_ever_grow(mirrors: dict[str, Path]) -> None:
    tables = [produced(RATES, mirrors[vintage]) for vintage in ("2026-08", "2026-09", "2026-10")]
    for old, new in itertools.pairwise(tables):
        assert new.slice(0, old.num_rows).equals(old)


@pytest.mark.real
def test_only_names_of_subdivisions_change_and_then_nothing(mirrors: dict[str, Path]) -> None:
    first, second, third = (
        produced(SUBDIVISIONS, mirrors[vintage]) for vintage in ("2026-08", "2026-09", "2026-10")
    )
    columns = ["code", "type", "parent"]
    assert first.select(columns).equals(second.select(columns))
    assert not first.equals(second)
    assert second.equals(third)


@pytest.mark.real
def test_the_oldest_list_of_subdivisions_breaks_the_contract(
    mirrors: dict[str, Path], tmp_path: Path
) -> None:
    table = produced(SUBDIVISIONS, mirrors["2023-12"])
    assert table.num_rows == 5_127
    assert len(table) - table["parent"].null_count == 1_412
    assert failing(judged(tmp_path, SUBDIVISIONS, table)) == {
        "parent is a full code": 1_196,
        "parent lies in the same country": 1_196,
        "parent is itself in the list": 1_196,
    }


@pytest.mark.real
def test_most_airports_find_their_subdivision(mirrors: dict[str, Path], tmp_path: Path) -> None:
    main = producer("airports-by-subdivision")
    inputs = {
        main.AIRPORTS: Published(produced(AIRPORTS, mirrors["2026-10"])),
        main.SUBDIVISIONS: Published(produced(SUBDIVISIONS, mirrors["2026-10"])),
    }
    table = main.produce(Recorded(inputs=inputs))
    counts = table["match"].value_counts().to_pylist()
    assert {row["values"]: row["counts"] for row in counts} == {
        "exact": 22_510, "folded": 1_938, "unmatched": 3_091, "unnamed": 750, "ambiguous": 9
    }  # fmt: skip
    assert judged(tmp_path, "airports-by-subdivision", table).passed


@pytest.mark.real
def test_a_bad_transfer_brings_duplicate_and_null_keys(
    mirrors: dict[str, Path], tmp_path: Path
) -> None:
    table = produced(AIRPORTS, mirrors["2026-09"], BLOCKED / "contract-broken")
    codes = table["icao"]
    assert table.num_rows == 28_291 + 500
    assert codes.null_count == 26
    assert pc.count_distinct(codes).as_py() == table.num_rows - 500 - 13
    assert not judged(tmp_path, AIRPORTS, table).passed


@pytest.mark.real
def test_a_cut_download_is_short_and_keeps_the_contract(
    mirrors: dict[str, Path], tmp_path: Path
) -> None:
    real = produced(AIRPORTS, mirrors["2026-09"])
    table = produced(AIRPORTS, mirrors["2026-09"], BLOCKED / "quality-failed")
    assert table.equals(real.slice(0, table.num_rows))
    assert 0.5 < table.num_rows / real.num_rows < 0.7
    assert judged(tmp_path, AIRPORTS, table).passed


@pytest.mark.real
def test_the_breaking_change_lacks_one_column_and_keeps_its_own_contract(
    mirrors: dict[str, Path], tmp_path: Path
) -> None:
    real = produced(SUBDIVISIONS, mirrors["2026-09"])
    table = produced(SUBDIVISIONS, mirrors["2026-09"], BLOCKED / "breaking-change")
    assert table.equals(real.drop_columns(["type"]))
    assert judged(tmp_path, SUBDIVISIONS, table, BLOCKED / "breaking-change").passed
