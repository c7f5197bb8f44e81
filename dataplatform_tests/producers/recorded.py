"""What a producer needs to run in a test: its module, and a context that answers from bytes.

Here: the loading of a main.py and fakes of the run's context. The real context, with its
retries, limits and process of its own, is tested where it lives.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa

from dataplatform.datasets.mirror import mirror_path

ROOT = Path(__file__).resolve().parents[2]
PRODUCERS = ROOT / "producers"
BLOCKED = ROOT / "demo" / "blocked"
DATA = Path(__file__).parent / "data"


def producer(name: str, root: Path = PRODUCERS) -> ModuleType:
    """The main.py of a producer, as a module."""
    path = root / "getopendata" / name / "main.py"
    spec = importlib.util.spec_from_file_location(f"main_of_{name.replace('-', '_')}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cut(name: str) -> bytes:
    """One of the cuts in `data/`."""
    return (DATA / name).read_bytes()


@dataclass(frozen=True)
class Published:
    """A release that is there already: `context.previous`, or one of `context.inputs`."""

    content: pa.Table
    manifest: dict[str, Any] = field(default_factory=dict)

    def table(self, columns: list[str] | None = None) -> pa.Table:
        return self.content if columns is None else self.content.select(columns)


@dataclass
class Recorded:
    """A run's context whose downloads are answered from `answers` or from a mirror's folder."""

    answers: dict[str, bytes] = field(default_factory=dict)
    mirror: Path | None = None
    start: Any = None
    end: Any = None
    previous: Published | None = None
    inputs: dict[str, Published] = field(default_factory=dict)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("producer"))
    asked: list[str] = field(default_factory=list)

    def fetch(self, url: str, **_: Any) -> SimpleNamespace:
        self.asked.append(url)
        if url in self.answers:
            return SimpleNamespace(content=self.answers[url], url=url)
        assert self.mirror is not None, f"nothing is recorded for {url}"
        return SimpleNamespace(content=(self.mirror / mirror_path(url)).read_bytes(), url=url)
