"""The error tree. Six categories, each with one HTTP status and one exit code.

::

    OpenDataError
    ├── InvalidInput   400 / exit 2   what was typed or written is wrong
    ├── Denied         403 / exit 3   rights, keys, signatures
    ├── NotFound       404 / exit 4   no such data set, release, object, column
    ├── Conflict       409 / exit 5   somebody else was first
    ├── Rejected       422 / exit 6   well formed, but a gate said no
    │   └── Corrupt    422 / exit 6   bytes are not what their digest says
    └── Unavailable    503 / exit 7   try again later (the only retryable one)

An error carries a `code` (stable, for programs), a sentence (for people) and a `hint`: the next
command to type. Adapters translate every foreign exception into this tree, `from` the original.
Outcomes of checks are not errors but values (`Report`, `Verdict`).
"""

from __future__ import annotations

from typing import Any, ClassVar


class OpenDataError(Exception):
    """Anything that this project raises on purpose.

    Args:
        message: One sentence that says what is wrong and where.
        hint: What to do about it, ideally a command.
        code: A stable machine-readable name; defaults to the category's.
        details: JSON-ready facts (row keys, paths, the winner of a race).
    """

    category: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.category
        self.details = details or {}
        if hint:
            self.add_note(f"hint: {hint}")  # so that a notebook shows it below the message

    def to_json(self) -> dict[str, Any]:
        """The error as the API answers it and as `--json` prints it."""
        return {
            "category": self.category,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "details": self.details,
        }


class InvalidInput(OpenDataError):
    """What was typed or written cannot be understood or is not allowed."""

    category = "invalid_input"
    http_status = 400
    exit_code = 2


class Denied(OpenDataError):
    """The caller, a key or a signature does not carry the right."""

    category = "denied"
    http_status = 403
    exit_code = 3


class NotFound(OpenDataError):
    """The named thing does not exist where it was looked for."""

    category = "not_found"
    http_status = 404
    exit_code = 4


class Conflict(OpenDataError):
    """Somebody else changed it first, or the name is taken."""

    category = "conflict"
    http_status = 409
    exit_code = 5


class Rejected(OpenDataError):
    """Well formed, but a contract, a gate or a rule of the protocol says no."""

    category = "rejected"
    http_status = 422
    exit_code = 6


class Corrupt(Rejected):
    """Stored bytes differ from what their digest promises."""


class Unavailable(OpenDataError):
    """A source, a store or a service does not answer now; trying again may help."""

    category = "unavailable"
    http_status = 503
    exit_code = 7
    retryable = True
