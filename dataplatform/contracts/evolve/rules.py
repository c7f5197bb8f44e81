"""Rules about rows that come, go or change.

Here belongs what that means for readers: nothing, with one exception. Arrival times that are
integrated along another path parameter or with another measure are other quantities under the same
name (S4-84), and so are those under another reference that no correction leads back from (S4-83);
their rule is where that is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from dataplatform.contracts.evolve.changes import Change, spec_of
from dataplatform.contracts.evolve.fields import successor
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump

ARRIVAL_KIND: Final[str] = "arrivaltime_dualform"
_PATH: Final[tuple[str, ...]] = ("ell", "path", "measure")
"""What of an arrival-time rule says along which path, and in which measure, times are summed."""

Spec = dict[str, Any]

_SAME: Final[tuple[Callable[[Spec], Any], ...]] = (
    lambda spec: (spec["T_arr_general"], spec["T_arr_factored"]),
    lambda spec: spec["T_arr_general"],
    lambda spec: spec["T_arr_factored"],
    lambda spec: spec.get("name"),
    lambda spec: None,
)
"""What tells which rule took the place of which, the surest first; at last their order."""


def rule_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Each rule that is gone and each that is new; a changed one is both."""
    gone = [(rule.label, spec_of(rule)) for rule in old.rules if rule not in new.rules]
    fresh = [(rule.label, spec_of(rule)) for rule in new.rules if rule not in old.rules]
    for label, spec in gone:
        yield Change(label, spec, None, Bump.PATCH, constraint="rule")

    def now(column: str) -> str:
        answering = successor(column, new)
        return answering.name if answering else column

    withdrawn, added = ([spec for _, spec in some] for some in (gone, fresh))
    for label, spec in fresh:
        yield _added(label, spec, former_rule(spec, withdrawn, added, now), old, new)


def former_rule(
    rule: Spec, withdrawn: Sequence[Spec], added: Sequence[Spec], now: Callable[[str], str]
) -> Spec | None:
    """The withdrawn rule of arrival times whose place one of the added rules takes, if any.

    It is of the same columns of arrival times, else of the same name, else the next in order; no
    rule stands for two. `now` tells what a former column is called.
    """
    left = [spec for spec in withdrawn if spec["kind"] == ARRIVAL_KIND]
    waiting = [spec for spec in added if spec["kind"] == ARRIVAL_KIND]
    for same in _SAME:
        for spec in tuple(waiting):
            place = next(
                (at for at, one in enumerate(left) if same(_as_now(one, now)) == same(spec)), None
            )
            if place is None:
                continue
            former = left.pop(place)
            if spec == rule:
                return former
            waiting.remove(spec)
    return None


def _as_now(spec: Spec, now: Callable[[str], str]) -> Spec:
    return {**spec, **{form: now(spec[form]) for form in ("T_arr_general", "T_arr_factored")}}


def _added(label: str, spec: Spec, former: Spec | None, old: Contract, new: Contract) -> Change:
    bump, reason, adapter = Bump.PATCH, None, None
    if former is not None:
        reason = _why_it_breaks(former, spec, old, new)
        if reason is not None:
            bump = Bump.MAJOR
        elif _has_other_reference(former, spec):
            bump, adapter = Bump.MINOR, "transforms"
    return Change(label, None, spec, bump, reason, adapter, constraint="rule")


def _why_it_breaks(before: Spec, after: Spec, old: Contract, new: Contract) -> str | None:
    was, is_now = _path_of(before, old, new), _path_of(after, new, new)
    changed = [name for name, value in was.items() if value != is_now.get(name)]
    if changed:
        return (
            f"the definition of {' and '.join(changed)} along which arrival times are taken "
            "changed: former times cannot be compared with new ones"
        )
    if not _has_other_reference(before, after):
        return None
    present, restored = after.get("corr_env"), before.get("corr_env")
    if present is not None and restored in (None, present):
        return None
    # Readers have what they registered under the former name, and no other function.
    faulty = "no corr_env leads back"
    if present is not None:
        faulty = f"{present} is not {restored}, which led back before"
    return (
        f"c_ref is taken under {after.get('ref_cond', 'conditions that are not named')}, "
        f"before under {before['ref_cond']}, and {faulty}"
    )


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
