"""`od trace`: where a release came from, as a tree from the artefact back to its sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument
from opendata.wire.words import human_bytes

if TYPE_CHECKING:
    from opendata.reading.provenance import Node, TraceGraph


@click.command()
@reference_argument
@with_output
def trace(out: Output, reference: str) -> None:
    """Show what a release was made of: sources with their digests, code, tools, inputs, run."""
    from opendata._dataset import Dataset
    from opendata.reading.provenance import trace_graph

    graph = trace_graph(Dataset(reference).release.manifest)
    out.result(graph.to_json(), lambda: _show(out, graph), [node.id for node in graph.nodes])


def _show(out: Output, graph: TraceGraph) -> None:
    out.line(_line(graph.artifact), bold=True)
    for line in _branches(graph, graph.artifact, "", set()):
        out.line(line)
    out.note(f"the trace's digest is {graph.digest}")


def _branches(graph: TraceGraph, node: Node, indent: str, shown: set[str]) -> Iterator[str]:
    """Each node once; where it is met again, only its name."""
    parts = graph.made_of(node.id)
    for part in parts:
        last = part is parts[-1]
        yield f"{indent}{'└─ ' if last else '├─ '}{_line(part)}"
        if part.id not in shown:
            shown.add(part.id)
            yield from _branches(graph, part, indent + ("   " if last else "│  "), shown)


def _line(node: Node) -> str:
    size = node.facts.get("size_bytes")
    amount = f", {human_bytes(size)}" if isinstance(size, int) else ""
    if node.id == node.label:
        return f"{node.kind}: {node.label}{amount}"
    return f"{node.kind}: {node.label} ({node.id[:19]}…{amount})"
