"""Bounded reading of a YAML file into plain values, with the place of each.

Here belongs everything that is true of any YAML file here: its limits, refused features, and
where each key and value stands. What the values mean belongs to whoever asked for them.

The parser's events are read one at a time, so a bomb is refused while it unfolds: 306 bytes of
nested aliases can stand for a billion values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from dataplatform.datasets.yaml_scalar import read_scalar
from dataplatform.errors import InvalidDefinition, SourceFinding

SIZE_MAX_BYTES: Final = 1024 * 1024
DEPTH_MAX: Final = 50
ALIASES_MAX: Final = 100
VALUES_MAX: Final = 100_000
NODES_MAX: Final = 2 * VALUES_MAX

Path = tuple[str | int, ...]
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, order=True)
class Spot:
    """A place in the file, 1-based as editors count."""

    line: int
    column: int


@dataclass(frozen=True)
class YamlDocument:
    """The values of a file, and where each value and each key stands.

    `bare` holds how unquoted scalars were written that did not read as text; `bool_words` the
    paths of those written as yes, no, on or off.
    """

    path: str
    value: Any
    spots: Mapping[Path, Spot]
    key_spots: Mapping[Path, Spot]
    bare: Mapping[Path, str]
    bool_words: frozenset[Path]

    def finding(
        self, at: Path, message: str, *, hint: str | None = None, key: bool = False
    ) -> SourceFinding:
        """A finding at the value of `at`, or at its key; the nearest enclosing value if absent."""
        spot = self.key_spots.get(at) if key else None
        while spot is None:
            spot = self.spots.get(at)
            if spot is None and not at:
                spot = Spot(1, 1)
            at = at[:-1]
        return SourceFinding(self.path, spot.line, spot.column, message, hint)


def read_yaml(text: str | bytes, path: str) -> YamlDocument:
    """Read one YAML document of mappings, lists and scalars.

    Raises:
        InvalidDefinition: with every finding that could be told before reading had to stop.
    """
    reading = _Reading(path)
    try:
        decoded = _decode(text, path)
        root = _compose(decoded, reading)
    except yaml.MarkedYAMLError as error:
        raise InvalidDefinition([*reading.findings, _syntax_finding(error, path)]) from error
    except yaml.reader.ReaderError as error:
        raise InvalidDefinition([_character_finding(error, decoded, path)]) from error
    document = _unfold(root, reading)
    if reading.findings:
        raise InvalidDefinition(reading.findings)
    return document


@dataclass(slots=True)
class _Node:
    spot: Spot
    # A scalar, a list of nodes, or a list of (key node, value node).
    items: Any
    kind: str
    bare: bool = False


@dataclass(slots=True)
class _Reading:
    path: str
    findings: list[SourceFinding] = field(default_factory=list)
    anchors: dict[str, _Node] = field(default_factory=dict)
    aliases: int = 0

    def note(self, spot: Spot, message: str, hint: str | None = None) -> None:
        self.findings.append(SourceFinding(self.path, spot.line, spot.column, message, hint))

    def stop(self, spot: Spot, message: str, hint: str | None = None) -> InvalidDefinition:
        self.note(spot, message, hint)
        return InvalidDefinition(self.findings)


def _decode(text: str | bytes, path: str) -> str:
    try:
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        if len(data) > SIZE_MAX_BYTES:
            message = f"the file has {len(data):,} bytes; at most {SIZE_MAX_BYTES:,} are read"
            raise InvalidDefinition([SourceFinding(path, 1, 1, message)])
        return data.decode("utf-8-sig")
    except UnicodeError as error:
        before = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        spot = _spot_after(before.decode("utf-8-sig", "replace"))
        finding = SourceFinding(
            path, spot.line, spot.column, "the file is not UTF-8 text", "save it as UTF-8"
        )
        raise InvalidDefinition([finding]) from error


def _compose(text: str, reading: _Reading) -> _Node:
    """The tree of the one document, built with a stack of its own: depth is data here."""
    root = _Node(Spot(1, 1), None, "scalar", bare=False)
    documents = nodes = 0
    open_nodes: list[_Node] = []
    for event in yaml.parse(text, Loader=_Loader):
        assert event.start_mark is not None
        spot = Spot(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise reading.stop(spot, "a second document starts here; a file holds one")
        elif isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
        elif isinstance(event, yaml.NodeEvent):
            node = _node_of(event, spot, open_nodes, reading)
            nodes += 1
            if nodes > NODES_MAX:
                raise reading.stop(spot, f"the file has more than {NODES_MAX:,} keys and values")
            if open_nodes:
                open_nodes[-1].items.append(node)
            else:
                root = node
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append(node)
                if len(open_nodes) > DEPTH_MAX:
                    raise reading.stop(spot, f"values nest deeper than {DEPTH_MAX} levels")
    return root


def _node_of(
    event: yaml.NodeEvent, spot: Spot, open_nodes: list[_Node], reading: _Reading
) -> _Node:
    if isinstance(event, yaml.AliasEvent):
        return _aliased(str(event.anchor), spot, open_nodes, reading)
    assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
    if event.tag is not None:
        hint = "put text in quotes" if event.tag.endswith(":str") else "leave the tag out"
        reading.note(spot, f"tags such as {event.tag!r} are not allowed", hint)
    if isinstance(event, yaml.ScalarEvent):
        node = _Node(spot, event.value, "scalar", bare=bool(event.implicit[0]))
    else:
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        node = _Node(spot, [], kind)
    if event.anchor is not None:
        reading.anchors[event.anchor] = node
    return node


def _aliased(anchor: str, spot: Spot, open_nodes: list[_Node], reading: _Reading) -> _Node:
    reading.aliases += 1
    if reading.aliases > ALIASES_MAX:
        raise reading.stop(spot, f"the file has more than {ALIASES_MAX} aliases")
    target = reading.anchors.get(anchor)
    if target is None:
        raise reading.stop(spot, f"no anchor &{anchor} stands before this alias")
    if any(target is node for node in open_nodes):
        raise reading.stop(spot, f"*{anchor} would contain itself")
    return target


def _unfold(root: _Node, reading: _Reading) -> YamlDocument:
    unfolding = _Unfolding(reading)
    value = unfolding.value(root, (), 0)
    return YamlDocument(
        path=reading.path,
        value=value,
        spots=unfolding.spots,
        key_spots=unfolding.key_spots,
        bare=unfolding.bare,
        bool_words=frozenset(unfolding.bool_words),
    )


class _Unfolding:
    """Turns nodes into values, aliases repeated; stops at the limits."""

    def __init__(self, reading: _Reading) -> None:
        self.reading = reading
        self.spots: dict[Path, Spot] = {}
        self.key_spots: dict[Path, Spot] = {}
        self.bare: dict[Path, str] = {}
        self.bool_words: set[Path] = set()

    def value(self, node: _Node, path: Path, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise self.reading.stop(node.spot, f"values nest deeper than {DEPTH_MAX} levels")
        if len(self.spots) >= VALUES_MAX:
            message = f"the file stands for more than {VALUES_MAX:,} values"
            raise self.reading.stop(node.spot, message)
        self.spots[path] = node.spot
        if node.kind == "scalar":
            return self._scalar(node, path)
        if node.kind == "list":
            return [self.value(item, (*path, at), depth + 1) for at, item in enumerate(node.items)]
        return {
            key: self.value(item, (*path, key), depth + 1) for key, item in self._pairs(node, path)
        }

    def _scalar(self, node: _Node, path: Path) -> Any:
        if not node.bare:
            return node.items
        scalar = read_scalar(node.items)
        if scalar.problem:
            hint = f'as text, write "{node.items}"'
            if scalar.pointed:
                hint = f"as a number, write {scalar.pointed}; {hint}"
            self.reading.note(node.spot, scalar.problem, hint)
        if scalar.is_bool_word:
            self.bool_words.add(path)
        if not isinstance(scalar.value, str):
            self.bare[path] = node.items
        return scalar.value

    def _pairs(self, node: _Node, path: Path) -> Iterator[tuple[str, _Node]]:
        seen: dict[str, Spot] = {}
        for key_node, item in zip(node.items[::2], node.items[1::2], strict=True):
            key, spot = key_node.items, key_node.spot
            if key_node.kind != "scalar" or key == "":
                self.reading.note(spot, "a key is a word here")
            elif key == "<<" and key_node.bare:
                self.reading.note(spot, "merge keys (<<) are not allowed", "repeat the keys")
            elif key in seen:
                first = seen[key]
                self.reading.note(
                    spot, f"{key!r} stands here twice, first in line {first.line}", "remove one"
                )
            else:
                seen[key] = self.key_spots[(*path, key)] = spot
                yield key, item


def _syntax_finding(error: yaml.MarkedYAMLError, path: str) -> SourceFinding:
    mark = error.problem_mark or error.context_mark
    spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1)
    problem = error.problem or "this is no YAML"
    hint = next((hint for part, hint in _SYNTAX_HINTS.items() if part in problem), None)
    context = f" {error.context}" if error.context else ""
    return SourceFinding(path, spot.line, spot.column, f"{problem}{context}", hint)


_SYNTAX_HINTS: Final = {
    "cannot start any token": "indent with spaces, not tabs; quote text that starts with @ or `",
    "mapping values are not allowed": "put text that contains ': ' in quotes",
    "did not find expected key": "check the indentation of this line against the one above",
    "could not find expected ':'": "write `key: value`",
    "did not find expected ','": "close the list or mapping that was opened before",
}


def _character_finding(error: yaml.reader.ReaderError, text: str, path: str) -> SourceFinding:
    spot = _spot_after(_before_refused_character(text))
    return SourceFinding(
        path, spot.line, spot.column, f"this character is not allowed: {error.reason}"
    )


def _before_refused_character(text: str) -> str:
    refused = yaml.reader.Reader.NON_PRINTABLE.search(text)
    return text[: refused.start()] if refused else ""


def _spot_after(text: str) -> Spot:
    return Spot(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)
