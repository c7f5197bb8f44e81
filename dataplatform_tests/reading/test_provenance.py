"""The trace as a graph: acyclic, from source over method to artefact, under its own digest."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.releases.draft import with_provenance
from dataplatform_tests.golden.examples import SIGNED, golden
from dataplatform_tests.releases.building import make_bench, rates
from opendata.reading.provenance import check_steps, require_sound_trace, trace_graph
from opendata.stores.memory import MemoryStore
from opendata.wire.codec import replace
from opendata.wire.errors import Corrupt, InvalidInput
from opendata.wire.manifest import Manifest, read_manifest

pytestmark = pytest.mark.requirement("S4-40", "S4-90", "B6")
EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@pytest.fixture
def manifest() -> Manifest:
    return read_manifest(golden(SIGNED), SIGNED)


def test_a_release_that_was_frozen_long_ago_has_a_graph_too(manifest: Manifest) -> None:
    graph = trace_graph(manifest)
    kinds = [node.kind for node in graph.nodes]
    assert set(kinds) == {"source", "code", "tools", "method", "artifact"}
    source, method, artifact = (kinds.index(each) for each in ("source", "method", "artifact"))
    assert source < method < artifact
    edges = [(each, graph.nodes[method].id) for each in (graph.nodes[source].id,)]
    assert set(edges) | {(graph.nodes[method].id, graph.artifact.id)} <= set(graph.edges)
    assert graph.digest == manifest.trace["digest"]
    assert graph.artifact.id == manifest.integrity.content_hash


def test_every_change_of_a_trace_is_seen_by_its_digest(manifest: Manifest) -> None:
    require_sound_trace(manifest.trace, "it")
    for block in ("source", "inputs", "method", "artifact", "new"):
        altered = copy.deepcopy(manifest.trace)
        altered[block] = [{"url": "https://elsewhere.org"}]
        with pytest.raises(Corrupt, match="was altered"):
            trace_graph(replace(manifest, trace=altered))


@given(edges=EDGES)
def test_steps_are_taken_if_and_only_if_they_run_in_no_circle(edges: list[tuple[int, int]]) -> None:
    nodes = [{"id": str(n)} for n in range(7)]
    pairs = [[str(source), str(target)] for source, target in edges]
    if _reaches_itself(edges):
        with pytest.raises(InvalidInput, match="in a circle"):
            check_steps(nodes, pairs)
        return
    order = [node.id for node in check_steps(nodes, pairs)[0]]
    assert sorted(order) == [str(n) for n in range(7)]
    assert all(order.index(source) < order.index(target) for source, target in pairs)


def _reaches_itself(edges: list[tuple[int, int]]) -> bool:
    reached = {n: {target for source, target in edges if source == n} for n in range(7)}
    for _ in range(7):
        for each in reached.values():
            each.update(*(reached[n] for n in each))
    return any(n in reached[n] for n in reached)


@pytest.mark.parametrize(
    ("nodes", "edges", "says"),
    [
        ([{"id": "a"}, {"id": "a"}], [], "two nodes are called 'a'"),
        ([{"kind": "step"}], [], "each node has an id"),
        ([{"id": "a", "kind": "artifact"}], [], "the artifact is the release itself"),
        ([{"id": "a"}], [["a", "b"]], "names 'b', which is none of its nodes"),
        ([{"id": "a"}], [["a"]], "each edge is a pair"),
        ([{"id": "a"}], [["a", "a"]], "in a circle: a → a"),
        ({"id": "a"}, [], "nodes is a list"),
        ("ab", [], "nodes is a list"),
    ],
)
def test_a_malformed_trace_is_refused_with_the_reason(
    nodes: object, edges: object, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        check_steps(nodes, edges)
    assert refused.value.code == "invalid_trace"


def test_told_steps_stand_between_the_sources_and_the_artefact(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    source = {"url": "https://example.org/a.csv", "sha256": "ab" * 32, "size_bytes": 3}
    trace = {
        "source": [source],
        "method": {"by": "hand"},
        "nodes": [
            {"id": f"sha256:{'ab' * 32}", "kind": "source", "label": "a.csv"},
            {"id": "clean", "label": "took out headings", "tool": "sed"},
        ],
        "edges": [[f"sha256:{'ab' * 32}", "clean"]],
    }
    told = with_provenance(bench.ports, bench.build(rates(1)), trace)
    assert with_provenance(bench.ports, told, {"source": [source]}).digest == told.digest
    from dataplatform.releases.gate import gate_candidate
    from dataplatform.releases.validate import validate_candidate

    validate_candidate(bench.ports, bench.dataset, told.digest)
    gate_candidate(bench.ports, bench.dataset, told.digest)
    graph = trace_graph(bench.freeze(told.digest).release.manifest)
    method = next(node for node in graph.nodes if node.kind == "method")
    assert (f"sha256:{'ab' * 32}", "clean") in graph.edges
    assert ("clean", method.id) in graph.edges
    assert (f"sha256:{'ab' * 32}", method.id) not in graph.edges
    clean = next(node for node in graph.nodes if node.id == "clean")
    assert (clean.kind, clean.label, dict(clean.facts)) == (
        "step",
        "took out headings",
        {"tool": "sed"},
    )


@pytest.mark.parametrize(
    "trace",
    [
        {"method": {"main_sha256": "0" * 64}},
        {"method": "by hand"},
        {"nodes": [{"id": "a"}], "edges": [["a", "a"]]},
        {"artifact": {}},
    ],
)
def test_what_the_build_recorded_cannot_be_told_otherwise(
    tmp_path: Path, trace: dict[str, object]
) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    with pytest.raises(InvalidInput):
        with_provenance(bench.ports, bench.build(rates(1)), trace)
