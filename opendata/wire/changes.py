"""Changes in words: what a release changed, as a person would tell it (S4-51).

Here belong the sentences that `od changelog`, `od diff` and the derived CHANGELOG.md share. They
are fragments without a capital or full stop; :func:`bullet` makes sentences of them. What a change
means for the version is decided where it is found, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from opendata.wire.manifest import Manifest
from opendata.wire.words import counted

Change = Mapping[str, Any]


def bullet(fragment: str) -> str:
    """A fragment as an item of a list, on one line whatever it quotes."""
    fragment = " ".join(fragment.split())
    end = "" if fragment.endswith((".", "!", "?", ":")) else "."
    return f"- {fragment[:1].upper()}{fragment[1:]}{end}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def in_unit(unit: str | None) -> str:
    """A unit as a sentence names it."""
    return "fractions of one" if unit == "1" else str(unit)


def schema_changes(diff: Mapping[str, Any]) -> Iterator[str]:
    """The changes of a schema (`diff_S`), one fragment each."""
    renamed = {change.get("new") for change in diff.get("Fields_drop") or () if change.get("new")}
    for change in diff.get("Fields_add") or ():
        if change["field"] not in renamed:
            yield _added(change)
    for change in diff.get("Fields_drop") or ():
        if change.get("new"):
            yield f"column `{change['field']}` is called `{change['new']}` now"
        else:
            yield f"column `{change['field']}` was dropped"
    for change in diff.get("Type_change") or ():
        how = "changed" if change.get("breaking") else "was widened"
        yield f"the type of `{change['field']}` {how} from {change['old']} to {change['new']}"
    for change in diff.get("Unit_change") or ():
        yield _measured(change)
    for change in diff.get("Constraint_change") or ():
        yield _constraint(change)


def index_changes(diff: Mapping[str, Any]) -> Iterator[str]:
    """The changes of secondary indexes (`diff_I`); one made anew concerns nobody."""
    for kind, what in (("Index_add", "was added"), ("Index_drop", "was dropped")):
        for index in diff.get(kind) or ():
            yield f"the index by {_keys(index)} {what}"


def row_changes(diff: Mapping[str, Any]) -> str:
    """`3 rows were added, 1 was removed and 2 were changed`; empty where none were."""
    told: list[str] = []
    for kind in ("added", "removed", "changed"):
        if number := diff.get(kind):
            noun = counted(number, "row") if not told else f"{number:,}"
            told.append(f"{noun} {'was' if number == 1 else 'were'} {kind}")
    if not told and diff.get("not_compared"):
        return f"the rows were not compared: {diff['not_compared']}"
    return listed(told)


def changed_words(before: Manifest, after: Manifest) -> list[str]:
    """Which of the fields that tell about a data set read otherwise than in the release before."""
    old = {**before.dataset, **before.definition, "README": before.readme}
    new = {**after.dataset, **after.definition, "README": after.readme}
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def release_changes(manifest: Manifest, about: Sequence[str]) -> Iterator[str]:
    """All that a release changed, one fragment each; `about` as :func:`changed_words` has it."""
    change = manifest.changelog
    if change.breaking:
        yield from _breaking(manifest)
    yield from schema_changes(change.diff_S)
    yield from index_changes(change.diff_I)
    if manifest.versioning.prev_release is None:
        yield f"first release, with {counted(manifest.row_count, 'row')}"
    else:
        yield from _later(manifest, about)
    if manifest.versioning.notes:
        yield manifest.versioning.notes


def _breaking(manifest: Manifest) -> Iterator[str]:
    schema = manifest.versioning.schema_version
    told = [one for one in manifest.breaks if one.schema_version == schema]
    reasons = [reason for one in told for reason in (*one.reasons, *one.bridged)]
    stays = bool(told) and not any(one.reasons for one in told)
    why = f", because {'; '.join(reasons)}" if reasons else ""
    after = (
        "readers that say which schema they know are led on"
        if stays
        else ("readers of earlier schemas have to change")
    )
    yield f"this is a new major{why}. {after[0].upper()}{after[1:]}"


def _later(manifest: Manifest, about: Sequence[str]) -> Iterator[str]:
    change = manifest.changelog
    rows = row_changes(change.diff_R)
    yield rows or change.diff_R.get("unseen") or "the rows are unchanged"
    blocks = (*change.diff_S.values(), *change.diff_I.values())
    is_told = any(blocks) or change.breaking
    # What a changed schema changes in the definition has been told already.
    revised = [name for name in about if not (is_told and name in ("contract", "release"))]
    if revised:
        yield f"revised: {', '.join(_SECTIONS.get(name, name) for name in revised)}"
    elif not rows and not is_told:
        yield "nothing changed; it was released by force"


def _added(change: Change) -> str:
    spec = change.get("new")
    spec = spec if isinstance(spec, Mapping) else {}
    kind = f" ({spec['type']})" if spec.get("type") else ""
    told = f"column `{change['field']}`{kind} was added"
    if spec.get("nullable") is False:
        default = spec.get("default")
        told += "; it always has a value"
        told += f", {default} in older rows" if default is not None else ""
    return told


def _measured(change: Change) -> str:
    name, old, new = change["field"], change.get("old"), change.get("new")
    if old is None:
        return f"`{name}` is declared to be in {in_unit(new)}"
    if new is None:
        return f"`{name}` has no unit any more; it was in {in_unit(old)}"
    return f"`{name}` is in {in_unit(new)} now; it was in {in_unit(old)}"


def _constraint(change: Change) -> str:
    kind = str(change.get("constraint"))
    tell = _CONSTRAINTS.get(kind)
    name, old, new = change["field"], change.get("old"), change.get("new")
    return tell(name, old, new) if tell else f"the {kind} of `{name}` changed"


def _keys(names: Any) -> str:
    if isinstance(names, Mapping):
        names = names.get("keys", ())
    names = [names] if isinstance(names, str) else names
    return f"({', '.join(map(str, names or ()))})"


def _primary_key(_: str, old: Any, new: Any) -> str:
    if not new:
        return f"there is no primary key any more; it was {_keys(old)}"
    was = f"; it was {_keys(old)}" if old else ", and there was none"
    return f"the primary key is {_keys(new)} now{was}"


def _nullable(name: str, _: Any, new: Any) -> str:
    return f"`{name}` may be empty now" if new else f"`{name}` always has a value now"


def _value(what: str) -> Callable[[str, Any, Any], str]:
    def tell(name: str, old: Any, new: Any) -> str:
        was = "there was none" if old is None else f"it was {old}"
        now = "is gone" if new is None else f"is {new} now"
        return f"the {what} of `{name}` {now}; {was}"

    return tell


def _aliases(name: str, old: Any, new: Any) -> str:
    given = [f"`{one}`" for one in new or () if one not in (old or ())]
    lost = [f"`{one}`" for one in old or () if one not in (new or ())]
    told = [f"also answers to {listed(given)}"] if given else []
    told += [f"no longer answers to {listed(lost, 'or')}"] if lost else []
    return f"`{name}` {' and '.join(told) or 'has its aliases in another order'}"


def _rule(name: str, old: Any, new: Any) -> str:
    return f"a rule was added: {name}" if old is None else f"the rule {name} was withdrawn"


def _floor(_: str, old: Any, new: Any) -> str:
    return f"readers need schema {new} at least; they needed {old} before"


def _crs(_: str, old: Any, new: Any) -> str:
    codes = [one.get("code") if isinstance(one, Mapping) else None for one in (old, new)]
    if codes[1] is None:
        return f"the coordinates have no reference system any more; it was {codes[0]}"
    was = f"; they were in {codes[0]}" if codes[0] else ", which was not said before"
    return f"the coordinates are in {codes[1]}{was}"


def conditions(given: Any) -> str:
    """Reference conditions: `temperature 20 degC`."""
    pairs = given.items() if isinstance(given, Mapping) else ()
    return ", ".join(f"{name} {value}" for name, value in pairs) or "no conditions"


def _correction(name: str, old: Any, new: Any) -> str:
    if not new:
        return f"`{name}` can no longer be restored to other conditions"
    now = conditions(new.get("ref_cond"))
    was = f"; before to {conditions(old.get('ref_cond'))}" if old else ", which was not said before"
    return f"`{name}` refers to {now} now{was}"


_SECTIONS: Final = {"release": "release settings", "quality": "quality thresholds"}
_CONSTRAINTS: Final[Mapping[str, Callable[[str, Any, Any], str]]] = {
    "primary_key": _primary_key,
    "nullable": _nullable,
    "default": _value("default"),
    "tolerance": _value("tolerance"),
    "description": lambda name, old, new: f"the description of `{name}` was revised",
    "aliases": _aliases,
    "order": lambda name, old, new: "the columns stand in another order",
    "rule": _rule,
    "reader_min": _floor,
    "crs": _crs,
    "corr_env": _correction,
}
