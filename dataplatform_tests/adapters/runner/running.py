"""Runs real main.py texts in real processes for the tests of the runner."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataplatform.adapters.runner import SubprocessRunner
from dataplatform.adapters.sources.http import HttpSettings
from dataplatform.adapters.sources.web import WebSources
from dataplatform.datasets.producing import ProduceOutcome, ProduceRequest, ReleaseInput
from dataplatform.errors import FailureClass, failure_class_of
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import parse_dataset_id

EAGER = HttpSettings(attempts=2, backoff_seconds=0.01, read_seconds=5, host_interval_seconds=0)


@dataclass
class Bench:
    """A folder with one producer, and what came of its last run."""

    folder: Path
    lines: list[tuple[str, str]] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)

    @property
    def main_path(self) -> Path:
        return self.folder / "producers" / "test" / "it" / "main.py"

    @property
    def work_root(self) -> Path:
        return self.folder / "work"

    @property
    def log(self) -> str:
        """What people see of the log."""
        return "\n".join(line for level, line in self.lines if level != "debug")

    @property
    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.batches)

    def write(self, source: str) -> Bench:
        self.main_path.parent.mkdir(parents=True, exist_ok=True)
        self.main_path.write_text(textwrap.dedent(source))
        return self

    def run(
        self,
        source: str,
        *,
        receive: Callable[[pa.RecordBatch], None] | None = None,
        timeout_seconds: float = 60,
        previous: ReleaseInput | None = None,
        inputs: Mapping[str, ReleaseInput] | None = None,
        secrets: Mapping[str, str] | None = None,
        mirror: str | None = None,
        **asked: Any,
    ) -> ProduceOutcome:
        self.write(source)
        self.lines.clear()
        self.batches.clear()
        request = ProduceRequest(
            id=parse_dataset_id("test/it"),
            main_path=str(self.main_path),
            timeout_seconds=timeout_seconds,
            previous=previous,
            inputs=inputs or {},
            secrets=secrets or {},
            mirror=mirror,
            **asked,
        )
        return self.runner().run(request, receive or self.batches.append, self._note)

    def runner(self) -> SubprocessRunner:
        return SubprocessRunner(
            work_root=self.work_root,
            environments_root=self.folder / "environments",
            fetcher=WebSources(EAGER),
            grace_seconds=0.5,
        )

    def fail(self, source: str, **options: Any) -> OpenDataError:
        """The error of a run that has to fail; its folder is gone all the same."""
        try:
            outcome = self.run(source, **options)
        except OpenDataError as error:
            assert list(self.work_root.glob("run-*")) == []
            return error
        raise AssertionError(f"it delivered: {outcome}")

    def _note(self, level: str, line: str) -> None:
        self.lines.append((level, line))


def where(error: OpenDataError) -> tuple[FailureClass, str | None]:
    """An error's class, and `main.py:line`."""
    file, line = str(error.details["file"]), error.details["line"]
    name = file.rpartition("/")[2]
    return failure_class_of(error), f"{name}:{line}" if line else name
