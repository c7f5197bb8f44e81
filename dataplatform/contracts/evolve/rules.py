"""Rules about rows that come, go or change.

Here belongs what that means for readers: nothing, with one exception. Arrival times that are
integrated along another path parameter or with another measure are other quantities under the same
name (S4-84); their rule is where that is written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dataplatform.contracts.evolve.changes import Change, bump_of, spec_of
from dataplatform.contracts.evolve.fields import successor
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump

ARRIVAL_KIND: Final[str] = "arrivaltime_dualform"
PATH_PARTS: Final[tuple[str, ...]] = ("pid", "ell", "d_ell", "measure")
"""What of an arrival-time rule says along which path, and in which measure, times are summed."""

Spec = dict[str, Any]


def rule_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Each rule that is gone and each that is new; a changed one is both."""
    redefined = _redefined_path(old, new)
    for rule in old.rules:
        if rule not in new.rules:
            yield Change(rule.label, spec_of(rule), None, Bump.PATCH, constraint="rule")
    for rule in new.rules:
        if rule not in old.rules:
            reason = redefined if rule.kind == ARRIVAL_KIND else None
            bump = bump_of(reason, Bump.PATCH)
            yield Change(rule.label, None, spec_of(rule), bump, reason, constraint="rule")


def _redefined_path(old: Contract, new: Contract) -> str | None:
    before, after = _arrival_rules(old), _arrival_rules(new)
    if not before or not after:
        return None  # promised for the first time, or no longer checked
    known = [_path_of(spec, old, new) for spec in before]
    for spec in after:
        path = _path_of(spec, new, new)
        if path not in known:
            parts = [name for name in PATH_PARTS if path.get(name) != known[0].get(name)]
            return (
                f"the definition of {' and '.join(parts)} along which arrival times are taken "
                "changed, so that former times cannot be compared with new ones"
            )
    return None


def _arrival_rules(contract: Contract) -> list[Spec]:
    return [spec_of(rule) for rule in contract.rules if rule.kind == ARRIVAL_KIND]


def _path_of(spec: Spec, own: Contract, new: Contract) -> Spec:
    """The parts that define the path; a column that was renamed is still the same."""
    path = {name: spec[name] for name in PATH_PARTS if name in spec}
    for name, value in path.items():
        if isinstance(value, str) and own.field(value) is not None:
            answering = successor(value, new)
            path[name] = answering.name if answering else value
    return path
