"""What must agree inside one contract: names, key, rules and types.

Here belong the checks between the parts of a contract, as values: the place and a sentence.
What is wrong with a single field or rule by itself is said by their own models.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow.compute as pc

from dataplatform.contracts.coordinates import CoordinateReference
from dataplatform.contracts.fields import FieldSpec
from dataplatform.contracts.problems import Place, Problem
from dataplatform.contracts.rules import (
    ArrivalTimeRule,
    EnumSetRule,
    MonotonicRule,
    RangeRule,
    ReferentialRule,
    RegexRule,
    Rule,
    UniqueRule,
)
from dataplatform.contracts.values import is_number, is_ordered, is_text, scalar_of

Fields = Sequence[FieldSpec]


def field_problems(fields: Fields, primary_key: Sequence[str]) -> list[Problem]:
    """What is wrong among names, aliases, key and defaults."""
    return [
        *_name_problems(fields),
        *_alias_problems(fields),
        *_key_problems(fields, primary_key),
        *_value_problems(fields),
    ]


def rule_problems(rules: Sequence[Rule], fields: Fields) -> list[Problem]:
    """What is wrong between the rules and the fields they name."""
    problems = list(_repeated_rules(rules))
    by_name = {field.name: field for field in fields}
    for at, rule in enumerate(rules):
        for part, name in rule.places():
            if name in by_name:
                problems.extend(_misfits(at, rule, by_name[name], part))
            elif fields:
                problems.append((("rules", at, *part), unknown_name(name, list(by_name))))
    return problems


def coordinate_problems(reference: CoordinateReference | None, fields: Fields) -> list[Problem]:
    """What is wrong between the reference system and the columns of its coordinates."""
    if reference is None:
        return []
    problems: list[Problem] = []
    by_name = {field.name: field for field in fields}
    for part, name in (("x", reference.x), ("y", reference.y)):
        field = by_name.get(name)
        if field is None and fields:
            problems.append((("crs", part), unknown_name(name, list(by_name))))
        elif field is not None and not is_number(field.arrow_type):
            problems.append((("crs", part), f"a coordinate is a number; {name!r} is {field.type}"))
    if reference.x == reference.y:
        problems.append((("crs", "y"), f"{reference.y!r} is the x coordinate already"))
    return problems


def unknown_name(name: str, known: Sequence[str]) -> str:
    """A sentence about a field that is not declared, with the nearest one that is."""
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{name!r} is none of the contract's fields{meant}"


def _name_problems(fields: Fields) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for at, field in enumerate(fields):
        # Engines fold case, so two names that differ in case only are one name to them.
        folded = field.name.casefold()
        if field.name == seen.get(folded):
            yield ("fields", at, "name"), f"{field.name!r} is declared twice"
        elif folded in seen:
            message = f"{field.name!r} and {seen[folded]!r} differ in case only"
            yield ("fields", at, "name"), message
        seen.setdefault(folded, field.name)


def _alias_problems(fields: Fields) -> Iterator[Problem]:
    names = {field.name for field in fields}
    aliases = Counter(alias for field in fields for alias in set(field.aliases))
    for at, field in enumerate(fields):
        for position, alias in enumerate(field.aliases):
            place: Place = ("fields", at, "aliases", position)
            if alias in names:
                yield place, f"alias {alias!r} is the name of a field"
            elif aliases[alias] > 1 or alias in field.aliases[:position]:
                yield place, f"alias {alias!r} is given twice"


def _key_problems(fields: Fields, primary_key: Sequence[str]) -> Iterator[Problem]:
    by_name = {field.name: field for field in fields}
    for at, name in enumerate(primary_key):
        field = by_name.get(name)
        if name in primary_key[:at]:
            yield ("primary_key", at), f"{name!r} is in the key twice"
        elif field is None and fields:
            yield ("primary_key", at), unknown_name(name, list(by_name))
        elif field is not None and not _can_be_key(field):
            yield ("primary_key", at), f"a key cannot hold {field.type} ({name!r})"


def _value_problems(fields: Fields) -> Iterator[Problem]:
    for at, field in enumerate(fields):
        if field.type == "null" and not field.nullable:
            message = f"{field.name!r} is of type null and never has a value"
            yield ("fields", at, "nullable"), message
        if field.default is not None:
            try:
                scalar_of(field.default, field.arrow_type)
            except ValueError as error:
                yield ("fields", at, "default"), str(error)
        if field.tolerance is not None and not is_number(field.arrow_type):
            yield ("fields", at, "tolerance"), f"{field.type} has no tolerance: it is no number"


def _repeated_rules(rules: Sequence[Rule]) -> Iterator[Problem]:
    names = [rule.name for rule in rules]
    for at, rule in enumerate(rules):
        if rule.name is not None and rule.name in names[:at]:
            yield ("rules", at, "name"), f"another rule is called {rule.name!r} already"
        elif rule in rules[:at]:
            yield ("rules", at), f"the rule {rule.label} stands here twice"


def _misfits(at: int, rule: Rule, field: FieldSpec, part: Place) -> Iterator[Problem]:
    place: Place = ("rules", at, *part)
    if isinstance(rule, RegexRule) and not is_text(field.arrow_type):
        yield place, f"regex needs text; {field.name!r} is {field.type}"
    elif isinstance(rule, UniqueRule | ReferentialRule) and not _can_be_key(field):
        yield place, f"{rule.kind} cannot compare {field.type} ({field.name!r})"
    elif isinstance(rule, ArrivalTimeRule):
        yield from _arrival_misfits(place, field, part)
    elif isinstance(rule, MonotonicRule | RangeRule) and part == ("field",):
        if not is_ordered(field.arrow_type):
            yield place, f"{rule.kind} needs an order; {field.name!r} is {field.type}"
        elif isinstance(rule, RangeRule):
            yield from _bound_problems(at, rule, field)
    elif isinstance(rule, EnumSetRule):
        for position, value in enumerate(rule.values):
            try:
                scalar_of(value, field.arrow_type)
            except ValueError as error:
                yield ("rules", at, "values", position), str(error)


def _arrival_misfits(place: Place, field: FieldSpec, part: Place) -> Iterator[Problem]:
    if part == ("pid",):
        if not _can_be_key(field):
            yield place, f"a path cannot be named by {field.type} ({field.name!r})"
    elif not is_number(field.arrow_type):
        yield place, f"{part[0]} is a number; {field.name!r} is {field.type}"


def _bound_problems(at: int, rule: RangeRule, field: FieldSpec) -> Iterator[Problem]:
    bounds = []
    for part, bound in (("min", rule.min), ("max", rule.max)):
        try:
            if bound is not None:
                bounds.append(scalar_of(bound, field.arrow_type))
        except ValueError as error:
            yield ("rules", at, part), str(error)
    if len(bounds) == 2 and pc.greater(*bounds).as_py():
        yield ("rules", at, "max"), f"`max` {rule.max} lies below `min` {rule.min}"


def _can_be_key(field: FieldSpec) -> bool:
    return is_ordered(field.arrow_type) or field.type in ("bool", "binary", "large_binary")
