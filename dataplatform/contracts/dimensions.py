"""The rule `dim_check`: the units of fields fit together, as dimensions do (S4-43).

Here belong its shape and its judgement, which needs the contract's units and no rows. An expression
is read as a tree of products, powers and sums; nothing of it is ever executed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Final, Literal, Protocol

from pydantic import AfterValidator, Field, model_validator

from dataplatform.contracts.measures import Dimension, Measures
from dataplatform.contracts.problems import Place
from dataplatform.contracts.report import Finding, not_evaluated
from dataplatform.contracts.rule_parts import FieldName, RuleBase, shortened

EXPRESSION_MAX_CHARS: Final = 1_000
EXPONENT_MAX: Final = 100
EXPONENT_DEPTH_MAX: Final = 50
DEPTH_MAX: Final = 150
# Dimensions raised to a third and back again are the same but for rounding.
_DENOMINATOR_MAX: Final = 1_000
_FUNCTIONS: Final = ("abs", "sqrt")
_HINT: Final = "write products, quotients, powers and sums of fields, such as n_eff * ell / c_ref"


class FieldUnit(Protocol):
    """What is asked of a declared field."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str | None: ...


class DimensionProblem(ValueError):
    """Why an expression has no dimension, in one sentence."""


def _readable(text: str) -> str:
    for _ in field_names(text):
        pass
    return text


Expression = Annotated[
    str, Field(min_length=1, max_length=EXPRESSION_MAX_CHARS), AfterValidator(_readable)
]
DimensionText = Annotated[str, Field(min_length=1, max_length=200)]


class DimCheckRule(RuleBase):
    """A field, or an expression over fields, has the dimension of a unit or a named dimension.

    `equals` is a unit such as `m/s`, `dimension` one by name such as `[length] / [time]`. Numbers
    have no dimension. Names of fields that are no words stand in quotes.
    """

    kind: Literal["dim_check"] = "dim_check"
    field: FieldName | None = None
    expression: Expression | None = None
    equals: DimensionText | None = None
    dimension: DimensionText | None = None

    @model_validator(mode="after")
    def _says_one_of_each(self) -> DimCheckRule:
        if (self.field is None) == (self.expression is None):
            raise ValueError("dim_check is of one `field`, or of one `expression`")
        if (self.equals is None) == (self.dimension is None):
            raise ValueError("dim_check compares with `equals` (a unit) or with `dimension`")
        return self

    @property
    def concerned(self) -> tuple[str, ...]:
        """The fields whose units are compared."""
        if self.field is not None:
            return (self.field,)
        return tuple(dict.fromkeys(field_names(self.expression or "")))

    @property
    def subject(self) -> str:
        """The field or expression, as it was written."""
        return self.field or self.expression or ""

    @property
    def label(self) -> str:
        """How reports call it: its own name, or `dim_check(distance / time)`."""
        return self.name or f"dim_check({shortened(self.subject)})"

    def places(self) -> Iterator[tuple[Place, str]]:
        """Each field that it names; those of an expression stand where the expression does."""
        part = "field" if self.field is not None else "expression"
        yield from (((part,), name) for name in self.concerned)


def field_names(expression: str) -> Iterator[str]:
    """The fields that an expression names, in order.

    Raises:
        ValueError: saying what cannot stand in an expression of dimensions.
    """
    yield from _names(_tree(expression))


def judge_dimensions(
    rule: DimCheckRule, fields: Mapping[str, FieldUnit], units: Measures
) -> Finding:
    """Compare the dimension of a rule's field or expression with the one that it asks for."""
    try:
        asked = _rational(_asked(units, rule.equals or rule.dimension or ""))
        found = _dimension_of(rule, fields, units)
    except DimensionProblem as problem:
        return not_evaluated(rule.label, rule.concerned, rule.severity, str(problem), _HINT)
    agrees = found == asked
    shown = f"{rule.subject} is {dimension_text(found)}"
    wanted = f"{rule.equals} is {dimension_text(asked)}" if rule.equals else dimension_text(asked)
    return Finding(
        rule=rule.label,
        fields=rule.concerned,
        severity=rule.severity,
        passed=agrees,
        checked=len(rule.concerned),
        failing=0 if agrees else len(rule.concerned),
        message=shown if agrees else f"{shown}, and {wanted}",
        hint=None if agrees else _units_hint(rule, fields),
    )


def dimension_text(dimension: Mapping[str, Fraction]) -> str:
    """`[length] / [time] ** 2`, or `dimensionless`."""
    powers = sorted(dimension.items())
    up = [_power(base, power) for base, power in powers if power > 0]
    down = [_power(base, -power) for base, power in powers if power < 0]
    if not up and not down:
        return "dimensionless"
    return " / ".join([" * ".join(up) or "1", *down])


def _power(base: str, power: Fraction) -> str:
    return base if power == 1 else f"{base} ** {power}"


def _units_hint(rule: DimCheckRule, fields: Mapping[str, FieldUnit]) -> str:
    told = ", ".join(f"{name} [{fields[name].unit or 'no unit'}]" for name in rule.concerned)
    return f"the contract declares {told}; correct a unit, or the rule"


def _asked(units: Measures, text: str) -> Dimension:
    try:
        return units.dimension(text)
    except ValueError as error:
        raise DimensionProblem(str(error)) from error


def _dimension_of(
    rule: DimCheckRule, fields: Mapping[str, FieldUnit], units: Measures
) -> dict[str, Fraction]:
    def of_field(name: str) -> dict[str, Fraction]:
        field = fields.get(name)
        if field is None:
            raise DimensionProblem(f"the contract declares no field {name!r}")
        if field.unit is None:
            raise DimensionProblem(f"{name!r} has no declared unit, so its dimension is not known")
        return _rational(_asked(units, field.unit))

    if rule.field is not None:
        return of_field(rule.field)
    return _of_node(_tree(rule.expression or ""), of_field)


def _rational(dimension: Dimension) -> dict[str, Fraction]:
    exact = {
        base: Fraction(power).limit_denominator(_DENOMINATOR_MAX)
        for base, power in dimension.items()
    }
    return {base: power for base, power in exact.items() if power}


def _tree(expression: str) -> ast.expr:
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} is no expression; {_HINT}") from error
    if not _is_within(tree, DEPTH_MAX):
        raise ValueError(f"an expression is nested at most {DEPTH_MAX} deep, and this one deeper")
    return tree


def _is_within(tree: ast.expr, depth: int) -> bool:
    """Whether a tree is at most so deep; told level by level, since recursion has a limit."""
    level: list[ast.AST] = [tree]
    for _ in range(depth):
        level = [part for node in level for part in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False


def _names(node: ast.expr) -> Iterator[str]:
    """The fields in a tree; whatever is neither a field nor arithmetic is refused."""
    match node:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            yield name
        case ast.Constant(value=bool()):
            raise ValueError(f"{ast.unparse(node)} has no dimension; {_HINT}")
        case ast.Constant(value=int() | float()):
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            yield from _names(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            _exponent(right)
            yield from _names(left)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            yield from _names(left)
            yield from _names(right)
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if (
            function in _FUNCTIONS
        ):
            yield from _names(argument)
        case _:
            raise ValueError(f"{ast.unparse(node)!r} cannot stand here; {_HINT}")


def _of_node(node: ast.expr, of_field: Callable[[str], dict[str, Fraction]]) -> dict[str, Fraction]:
    match node:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return of_field(name)
        case ast.UnaryOp(operand=operand):
            return _of_node(operand, of_field)
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument]):
            return _raised(_of_node(argument, of_field), Fraction(1, 2))
        case ast.Call(args=[argument]):
            return _of_node(argument, of_field)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _raised(_of_node(left, of_field), _exponent(right))
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _of_node(left, of_field), _of_node(right, of_field)
            if isinstance(op, ast.Mult | ast.Div):
                return _product(first, second, -1 if isinstance(op, ast.Div) else 1)
            return _sum(node, first, second)
    return {}


def _sum(
    node: ast.expr, first: dict[str, Fraction], second: dict[str, Fraction]
) -> dict[str, Fraction]:
    if first != second:
        raise DimensionProblem(
            f"{ast.unparse(node)} adds {dimension_text(first)} and {dimension_text(second)}"
        )
    return first


def _product(
    first: dict[str, Fraction], second: dict[str, Fraction], sign: int
) -> dict[str, Fraction]:
    bases = dict.fromkeys((*first, *second))
    powers = {base: first.get(base, Fraction()) + sign * second.get(base, 0) for base in bases}
    return {base: power for base, power in powers.items() if power}


def _raised(dimension: dict[str, Fraction], exponent: Fraction) -> dict[str, Fraction]:
    return {base: power * exponent for base, power in dimension.items() if exponent}


def _exponent(node: ast.expr) -> Fraction:
    if not _is_within(node, EXPONENT_DEPTH_MAX):
        raise ValueError(f"an exponent is nested at most {EXPONENT_DEPTH_MAX} deep")
    return _number(node)


def _number(node: ast.expr) -> Fraction:
    """An exponent's value; each part of it is worked out once, and is bounded as well."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"an exponent beyond {EXPONENT_MAX} is too large")
            number = Fraction(value).limit_denominator(_DENOMINATOR_MAX)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = -_number(operand)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            over, under = _number(left), _number(right)
            if not under:
                raise ValueError(f"the exponent {shortened(ast.unparse(node))} divides by zero")
            number = over / under
        case _:
            raise ValueError(f"an exponent is a number, not {ast.unparse(node)!r}")
    if abs(number) > EXPONENT_MAX:
        raise ValueError(f"the exponent {shortened(ast.unparse(node))} is beyond {EXPONENT_MAX}")
    return number
