"""Reprojection: what a manifest says of former reference systems and former orders of rows.

Here belong the entries of `transforms` that follow from a change of the reference system (S4-26),
of the key's order (S4-21) or of a field's conditions (S4-83). How they are led on from release to
release belongs in `carrying`; applying any of them is reading's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dataplatform.contracts.evolve import Change, SchemaDiff
from dataplatform.contracts.evolve.rules import former_rule
from dataplatform.contracts.model import Contract
from dataplatform.releases.ports import ReleasePorts
from opendata.wire.errors import Rejected


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


def transform_steps(schema: SchemaDiff) -> Iterator[dict[str, Any]]:
    """The steps that a change adds to those before it.

    `{"kind": "crs", "from", "to", "x", "y"}` computes coordinates anew; `{"kind": "order", "from",
    "to"}` says by which columns rows were sorted; `{"kind": "corr_env", "field", "from", "to",
    "corr_env"}` names what leads from the former reference conditions to the present ones.
    """
    for change in schema.constraint_change:
        if change.adapter == "transforms":
            yield from _step(change, schema)


def _step(change: Change, schema: SchemaDiff) -> Iterator[dict[str, Any]]:
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
    elif change.constraint == "corr_env":
        yield {
            "kind": "corr_env",
            "field": change.field,
            "from": change.old["ref_cond"],
            "to": change.new["ref_cond"],
            "corr_env": change.new["function"],
        }
    elif change.constraint == "rule":
        yield from _other_reference(change.new, schema)


def _other_reference(rule: dict[str, Any], schema: SchemaDiff) -> Iterator[dict[str, Any]]:
    """The step from the conditions under which the arrival times' `c_ref` was taken before."""
    changes = [one for one in schema.constraint_change if one.constraint == "rule"]
    withdrawn = [one.old for one in changes if one.old is not None]
    added = [one.new for one in changes if one.new is not None]
    former = former_rule(rule, withdrawn, added, lambda name: schema.renames.get(name, name))
    if former is not None and "ref_cond" in former:
        yield {
            "kind": "corr_env",
            "field": rule["c_ref"],
            "from": {"c_ref": former["ref_cond"]},
            "to": {"c_ref": rule.get("ref_cond")},
            "corr_env": rule["corr_env"],
        }
