"""Reading channel specs and the taxonomy: all that is wrong with them, each at line and column.

Here belongs the way from text to spec. What a pattern holds is `pattern_text`'s; what several files
say together, `catalogue`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from dataplatform.channels.describe import file_id_template, path_pattern, sidecar_template
from dataplatform.channels.pattern_text import PatternFault
from dataplatform.channels.spec import ChannelSpec, Expected, Pattern
from dataplatform.channels.taxonomy import Deprecated, Taxonomy
from dataplatform.datasets.complaint import ambiguous_words, complaint
from dataplatform.datasets.yaml import Path, YamlDocument, read_yaml
from dataplatform.errors import InvalidDefinition, SourceFinding

SPEC_PATH: Final = re.compile(r"(?:.*/)?channels/(?P<channel>.+)/spec-v?(?P<version>[^/]+)\.ya?ml")
_BOOLEANS: Final = frozenset({"exif"})
_Model = TypeVar("_Model", bound=BaseModel)


def parse_channel_spec(text: str | bytes, path: str) -> ChannelSpec:
    """The spec in the text of a `channels/<channel>/spec-<version>.yaml`.

    Args:
        text: The file's content.
        path: How findings call the file; where it has that shape, the spec has to agree with it.

    Raises:
        InvalidDefinition: with every finding at its line and column.
    """
    document = read_yaml(text, path)
    spec = _validated(document, ChannelSpec, _spec_keys)
    findings = [*_pattern_findings(spec.pattern, document, _as_text(text))]
    findings += _path_findings(spec, document)
    if findings:
        raise InvalidDefinition(sorted(findings, key=lambda one: (one.line, one.column)))
    return spec


def parse_taxonomy(text: str | bytes, path: str) -> Taxonomy:
    """The taxonomy in the text of `taxonomy/channel_taxonomy.yaml`.

    Raises:
        InvalidDefinition: with every finding at its line and column.
    """
    document = read_yaml(text, path)
    if document.value is None:
        return Taxonomy()
    return _validated(document, Taxonomy, _taxonomy_keys)


def _validated(
    document: YamlDocument,
    model: type[_Model],
    keys_at: Any,
) -> _Model:
    findings = list(ambiguous_words(document, _BOOLEANS))
    value = None
    if not isinstance(document.value, dict):
        findings.append(document.finding((), "the file has to be a mapping (key: value)"))
    else:
        try:
            value = model.model_validate(document.value)
        except ValidationError as error:
            found = [complaint(one, document, keys_at) for one in error.errors()]
            told = {(one.line, one.column) for one in findings}
            findings += [one for one in found if (one.line, one.column) not in told]
    if value is None or findings:
        raise InvalidDefinition(sorted(findings, key=lambda one: (one.line, one.column)))
    return value


def _pattern_findings(
    pattern: Pattern, document: YamlDocument, text: str
) -> Iterator[SourceFinding]:
    """What is wrong with the texts of a pattern, at the very character."""
    readings: tuple[tuple[str, Any], ...] = (
        ("path", path_pattern),
        ("file_id", file_id_template),
        ("sidecar", sidecar_template),
    )
    for name, read in readings:
        try:
            read(pattern)
        except PatternFault as fault:
            place: Path = ("pattern", name)
            if place not in document.spots:
                place = ("pattern",)
            yield _fault_finding(fault, place, document, text)
            if name == "path":
                return  # what the others may name is not known


def _fault_finding(
    fault: PatternFault, place: Path, document: YamlDocument, text: str
) -> SourceFinding:
    finding = document.finding(place, fault.message, hint=fault.hint)
    lines = text.splitlines()
    line = lines[finding.line - 1] if finding.line <= len(lines) else ""
    start = line[finding.column - 1 : finding.column]
    if start in ("|", ">", "&", "*"):  # its text stands elsewhere
        return finding
    column = finding.column + fault.offset + (start in ("'", '"'))
    return SourceFinding(finding.path, finding.line, column, finding.message, finding.hint)


def _path_findings(spec: ChannelSpec, document: YamlDocument) -> Iterator[SourceFinding]:
    shape = SPEC_PATH.fullmatch(document.path)
    if shape is None:
        return
    for key, said in (("channel", spec.channel), ("version", str(spec.version))):
        if shape[key] != said:
            yield document.finding(
                (key,),
                f"the {key} is {said!r}, but the file's path says {shape[key]!r}",
                hint=f"{key}: {shape[key]}, or move the file to "
                f"channels/{spec.channel}/spec-{spec.version}.yaml",
            )
    if spec.channel in spec.aliases:
        at = spec.aliases.index(spec.channel)
        yield document.finding(("aliases", at), "a channel is no alias of itself")


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8-sig")


def _spec_keys(where: Path) -> Sequence[str]:
    match where:
        case ():
            fields = ChannelSpec.model_fields.items()
            return tuple(field.alias or name for name, field in fields)
        case ("pattern",):
            return tuple(Pattern.model_fields)
        case ("expected",):
            return tuple(Expected.model_fields)
    return ()


def _taxonomy_keys(where: Path) -> Sequence[str]:
    match where:
        case ():
            return tuple(Taxonomy.model_fields)
        case ("deprecated", str()):
            return tuple(Deprecated.model_fields)
    return ()
