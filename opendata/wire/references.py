"""References: to which conditions the values of a column refer, by field or by rule (S4-20, S4-62).

Pure. Here belongs what two contracts say of a column's reference, and what leads from the one to
the other. Units, names and coordinates belong in `bridges`; what computes a correction is
registered by the reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from opendata.wire.manifest import FieldEntry, Manifest

_REFERRED: Final = ("c_ref", "T_arr_factored", "T_arr_general", "delta_form")
"""What of arrival times refers to the conditions of their rule."""


@dataclass(frozen=True)
class CorrectionBridge:
    """`corr_env(x; RefCond)`: from the conditions that stored values refer to, to others (S4-62).

    `function` is a name under which the reader has registered what computes it.
    """

    function: str
    stored: Mapping[str, Any]
    wanted: Mapping[str, Any]


def promise_of(manifest: Manifest, name: str) -> Mapping[str, Any]:
    """What the contract says of a field."""
    fields: list[dict[str, Any]] = manifest.contract.get("fields") or []
    return next((field for field in fields if field.get("name") == name), {})


def correction_between(
    field: FieldEntry,
    source: FieldEntry,
    reader: Manifest,
    stored: Manifest,
    problems: list[str],
) -> CorrectionBridge | None:
    """What leads from a stored column to the conditions that a reader knows, where they differ.

    What nothing leads over is added to `problems`.
    """
    wanted, given = _reference(reader, field.name), _reference(stored, source.name)
    if wanted is None or (given and wanted["ref_cond"] == given["ref_cond"]):
        return None
    names = {one["function"] for one in (wanted, given) if one and one.get("function")}
    if given is None or len(names) != 1:
        problems.append(
            f"{field.name!r} is no longer restored to the conditions that readers know "
            f"({', '.join(map(str, wanted['ref_cond'].values()))})"
        )
        return None
    return CorrectionBridge(names.pop(), given["ref_cond"], wanted["ref_cond"])


def _reference(manifest: Manifest, name: str) -> Mapping[str, Any] | None:
    """To which conditions a column refers: as its field declares, or a rule of arrival times.

    Times that were computed with a reference follow it; which of the quantities is asked for stands
    among the conditions, since each takes arithmetic of its own.
    """
    if (declared := promise_of(manifest, name).get("corr_env")) is not None:
        reference: Mapping[str, Any] = {"ref_cond": {}, **declared}
        return reference
    for rule in manifest.contract.get("rules") or ():
        if rule.get("kind") == "arrivaltime_dualform" and rule.get("ref_cond") is not None:
            for quantity in _REFERRED:
                if rule.get(quantity, quantity) == name:
                    conditions = {"quantity": quantity, "ref_cond": rule["ref_cond"]}
                    return {"function": rule.get("corr_env"), "ref_cond": conditions}
    return None
