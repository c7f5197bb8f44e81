"""Who is known to have read a release: data sets made of it, and whoever else keeps a record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from dataplatform.releases.build import build_from_batches
from dataplatform.releases.chain import Released, release_candidate
from dataplatform.releases.describe import Ingredients
from dataplatform.releases.ports import Usage
from dataplatform.releases.rollback import look_ahead, roll_back
from dataplatform.releases.usages import find_usages
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.ids import DatasetId
from opendata.wire.version import Version, parse_version

pytestmark = pytest.mark.requirement("S4-55")
V1, V2 = parse_version("1.0.0"), parse_version("1.0.1")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = make_bench(MemoryStore(), tmp_path, time="day", contract={"primary_key": ["day"]})
    bench.release(rates(1))
    bench.release(rates(2))
    return bench


def derive(bench: Bench, folder: Path, id: str, table: pa.Table) -> None:
    """A data set that is made of what the bench's has now, and published."""
    derived = make_bench(bench.store, folder, id=id, time="day")
    ingredients = Ingredients(
        definition=derived.definition,
        code={"main_sha256": "1", "definition_sha256": "d" * 64},
        readme=None,
        current=None,
        inputs=(bench.current,),
        preview_rows=1,
    )
    built = build_from_batches(derived.ports, ingredients, table.to_batches(), {"pyarrow": "1"})
    done = release_candidate(derived.ports, derived.dataset, built, RUN, lambda line: None)
    assert isinstance(done, Released)


def names(bench: Bench, *versions: Version) -> list[tuple[str, str]]:
    found = find_usages(bench.ports, bench.dataset, versions)
    return [(one.name, one.release) for one in found.found]


def test_data_sets_that_were_made_of_it_used_it(bench: Bench, tmp_path: Path) -> None:
    derive(bench, tmp_path / "a", "tests/yearly", rates(5))
    make_bench(bench.store, tmp_path / "b", id="tests/stranger", time="day").release(rates(7))
    assert names(bench, V2) == [("tests/yearly@1.0.0", "1.0.1")]
    assert names(bench, V1) == []
    assert names(bench, V1, V2) == [("tests/yearly@1.0.0", "1.0.1")]
    assert names(bench) == []


def test_a_rollback_tells_before_and_after_who_used_what_it_withdraws(
    bench: Bench, tmp_path: Path
) -> None:
    derive(bench, tmp_path / "a", "tests/yearly", rates(5))
    used = (Usage("data set", "tests/yearly@1.0.0", "1.0.1"),)
    assert look_ahead(bench.ports, bench.dataset, V1, by="tests").usages.found == used
    moved = roll_back(bench.ports, bench.dataset, V1, by="tests")
    assert moved.usages.found == used
    assert moved.to_json()["used_by"] == [
        {"kind": "data set", "name": "tests/yearly@1.0.0", "release": "1.0.1"}
    ]


def test_others_that_keep_a_record_are_asked_as_well(bench: Bench) -> None:
    def bundles(dataset: DatasetId, versions: Collection[Version]) -> Sequence[Usage]:
        return [Usage("bundle", "weekly v1", str(one)) for one in versions if one == V2]

    asked = replace(bench, ports=replace(bench.ports, usages=(bundles,)))
    assert names(asked, V1, V2) == [("weekly v1", "1.0.1")]


def test_what_cannot_be_read_is_named_and_stops_no_rollback(bench: Bench, tmp_path: Path) -> None:
    derive(bench, tmp_path / "a", "tests/yearly", rates(5))
    bench.store.put("datasets/tests/yearly/releases/1.0.0.json", b"{}")
    found = find_usages(bench.ports, bench.dataset, [V2])
    assert (found.found, found.unread) == ((), ("tests/yearly",))
    cut = bench.on(FaultyStore(bench.store, [Fault("get", key=keys.INDEX, times=99)]))
    assert find_usages(cut.ports, bench.dataset, [V2]).unread == (keys.INDEX,)


def test_without_a_catalogue_nobody_is_known(bench: Bench) -> None:
    bench.store.delete(keys.INDEX)
    found = find_usages(bench.ports, bench.dataset, [V2])
    assert (found.found, found.unread) == ((), ())
