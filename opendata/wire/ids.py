"""Names of data sets and references to releases (requirement S1-29, S1-53).

An id is two parts of lower-case ASCII letters, digits and single hyphens. The grammar is narrow on
purpose: an id becomes a key, a path, a Dagster name and part of a URL without any escaping, has
no unicode twin, and maps injectively to names in which a hyphen is illegal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opendata.wire.errors import InvalidInput
from opendata.wire.version import Version, parse_version

PART_MAX_CHARS = 64
_PART = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_RULE = (
    "an id is namespace/name; each part holds lower-case letters a-z, digits and single hyphens, "
    f"at most {PART_MAX_CHARS} characters"
)


@dataclass(frozen=True, order=True)
class DatasetId:
    """`namespace/name`; build it with :func:`parse_dataset_id`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def identifier(self) -> str:
        """The id as a Python and Dagster identifier: `ns__name`, hyphens as underscores."""
        return f"{self.namespace}__{self.name}".replace("-", "_")


@dataclass(frozen=True)
class Reference:
    """A data set and, optionally, one of its releases: `ns/name` or `ns/name@1.2.0`."""

    id: DatasetId
    version: Version | None = None

    def __str__(self) -> str:
        return f"{self.id}@{self.version}" if self.version else str(self.id)


def is_id_part(text: str) -> bool:
    """Whether `text` may stand as namespace or name."""
    return len(text) <= PART_MAX_CHARS and _PART.fullmatch(text) is not None


def is_dataset_id(text: str) -> bool:
    """Whether `text` is a legal `namespace/name`."""
    parts = text.split("/")
    return len(parts) == 2 and all(is_id_part(part) for part in parts)


def parse_dataset_id(text: str) -> DatasetId:
    """Read `ns/name`.

    Raises:
        InvalidInput: with the offending part and, where one is near, a legal spelling.
    """
    parts = text.split("/") if isinstance(text, str) else []
    if len(parts) != 2:
        raise InvalidInput(f"{text!r} is no data set id: {_RULE}", code="invalid_id")
    for part in parts:
        if not is_id_part(part):
            legal = "/".join(_nearest_legal_part(p) for p in parts)
            hint = f"did you mean {legal!r}?" if is_dataset_id(legal) else None
            raise InvalidInput(
                f"{part!r} in {text!r} is not allowed: {_RULE}", code="invalid_id", hint=hint
            )
    return DatasetId(*parts)


def parse_reference(text: str) -> Reference:
    """Read `ns/name` or `ns/name@1.2.0`; `@latest` means no pin.

    Raises:
        InvalidInput: if the id or the version is malformed.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"{text!r} is no data set id: {_RULE}", code="invalid_id")
    id_text, at, version_text = text.partition("@")
    dataset = parse_dataset_id(id_text)
    if not at or version_text == "latest":
        return Reference(dataset)
    return Reference(dataset, parse_version(version_text))


def _nearest_legal_part(part: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", part.lower(), flags=re.ASCII).strip("-")[:PART_MAX_CHARS]
