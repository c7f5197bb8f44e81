"""Reprojection: what a manifest says of former reference systems and former orders of rows.

Here belong the entries of `transforms` that follow from a change of the reference system (S4-26)
or of the key's order (S4-21). Units have entries of their own; applying any of them is reading's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dataplatform.contracts.evolve import Change, SchemaDiff
from dataplatform.contracts.model import Contract
from dataplatform.releases.ports import ReleasePorts
from opendata.wire.errors import Rejected
from opendata.wire.manifest import Manifest

_KINDS = ("crs", "order")


def require_known_system(ports: ReleasePorts, contract: Contract) -> None:
    """Refuse coordinates in a reference system that does not exist.

    Raises:
        Rejected: naming the code.
    """
    if contract.crs is not None and not ports.reference_systems.knows(contract.crs.code):
        raise Rejected(
            f"contract.crs.code says {contract.crs.code}, and there is no such reference system",
            code="unknown_crs",
            hint="EPSG:4326 is longitude and latitude in degrees",
            details={"code": contract.crs.code},
        )


def carried_transforms(
    current: Manifest | None, schema: SchemaDiff, *, breaking: bool
) -> tuple[dict[str, Any], ...]:
    """The steps from each former reference system, and from former orders, in the order of time.

    `{"kind": "crs", "from", "to", "x", "y"}` computes coordinates anew; `{"kind": "order", "from",
    "to"}` says by which columns rows were sorted. A breaking change starts afresh.
    """
    inherited: tuple[dict[str, Any], ...] = ()
    if current is not None and not breaking:
        inherited = tuple(step for step in current.transforms if step.get("kind") in _KINDS)
    return (*inherited, *_steps(schema))


def _steps(schema: SchemaDiff) -> Iterator[dict[str, Any]]:
    for change in schema.constraint_change:
        if change.adapter == "transforms":
            yield from _step(change)


def _step(change: Change) -> Iterator[dict[str, Any]]:
    if change.constraint == "crs":
        yield {
            "kind": "crs",
            "from": change.old["code"],
            "to": change.new["code"],
            "x": change.new["x"],
            "y": change.new["y"],
        }
    elif change.constraint == "primary_key":
        yield {"kind": "order", "from": change.old, "to": change.new}
