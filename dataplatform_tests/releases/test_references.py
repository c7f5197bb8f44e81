"""Which release a rule looks values up in: chosen at the build, recorded, and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.report import Finding
from dataplatform.releases.candidate import Candidate, as_manifest
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.publish import move_back
from dataplatform.releases.references import pin_references
from dataplatform.releases.run import build_pushed
from dataplatform.releases.validate import validate_candidate
from dataplatform.releases.yank import yank
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.resolve import read_release
from opendata.stores import FolderStore
from opendata.wire import keys
from opendata.wire.errors import NotFound
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-43")
AIRLINES = "tests/airlines"


def airlines(tmp_path: Path, *codes: str) -> Bench:
    """The data set that is referred to, with one release of these codes."""
    contract = {"primary_key": ["code"]}
    bench = make_bench(FolderStore(tmp_path / "store"), tmp_path, id=AIRLINES, contract=contract)
    bench.release(pa.table({"code": list(codes)}))
    return bench


def flights(tmp_path: Path, release: str | None = None, **stated: Any) -> Bench:
    """The data set that refers to it; judged by the real engine."""
    references = {"dataset": AIRLINES, "fields": ["code"]}
    if release:
        references["release"] = release  # type: ignore[assignment]
    rule = {"kind": "referential", "field": "carrier", "references": references, **stated}
    bench = make_bench(
        FolderStore(tmp_path / "store"), tmp_path, id="tests/flights", contract={"rules": [rule]}
    )
    return replace(bench, ports=replace(bench.ports, engine=DuckDBContractEngine()))


def built(bench: Bench, *carriers: str) -> tuple[str, Candidate]:
    table = pa.table({"carrier": list(carriers)})
    made = build_pushed(bench.ports, bench.definition, table.to_batches(), readme=None)
    return made.digest, made.candidate


def judged(bench: Bench, digest: str) -> Finding:
    return validate_candidate(bench.ports, bench.dataset, digest).report.findings[-1]


def test_the_current_release_is_pinned_and_stays_so(tmp_path: Path) -> None:
    there = airlines(tmp_path, "A", "B")
    bench = flights(tmp_path)
    digest, candidate = built(bench, "A", "B")
    [pin] = candidate.inputs
    assert (pin.id, pin.release) == (AIRLINES, "1.0.0")
    assert pin.manifest_sha256 == there.current.stored_sha256
    finding = judged(bench, digest)
    assert finding.passed
    assert finding.reference == pin.to_json()
    there.release(pa.table({"code": ["A"]}))
    assert judged(bench, digest) == finding
    later, candidate = built(bench, "A", "B")
    assert candidate.inputs[0].release == "1.0.1"
    assert later != digest
    assert judged(bench, later).samples == ({"carrier": "B", "#rows": 1},)


def test_the_pin_is_part_of_the_trace(tmp_path: Path) -> None:
    airlines(tmp_path, "A")
    bench = flights(tmp_path)
    digest, candidate = built(bench, "A")
    validate_candidate(bench.ports, bench.dataset, digest)
    gate_candidate(bench.ports, bench.dataset, digest)
    manifest = bench.freeze(digest).release.manifest
    assert manifest.trace["inputs"] == [candidate.inputs[0].to_json()]
    assert as_manifest(candidate, digest).quarantine is None


@pytest.mark.parametrize(
    ("asked", "release"),
    [("1.0.0", "1.0.0"), (">=1.0", "1.0.2"), ("<1.0.2", "1.0.1"), (None, "1.0.2")],
)
def test_a_range_picks_the_newest_release_that_it_allows(
    tmp_path: Path, asked: str | None, release: str
) -> None:
    there = airlines(tmp_path, "A")
    there.release(pa.table({"code": ["A", "B"]}))
    there.release(pa.table({"code": ["A", "B", "C"]}))
    _, candidate = built(flights(tmp_path, asked), "A")
    assert candidate.inputs[0].release == release


def test_a_withdrawn_release_is_passed_over_unless_it_is_named(tmp_path: Path) -> None:
    there = airlines(tmp_path, "A")
    for codes in (["A", "B"], ["A", "B", "C"]):
        there.release(pa.table({"code": codes}))
    move_back(there.ports, there.dataset, parse_version("1.0.0"))
    withdrawn = parse_version("1.0.2")
    yank(there.ports, there.dataset, withdrawn, by="a test")
    assert built(flights(tmp_path), "A")[1].inputs[0].release == "1.0.0"
    assert built(flights(tmp_path, ">=1.0.1"), "A")[1].inputs[0].release == "1.0.1"
    assert built(flights(tmp_path, "1.0.2"), "A")[1].inputs[0].release == "1.0.2"
    yank(there.ports, there.dataset, withdrawn, by="a test", lift=True)
    assert built(flights(tmp_path, ">=1.0.1"), "A")[1].inputs[0].release == "1.0.2"


def test_an_input_that_is_pinned_already_is_the_one(tmp_path: Path) -> None:
    there = airlines(tmp_path, "A")
    old = there.current
    there.release(pa.table({"code": ["A", "B"]}))
    bench = flights(tmp_path)
    assert pin_references(bench.ports, bench.definition, None, [old]) == []
    [other] = pin_references(bench.ports, flights(tmp_path, "1.0.1").definition, None, [old])
    assert str(other.version) == "1.0.1"


def test_without_a_contract_of_its_own_the_released_one_tells_what_to_pin(tmp_path: Path) -> None:
    airlines(tmp_path, "A")
    bench = flights(tmp_path)
    digest, candidate = built(bench, "A")
    undeclared = make_bench(bench.store, tmp_path, id="tests/flights")
    [pin] = pin_references(bench.ports, undeclared.definition, as_manifest(candidate, digest), [])
    assert str(pin.id) == AIRLINES
    assert pin_references(bench.ports, undeclared.definition, None, []) == []


@pytest.mark.parametrize(
    ("asked", "told", "hint"),
    [
        (None, "which was never published", f"od run {AIRLINES} --publish"),
        (
            ">=2",
            "no such release was published; the current one is 1.0.0",
            f"od releases {AIRLINES}",
        ),
    ],
)
def test_what_does_not_exist_is_told_before_anything_runs(
    tmp_path: Path, asked: str | None, told: str, hint: str
) -> None:
    if asked:
        airlines(tmp_path, "A")
    with pytest.raises(NotFound) as refused:
        built(flights(tmp_path, asked), "A")
    assert refused.value.code == "reference_missing"
    assert told in refused.value.message
    assert "referential(carrier → tests/airlines)" in refused.value.message
    assert refused.value.hint == hint


def test_a_reference_that_is_gone_or_altered_has_not_passed(tmp_path: Path) -> None:
    there = airlines(tmp_path, "A")
    bench = flights(tmp_path)
    digest, _ = built(bench, "A")
    manifest = tmp_path / "store" / keys.release_key(there.dataset, parse_version("1.0.0"))
    kept = manifest.read_bytes()
    for damage in (None, b"{}"):
        manifest.unlink() if damage is None else manifest.write_bytes(damage)
        finding = judged(bench, digest)
        assert finding.blocks
        assert "not evaluated" in finding.message
        assert finding.hint
    manifest.write_bytes(kept)
    assert judged(bench, digest).passed
    [shard] = read_release(there.store, there.dataset, parse_version("1.0.0")).manifest.files
    (tmp_path / "store" / shard.path).unlink()
    assert judged(bench, digest).blocks


def test_a_candidate_without_pins_is_to_be_built_again(tmp_path: Path) -> None:
    airlines(tmp_path, "A")
    bench = flights(tmp_path)
    unpinned = bench.build(pa.table({"carrier": ["A"]}))  # this way of building pins nothing
    finding = judged(bench, unpinned.digest)
    assert finding.blocks
    assert "no release of tests/airlines was pinned" in finding.message


def test_values_without_a_reference_can_be_kept_aside(tmp_path: Path) -> None:
    airlines(tmp_path, "A")
    bench = flights(tmp_path, action="quarantine", quarantine_max=1)
    digest, candidate = built(bench, "A", "X", "A")
    assert candidate.row_count == 2
    assert judged(bench, digest).quarantined == 1
    assert judged(bench, built(bench, "A", "X", "Y")[0]).failing == 2
