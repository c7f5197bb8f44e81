"""Provenance: a release's trace as a graph, source → method → artefact (S4-40, S4-90, P67-3).

The trace is stored as blocks (`source`, `inputs`, `method`, `artifact`) under a digest of its own.
Here belongs reading them as a directed acyclic graph whose nodes are named by digests, and seeing
that a trace is whole. Making a trace is the platform's; drawing it, the command's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from opendata.wire.digest import json_digest, prefixed
from opendata.wire.errors import Corrupt, InvalidInput
from opendata.wire.manifest import Manifest

Edge = tuple[str, str]
_CODE_FILES = {"main_sha256": "main.py", "definition_sha256": "opendata.yaml"}


@dataclass(frozen=True)
class Node:
    """One thing that a release came from, or what it became.

    `id` is `sha256:…` where bytes or a stored document stand behind it; `kind` is source, input,
    previous, code, tools, patch, step, method or artifact.
    """

    id: str
    kind: str
    label: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TraceGraph:
    """The nodes in an order in which each comes after all that it was made of."""

    digest: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def to_json(self) -> dict[str, Any]:
        """The graph by name."""
        return {
            "digest": self.digest,
            "nodes": [asdict(node) for node in self.nodes],
            "edges": [{"from": source, "to": target} for source, target in self.edges],
        }

    def made_of(self, node: str) -> list[Node]:
        """What a node was directly made of."""
        before = {source for source, target in self.edges if target == node}
        return [each for each in self.nodes if each.id in before]

    @property
    def artifact(self) -> Node:
        """What everything leads to."""
        return next(node for node in self.nodes if node.kind == "artifact")


def trace_graph(manifest: Manifest) -> TraceGraph:
    """The provenance of a release as a graph.

    Raises:
        Corrupt: if the trace is not what its digest says, or runs in a circle.
    """
    what = f"the trace of {manifest.id}@{manifest.release}"
    trace = manifest.trace
    require_sound_trace(trace, what)
    try:
        nodes, edges = _told_steps(trace)
        nodes, edges = _with_method(nodes, edges, manifest)
        return TraceGraph(str(trace.get("digest")), _in_order(nodes, edges), tuple(edges))
    except (InvalidInput, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"{what} cannot be read: {error}", code="malformed_trace") from error


def require_sound_trace(trace: Mapping[str, Any], what: str) -> None:
    """See that a trace is what its own digest says.

    Raises:
        Corrupt: if it is not.
    """
    body = {name: value for name, value in trace.items() if name != "digest"}
    actual = prefixed(json_digest(body))
    if trace.get("digest") != actual:
        raise Corrupt(
            f"the trace of {what} was altered: it hashes to {actual}, and says "
            f"{trace.get('digest')}",
            code="trace_altered",
            hint="od verify lists every damaged object of a data set",
        )


def check_steps(nodes: Any, edges: Any) -> tuple[list[Node], list[Edge]]:
    """The steps that a person told of, as a graph that can be put before the artefact.

    Args:
        nodes: `[{"id", "kind"?, "label"?, …}, …]`; what else stands in a node is kept as facts.
        edges: `[[from, to], …]` between these nodes.

    Raises:
        InvalidInput: for a node without an id or with one that is taken, an edge to nowhere, or a
            circle, naming it.
    """
    found: dict[str, Node] = {}
    for entry in _items(nodes, "nodes"):
        node = _parse_node(entry)
        if node.id in found:
            raise _malformed(f"two nodes are called {node.id!r}")
        found[node.id] = node
    pairs = [_parse_edge(edge, found) for edge in _items(edges, "edges")]
    return list(_in_order(list(found.values()), pairs)), pairs


def _told_steps(trace: Mapping[str, Any]) -> tuple[list[Node], list[Edge]]:
    told = trace["method"]["code"].get("steps") or {}
    return check_steps(told.get("nodes") or [], told.get("edges") or [])


def _with_method(
    told: list[Node], edges: list[Edge], manifest: Manifest
) -> tuple[list[Node], list[Edge]]:
    """The recorded nodes around the told ones: what has no successor leads into the method."""
    trace = manifest.trace
    run = _method(trace)
    artifact = trace["artifact"]
    made = Node(
        str(artifact["content_hash"]),
        "artifact",
        f"{manifest.id}@{manifest.release}",
        {name: value for name, value in artifact.items() if name != "content_hash"},
    )
    taken = {node.id for node in told}  # a step may be about a source that was recorded too
    before = [*(node for node in _unique(_recorded(manifest)) if node.id not in taken), *told]
    open_ended = [node for node in before if node.id not in {source for source, _ in edges}]
    into = [(node.id, run.id) for node in open_ended]
    return [*before, run, made], [*edges, *into, (run.id, made.id)]


def _recorded(manifest: Manifest) -> Iterator[Node]:
    trace = manifest.trace
    for source in trace.get("source", ()):
        facts = {"url": source["url"], "size_bytes": source["size_bytes"]}
        yield Node(prefixed(source["sha256"]), "source", source["url"], facts)
    for pinned in trace.get("inputs", ()):
        label = f"{pinned['id']}@{pinned['release']}"
        yield Node(prefixed(pinned["manifest_sha256"]), "input", label)
    method = trace["method"]
    code = method["code"]
    previous = manifest.versioning.prev_release
    if previous and (method.get("asked") or trace.get("patch")):
        # Rows outside of what was asked for, or patched, are the predecessor's.
        label = f"{manifest.id}@{previous}"
        yield Node(label, "previous", label)
    for name, label in _CODE_FILES.items():
        if code.get(name):
            facts = {"repo": code.get("repo"), "commit": code.get("commit")}
            yield Node(prefixed(str(code[name])), "code", label, facts)
    if patch := trace.get("patch"):
        facts = {name: patch[name] for name in ("object", "ops") if name in patch}
        label = f"patch of {manifest.id}@{patch['base']}"
        yield Node(patch["sha256"], "patch", label, facts)
    if tools := method.get("tools"):
        label = ", ".join(f"{name} {version[:12]}" for name, version in tools.items())
        yield Node(prefixed(json_digest(tools)), "tools", label, dict(tools))


def _method(trace: Mapping[str, Any]) -> Node:
    method = trace["method"]
    run, asked = method["run"], method.get("asked", {})
    told = ", ".join(f"{name} {asked[name]}" for name in ("start", "end") if name in asked)
    if asked.get("in_parts"):
        told = "several parts of time"
    label = f"run {run['id']} by {run['by']}{f', asked for {told}' if told else ''}"
    facts = {name: method[name] for name in ("run", "asked") if name in method}
    return Node(prefixed(json_digest(method)), "method", label, facts)


def _unique(nodes: Iterable[Node]) -> list[Node]:
    """The same bytes from two addresses are one node; the first address names it."""
    return list({node.id: node for node in reversed(list(nodes))}.values())[::-1]


def _in_order(nodes: list[Node], edges: list[Edge]) -> tuple[Node, ...]:
    by_id = {node.id: node for node in nodes}
    sorter: TopologicalSorter[str] = TopologicalSorter({node.id: () for node in nodes})
    for source, target in edges:
        sorter.add(target, source)
    try:
        return tuple(by_id[each] for each in sorter.static_order())
    except CycleError as error:
        raise _malformed(f"it runs in a circle: {' → '.join(error.args[1])}") from error


def _items(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _malformed(f"{name} is a list")
    return list(value)


def _parse_node(entry: Any) -> Node:
    if not isinstance(entry, Mapping) or not entry.get("id"):
        raise _malformed('each node has an id, and best a kind and a label: {"id": …}')
    facts = {name: value for name, value in entry.items() if name not in ("id", "kind", "label")}
    kind, label = str(entry.get("kind") or "step"), str(entry.get("label") or entry["id"])
    if kind == "artifact":
        raise _malformed("the artifact is the release itself, and is added when it is frozen")
    return Node(str(entry["id"]), kind, label, facts)


def _parse_edge(edge: Any, known: Mapping[str, Node]) -> Edge:
    if not isinstance(edge, list | tuple) or len(edge) != 2:
        raise _malformed("each edge is a pair: [from, to]")
    source, target = str(edge[0]), str(edge[1])
    for end in (source, target):
        if end not in known:
            raise _malformed(f"an edge names {end!r}, which is none of its nodes")
    return source, target


def _malformed(problem: str) -> InvalidInput:
    return InvalidInput(
        f"this trace cannot be attached: {problem}",
        code="invalid_trace",
        hint='{"source": [{"url", "sha256", "size_bytes"}], "method": {…}, "nodes": […], '
        '"edges": [[from, to], …]}',
    )
