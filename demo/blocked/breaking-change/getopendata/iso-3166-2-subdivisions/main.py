"""Subdivisions without their type: a breaking change, and no next major declared for it.

Somebody found `type` not worth its bytes and dropped it, in the producer and in the contract alike,
so contract and quality pass. Readers that ask for the column would break: the release engine has
to refuse this until `release.version` names the next major. Everything else is the real producer
(`real.py`) on the real source.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pyarrow as pa

REAL = runpy.run_path(str(Path(__file__).with_name("real.py")))


def produce(context: Any) -> pa.Table:
    """The real table without the column `type`."""
    return REAL["produce"](context).drop_columns(["type"])
