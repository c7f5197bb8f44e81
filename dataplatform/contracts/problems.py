"""Problems inside a model, each at its own place.

Here belongs the bridge between checks that return problems as values and pydantic, which wants
them raised: an editor can then jump to each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[str | int, ...]
Problem = tuple[Place, str]


def raise_problems(title: str, problems: Sequence[Problem]) -> None:
    """Raise all problems at once, each at its place; nothing where there are none."""
    if problems:
        raise ValidationError.from_exception_data(
            title, [_line_error(place, message) for place, message in problems]
        )


def reasons(error: ValidationError) -> str:
    """The sentences of a validation error in one line."""
    return "; ".join(found["msg"].removeprefix("Value error, ") for found in error.errors())


def _line_error(place: Place, message: str) -> InitErrorDetails:
    # The message travels as an argument, because braces in it would be read as a template.
    error = PydanticCustomError("inconsistent", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=place, input=None)
