"""A producer: two files that make a data set, as they were found.

Here belong the values; finding them in a folder is an adapter's. A broken producer is a value like
a good one, so that it can be shown at its place while the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.errors import InvalidDefinition, SourceFinding
from opendata.wire.digest import json_digest
from opendata.wire.ids import DatasetId


@dataclass(frozen=True)
class Producer:
    """A producer that can run. Digests are bare sha256 of the files' bytes.

    `placeholders` are the warnings that keep its rows from being published. `files` are the bytes
    of `main.py` and `opendata.yaml`, as they were read.
    """

    definition: DatasetDefinition
    folder: str
    main_path: str
    main_sha256: str
    yaml_sha256: str
    readme: bytes | None
    warnings: tuple[SourceFinding, ...] = ()
    placeholders: tuple[SourceFinding, ...] = ()
    files: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def id(self) -> DatasetId:
        """The data set's id."""
        return self.definition.id

    @property
    def code_version(self) -> str:
        """Changes whenever `main.py` or `opendata.yaml` does."""
        return json_digest([self.main_sha256, self.yaml_sha256])[:16]


def require_written(producer: Producer) -> None:
    """See that nothing of the template would be published in the place of a real word.

    Raises:
        InvalidDefinition: naming each placeholder as file:line:column.
    """
    if producer.placeholders:
        raise InvalidDefinition(
            producer.placeholders,
            hint=f"write the real ones; until then: od run {producer.id} --dry-run",
        )


@dataclass(frozen=True)
class BrokenProducer:
    """A folder that should be a producer and cannot run; `findings` say where and why."""

    namespace: str
    name: str
    folder: str
    findings: tuple[SourceFinding, ...]

    @property
    def message(self) -> str:
        """All findings, one per line, as `file:line:column: what`."""
        return "\n".join(str(finding) for finding in self.findings)
