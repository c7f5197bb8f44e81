"""Reading a patch: YAML or JSON text with the place of every mistake, or plain Python values.

Here belongs the way from what was written to operations, and the way back from an operation to its
place. What a value means depends on the column, which is `records`' matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dataplatform.contracts.problems import reasons
from dataplatform.datasets.complaint import ambiguous_words, complaint, nearest
from dataplatform.datasets.yaml import Path, YamlDocument, read_yaml
from dataplatform.errors import InvalidDefinition, InvalidPatch, SourceFinding
from dataplatform.releases.patching.ops import OPS, Head, Op
from opendata.wire.codec import read_json
from opendata.wire.errors import Corrupt, InvalidInput
from opendata.wire.version import parse_version

_BOOLEAN_KEYS: Final = frozenset({"nullable", "convert"})
_FORM: Final = 'a patch is {"ops": [{"op": "UPSERT_RECORD", "pk": {…}, "values": {…}}, …]}'


@dataclass(frozen=True)
class PatchSource:
    """Where a patch was read from: a file with places, or values that have none."""

    document: YamlDocument | None = None

    def problem(self, at: Path, message: str, hint: str | None = None) -> InvalidInput:
        """The error about the value at `at`, such as `("ops", 0, "values", "rate")`."""
        if self.document is not None:
            return InvalidPatch([self.document.finding(at, message, hint=hint)])
        return InvalidInput(f"{_words(at)}{message}", code=InvalidPatch.CODE, hint=hint)


@dataclass(frozen=True)
class Patch:
    """A patch as it was written, each operation valid by itself."""

    head: Head
    ops: tuple[Op, ...]
    source: PatchSource

    def upon(self, base: str) -> Patch:
        """The same patch for one release only.

        Raises:
            InvalidInput: if it names another one itself.
        """
        if self.head.base not in (None, str(parse_version(base))):
            message = f"the patch is made for {self.head.base}, not for {base}"
            raise self.source.problem(("base",), message)
        head = self.head.model_copy(update={"base": str(parse_version(base))})
        return replace(self, head=head)


def parse_patch(text: str | bytes, path: str) -> Patch:
    """A patch from YAML or JSON text; `path` is how findings call the file.

    Raises:
        InvalidPatch: with every finding at its line and column.
    """
    try:
        document = _read(text, path)
    except InvalidDefinition as error:
        raise InvalidPatch(error.findings, hint=error.hint) from error
    findings = list(ambiguous_words(document, _BOOLEAN_KEYS))
    head, ops = None, []
    if not isinstance(document.value, dict):
        findings.append(document.finding((), "a patch is a mapping with a list of `ops`"))
    else:
        head = _head(document, findings)
    for at, value in enumerate(head.ops if head else ()):
        ops.append(_op(document, at, value, findings))
    if head is None or findings:
        raise InvalidPatch(sorted(set(findings), key=lambda one: (one.line, one.column)))
    known = tuple(op for op in ops if op is not None)
    return Patch(head, known, PatchSource(document))


def read_patch(value: Any) -> Patch:
    """A patch from plain values: a mapping as the file has it, or the list of its operations.

    Raises:
        InvalidInput: naming the operation that is wrong, counted from 1.
    """
    source = PatchSource()
    document = value if isinstance(value, Mapping) else {"ops": value}
    if not isinstance(document.get("ops"), Sequence) or isinstance(document["ops"], str | bytes):
        raise InvalidInput(_FORM, code=InvalidPatch.CODE)
    try:
        head = Head.model_validate(dict(document))
    except ValidationError as error:
        raise source.problem(
            (), reasons(error), f"it has {', '.join(Head.model_fields)}"
        ) from error
    return Patch(head, tuple(_plain_op(at, op, source) for at, op in enumerate(head.ops)), source)


def stored_patch(data: bytes, key: str) -> Patch:
    """A patch as a release keeps it: applied to its base, it gives that release's rows (S4-9).

    Raises:
        Corrupt: if the object is none.
    """
    document = read_json(data, key)
    head = {name: document[name] for name in Head.model_fields if name in document}
    try:
        ops = [{k: v for k, v in op.items() if k != "was"} for op in document["ops"]]
        return read_patch({**head, "ops": ops})
    except (InvalidInput, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(
            f"{key} cannot be read as a patch: {error}",
            code="malformed_object",
            details={"object": key},
        ) from error


def _plain_op(at: int, value: Any, source: PatchSource) -> Op:
    kind = value.get("op") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in OPS:
        message = f"{kind!r} is no operation" if kind else "`op` is missing"
        raise source.problem(("ops", at), message, _choice(str(kind)))
    try:
        return OPS[kind].model_validate(dict(value))
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        raise source.problem(("ops", at, *first["loc"]), message) from error


def _read(text: str | bytes, path: str) -> YamlDocument:
    """JSON by its own rules, in which 1e-5 is a number; its places are those of YAML."""
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return read_yaml(text, path)
    try:
        places = read_yaml(text, path)
    except InvalidDefinition:
        return YamlDocument(path, value, {}, {}, {}, frozenset())
    return YamlDocument(path, value, places.spots, places.key_spots, {}, frozenset())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")  # reading it as YAML tells where
    return dict(pairs)


def _head(document: YamlDocument, findings: list[SourceFinding]) -> Head | None:
    try:
        return Head.model_validate(document.value)
    except ValidationError as error:
        known = tuple(Head.model_fields)
        findings += [complaint(one, document, lambda where: known) for one in error.errors()]
    return None


def _op(document: YamlDocument, at: int, value: Any, findings: list[SourceFinding]) -> Op | None:
    place: Path = ("ops", at)
    if not isinstance(value, dict):
        findings.append(document.finding(place, "a mapping (op: …) is expected here"))
        return None
    kind = value.get("op")
    if not isinstance(kind, str) or kind not in OPS:
        message = f"{kind!r} is no operation" if kind else "`op` is missing"
        findings.append(document.finding((*place, "op"), message, hint=_choice(str(kind))))
        return None
    model = OPS[kind]
    try:
        return model.model_validate(value)
    except ValidationError as error:
        known = tuple(model.model_fields)
        findings += [
            complaint(_moved(one, place), document, lambda where: known) for one in error.errors()
        ]
    return None


def _moved(error: ErrorDetails, place: Path) -> ErrorDetails:
    """An error about an operation, at the operation's place in the file."""
    moved = error.copy()
    moved["loc"] = (*place, *error["loc"])
    return moved


def _choice(given: str) -> str:
    meant = nearest(given, [name.lower() for name in OPS])
    return f"did you mean {meant.upper()}?" if meant else f"write one of {', '.join(OPS)}"


def _words(at: Path) -> str:
    """A place in words: `op 3, values.rate: `."""
    match at:
        case ("ops", int(number), *rest):
            inner = ".".join(str(part) for part in rest)
            return f"op {number + 1}{f', {inner}' if inner else ''}: "
        case ():
            return ""
    return f"{'.'.join(str(part) for part in at)}: "
