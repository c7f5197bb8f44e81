"""Reading an `opendata.yaml`: all that is wrong with it, each at its line and column.

Here belongs the way from text to definition. What pydantic says is put into words by
`complaint`; what is no error but worth a word is said by `advice`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError

from dataplatform.contracts.arrival import Tolerance
from dataplatform.contracts.coordinates import CoordinateReference
from dataplatform.contracts.model import Contract, FieldSpec, MetricThreshold, ReleaseSettings
from dataplatform.contracts.referential import Reference
from dataplatform.contracts.rules import RULE_MODELS
from dataplatform.datasets.advice import Tip, advise, placeholders
from dataplatform.datasets.complaint import ambiguous_words, complaint
from dataplatform.datasets.cron import ScheduleSettings
from dataplatform.datasets.definition import DatasetDefinition, Geo, Source
from dataplatform.datasets.yaml import Path, YamlDocument, read_yaml
from dataplatform.errors import InvalidDefinition, SourceFinding
from opendata.wire.ids import DatasetId

# Keys whose values are booleans, so that `yes` and `no` can only mean one thing there.
_BOOLEAN_KEYS: Final = frozenset({"nullable", "strict", "enabled"})
_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "source": Source,
    "geo": Geo,
    "schedule": ScheduleSettings,
    "contract": Contract,
    "release": ReleaseSettings,
}


@dataclass(frozen=True)
class CheckedDefinition:
    """What checking a file gave: the definition unless there are errors, and advice.

    `placeholders` are those of the warnings that keep it from being published.
    """

    definition: DatasetDefinition | None
    errors: tuple[SourceFinding, ...]
    warnings: tuple[SourceFinding, ...]
    placeholders: tuple[SourceFinding, ...] = ()


def parse_definition(
    text: str | bytes, path: str, *, expected_id: str | DatasetId | None = None
) -> DatasetDefinition:
    """The definition in the text of an `opendata.yaml`.

    Args:
        text: The file's content.
        path: How findings call the file.
        expected_id: The id that the file has to carry, where its folder says so.

    Raises:
        InvalidDefinition: with every finding at its line and column.
    """
    return _validated(read_yaml(text, path), expected_id)


def check_definition(
    text: str | bytes, path: str, *, expected_id: str | DatasetId | None = None
) -> CheckedDefinition:
    """Everything there is to say about a file, errors and advice; never raises."""
    try:
        document = read_yaml(text, path)
        definition = _validated(document, expected_id)
    except InvalidDefinition as error:
        return CheckedDefinition(None, error.findings, ())
    unwritten = tuple(_at_place(tip, document) for tip in placeholders(definition))
    return CheckedDefinition(definition, (), tuple(_advice(definition, document)), unwritten)


def definition_warnings(
    definition: DatasetDefinition, path: str = "opendata.yaml"
) -> list[SourceFinding]:
    """Advice about a definition whose text is not at hand; `check_definition` has the places."""
    return [SourceFinding(path, 1, 1, tip.message, tip.hint) for tip in advise(definition)]


def _validated(document: YamlDocument, expected_id: str | DatasetId | None) -> DatasetDefinition:
    findings = list(ambiguous_words(document, _BOOLEAN_KEYS))
    definition = None
    if not isinstance(document.value, dict):
        findings.append(document.finding((), "the file has to be a mapping (key: value)"))
    else:
        try:
            definition = DatasetDefinition.model_validate(document.value)
        except ValidationError as error:
            found = [complaint(one, document, _keys_at) for one in error.errors()]
            findings.extend(_first_of_each_place(findings, found))
    if definition is not None and expected_id not in (None, str(definition.id), definition.id):
        message = f"the id is {str(definition.id)!r}, but its folder says {str(expected_id)!r}"
        findings.append(document.finding(("id",), message, hint=f"id: {expected_id}"))
    if definition is None or findings:
        raise InvalidDefinition(sorted(findings, key=lambda one: (one.line, one.column)))
    return definition


def _first_of_each_place(
    before: Sequence[SourceFinding], found: Sequence[SourceFinding]
) -> Iterator[SourceFinding]:
    # A word that is ambiguous is also of the wrong type; one sentence about it is enough.
    told = {(one.line, one.column) for one in before}
    yield from (one for one in found if (one.line, one.column) not in told)


def _advice(definition: DatasetDefinition, document: YamlDocument) -> Iterator[SourceFinding]:
    for tip in advise(definition):
        yield _at_place(tip, document)
    fields = definition.contract.fields if definition.contract else ()
    for at in range(len(fields)):
        place: Path = ("contract", "fields", at, "type")
        if _text_at(document, place) == "float":
            yield document.finding(
                place,
                "`float` is Arrow's name of a 32-bit float; Python's own has 64 bits",
                hint="write float32 or float64",
            )


def _at_place(tip: Tip, document: YamlDocument) -> SourceFinding:
    return document.finding(tip.place, tip.message, hint=tip.hint)


def _text_at(document: YamlDocument, place: Path) -> str:
    value = document.value
    for part in place:
        value = value[part]
    return str(value)


def _keys_at(where: Path) -> Sequence[str]:
    """The keys that a mapping may have, by pydantic's location of it."""
    match where:
        case ():
            return tuple(DatasetDefinition.model_fields)
        case (str(section),):
            return _known_keys(_SECTIONS.get(section))
        case ("contract", "crs"):
            return _known_keys(CoordinateReference)
        case ("contract", "fields", int()):
            return _known_keys(FieldSpec)
        case ("contract", "rules", int(), str(kind)):
            return _known_keys(RULE_MODELS.get(kind))
        case ("contract", "rules", int(), "referential", "references"):
            return _known_keys(Reference)
        case ("contract", "rules", int(), "arrivaltime_dualform", "tol_Tarr"):
            return _known_keys(Tolerance)
        case ("quality", int(), "threshold"):
            return _known_keys(MetricThreshold)
    return ()


def _known_keys(model: type[BaseModel] | None) -> Sequence[str]:
    return tuple(model.model_fields) if model else ()
