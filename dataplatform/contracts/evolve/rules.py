"""Rules about rows that come, go or change.

Here belongs what that means for readers: nothing, with one exception. Arrival times that are
integrated along another path parameter or with another measure are other quantities under the same
name (S4-84), and so are those under another reference that no correction leads back from (S4-83);
their rule is where that is written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dataplatform.contracts.evolve.changes import Change, spec_of
from dataplatform.contracts.evolve.fields import successor
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump

ARRIVAL_KIND: Final[str] = "arrivaltime_dualform"
_PATH: Final[tuple[str, ...]] = ("ell", "path", "measure")
"""What of an arrival-time rule says along which path, and in which measure, times are summed."""

Spec = dict[str, Any]


def rule_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Each rule that is gone and each that is new; a changed one is both."""
    for rule in old.rules:
        if rule not in new.rules:
            yield Change(rule.label, spec_of(rule), None, Bump.PATCH, constraint="rule")
    for rule in new.rules:
        if rule not in old.rules:
            yield _added(rule, old, new)


def _added(rule: Any, old: Contract, new: Contract) -> Change:
    spec = spec_of(rule)
    bump, reason, adapter = Bump.PATCH, None, None
    former = [spec_of(one) for one in old.rules if one.kind == ARRIVAL_KIND]
    if rule.kind == ARRIVAL_KIND and former:
        reason = _why_it_breaks(former[0], spec, old, new)
        if reason is not None:
            bump = Bump.MAJOR
        elif _has_other_reference(former[0], spec):
            bump, adapter = Bump.MINOR, "transforms"
    return Change(rule.label, None, spec, bump, reason, adapter, constraint="rule")


def _why_it_breaks(before: Spec, after: Spec, old: Contract, new: Contract) -> str | None:
    was, is_now = _path_of(before, old, new), _path_of(after, new, new)
    changed = [name for name, value in was.items() if value != is_now.get(name)]
    if changed:
        return (
            f"the definition of {' and '.join(changed)} along which arrival times are taken "
            "changed: former times cannot be compared with new ones"
        )
    if _has_other_reference(before, after) and "corr_env" not in after:
        return (
            f"c_ref is taken under {after.get('ref_cond', 'conditions that are not named')}, "
            f"before under {before['ref_cond']}, and no corr_env leads back"
        )
    return None


def _has_other_reference(before: Spec, after: Spec) -> bool:
    return "ref_cond" in before and before["ref_cond"] != after.get("ref_cond")


def _path_of(spec: Spec, own: Contract, new: Contract) -> Spec:
    """The parts that define the path, as far as they were told; a column that was renamed is
    still the same."""
    path = {name: spec[name] for name in _PATH if name in spec}
    column = path.get("ell")
    if own.field(str(column)) is not None and (answering := successor(str(column), new)):
        path["ell"] = answering.name
    return path
