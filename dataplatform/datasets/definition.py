"""What a producer declares about its data set: the content of `opendata.yaml`.

Here belong its fields, what each may hold, and the JSON form under which it is stored. Reading
the file with places belongs to `parse`, what must agree between sections to `consistency`, and
advice that is no error to `advice`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    field_validator,
    model_validator,
)

from dataplatform.contracts.duration import Duration
from dataplatform.contracts.model import Contract, QualityRule, ReleaseSettings
from dataplatform.contracts.problems import raise_problems
from dataplatform.contracts.referential import referential_rules
from dataplatform.contracts.rules import FieldName
from dataplatform.contracts.values import one_line
from dataplatform.datasets.consistency import (
    index_problems,
    input_problems,
    quality_problems,
    reference_problems,
    repeats,
    time_problems,
    window_problems,
)
from dataplatform.datasets.cron import Frequency, ScheduleSettings
from opendata.wire.digest import json_digest
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import DatasetId, parse_dataset_id

#: The fields of S1-29 to S1-43, which `metadata.json` shows flat.
REGISTRY_FIELDS: Final = (
    "id", "title", "description", "license", "repo", "source", "topics", "geo", "owners",
    "frequency",
)  # fmt: skip
LIST_MAX: Final = 200

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LINK_SCHEMES: Final = ("http", "https", "ssh", "git")
# A producer gets the values of these names; the platform's own keys are none of its business.
_RESERVED_SECRETS: Final = ("OPENDATA_", "AWS_", "DAGSTER_", "LD_", "PYTHON", "UV_", "PIP_")
_RESERVED_NAMES: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SHELL", "USER", "IFS")


def _read_id(value: Any) -> DatasetId:
    if isinstance(value, DatasetId):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no data set id: write namespace/name")
    try:
        return parse_dataset_id(value)
    except InvalidInput as error:
        raise ValueError(f"{error.message}{f'; {error.hint}' if error.hint else ''}") from error


def _harmless_link(text: str) -> str:
    if any(ch.isspace() for ch in one_line(text)):
        raise ValueError("a web address holds no spaces")
    scheme = _SCHEME.match(text)
    if scheme and scheme.group(1).lower() not in _LINK_SCHEMES:
        raise ValueError(f"{text!r} is no web address: it has to start with https://")
    return text


def _secret_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name, re.ASCII):
        raise ValueError(f"{name!r} is no name of an environment variable")
    upper = name.upper()
    if upper.startswith(_RESERVED_SECRETS) or upper in _RESERVED_NAMES:
        raise ValueError(f"{name!r} belongs to the platform and is never handed to a producer")
    return name


Id = Annotated[DatasetId, PlainValidator(_read_id), PlainSerializer(str)]
Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(one_line)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Link = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_harmless_link)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
Lines = Annotated[tuple[Line, ...], Field(max_length=LIST_MAX)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Source(_Section):
    """Where the data comes from."""

    provider: Line
    homepage: Link | None = None
    dataset: Link | None = None


class GeoScope(StrEnum):
    """How much of the world the data covers."""

    GLOBAL = "global"
    REGION = "region"
    COUNTRY = "country"
    MULTI = "multi"


class Geo(_Section):
    """Which part of the world the data covers; countries are ISO 3166-1 alpha-2."""

    scope: GeoScope | None = None
    countries: Lines = ()
    regions: Lines = ()


class DatasetDefinition(_Section):
    """Everything that `opendata.yaml` says; requirements S1-28 to S1-44 and the platform's own."""

    id: Id
    title: Line
    description: Text
    license: Line
    repo: Link
    source: Source
    topics: Lines = ()
    geo: Geo | None = None
    owners: Lines = ()
    frequency: Frequency | None = None
    schedule: ScheduleSettings | None = None
    time: FieldName | None = None
    timeout: Duration | None = None
    inputs: Annotated[tuple[Id, ...], Field(max_length=LIST_MAX)] = ()
    secrets: Annotated[tuple[SecretName, ...], Field(max_length=LIST_MAX)] = ()
    contract: Contract | None = None
    quality: Annotated[tuple[QualityRule, ...], Field(max_length=LIST_MAX)] = ()
    release: ReleaseSettings = ReleaseSettings()

    @field_validator("timeout")
    @classmethod
    def _timeout_is_some_time(cls, timeout: Duration | None) -> Duration | None:
        if timeout is not None and not timeout:
            raise ValueError("a timeout of no time stops every run; leave it out for the default")
        return timeout

    @model_validator(mode="after")
    def _sections_agree(self) -> DatasetDefinition:
        problems = [
            *time_problems(self.time, self.contract, self.release),
            *window_problems(
                self.schedule.window if self.schedule else None, self.inputs, self.release
            ),
            *index_problems(self.contract, self.release),
            *input_problems(self.id, self.inputs),
            *reference_problems(self.id, self.contract),
            *repeats("inputs", self.inputs),
            *repeats("secrets", self.secrets),
            *quality_problems(self.quality, self.contract, self.time),
        ]
        raise_problems("DatasetDefinition", problems)
        return self


def referenced_datasets(definition: DatasetDefinition) -> tuple[DatasetId, ...]:
    """The data sets that its rules look values up in and that are none of its inputs."""
    rules = referential_rules(definition.contract.rules if definition.contract else ())
    found = dict.fromkeys(parse_dataset_id(rule.references.dataset) for rule in rules)
    return tuple(dataset for dataset in found if dataset not in definition.inputs)


def definition_to_json(definition: DatasetDefinition) -> dict[str, Any]:
    """The definition as plain JSON; `definition_from_json` reads it back to an equal one."""
    document: dict[str, Any] = definition.model_dump(mode="json", exclude_none=True)
    return document


def definition_digest(definition: DatasetDefinition) -> str:
    """The hex sha256 over the canonical JSON: what a release was declared with (B9).

    Comments, order and spelling of the file do not count; what it means does.
    """
    return json_digest(definition_to_json(definition))


def definition_from_json(document: dict[str, Any]) -> DatasetDefinition:
    """A stored definition.

    Raises:
        InvalidInput: when it is none.
    """
    try:
        return DatasetDefinition.model_validate(document)
    except ValueError as error:
        raise InvalidInput(f"this is no stored definition: {error}") from error


def registry_fields(definition: DatasetDefinition) -> dict[str, Any]:
    """The part that `metadata.json` shows flat."""
    document = definition_to_json(definition)
    return {name: document[name] for name in REGISTRY_FIELDS if name in document}


def platform_sections(definition: DatasetDefinition) -> dict[str, Any]:
    """The platform's own part, which `metadata.json` shows under `definition`."""
    document = definition_to_json(definition)
    return {name: value for name, value in document.items() if name not in REGISTRY_FIELDS}
