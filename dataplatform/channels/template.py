"""Templates: texts that are filled with what is known of a file, for its id and its sidecar.

Here belong `pattern.file_id` and `pattern.sidecar`. A template knows the parts of the path
(`{stem}`, `{name}`, `{ext}`, `{folder}`, `{path}`), the fields that the pattern named, and
`strftime` directives of the timestamp, in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dataplatform.channels.pattern import RESERVED
from dataplatform.channels.pattern_text import Part, PatternFault, cut
from opendata.wire.errors import InvalidInput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORMATS: Final = {
    "year": "%Y", "short_year": "%y", "month": "%m", "day": "%d", "day_of_year": "%j",
    "hour": "%H", "minute": "%M", "second": "%S", "microsecond": "%f",
}  # fmt: skip


def parts_of(path: str) -> dict[str, str]:
    """What templates call the parts of a path; `ext` is without its dot, `folder` may be empty."""
    folder, _, name = path.rpartition("/")
    stem, _, ending = name.rpartition(".")
    if not stem:
        stem, ending = name, ""
    return {"path": path, "folder": folder, "name": name, "stem": stem, "ext": ending}


class Template:
    """A template that is ready to be filled.

    Args:
        text: As it was written.
        known: The fields that the pattern names.
        open_ended: Whether other sources may tell further fields.

    Raises:
        PatternFault: for a field that nothing tells, or what no template holds.
    """

    def __init__(self, text: str, known: Collection[str], *, open_ended: bool = False) -> None:
        self.parts = cut(text)
        self.tells_time = any(part.kind == "time" for part in self.parts)
        if not self.parts:
            raise PatternFault("the template is empty", 0)
        for part in self.parts:
            self._check(part, known, open_ended)

    def _check(self, part: Part, known: Collection[str], open_ended: bool) -> None:
        if part.kind in ("star", "stars", "any"):
            raise PatternFault(f"a template holds no {part.value}", part.offset)
        if part.digits is not None:
            raise PatternFault(
                "a template takes fields as they are", part.offset, f"write {{{part.value}}}"
            )
        if part.kind == "name" and not open_ended and part.value not in {*known, *RESERVED}:
            names = ", ".join(f"{{{name}}}" for name in sorted({*known, *RESERVED}))
            raise PatternFault(
                f"nothing tells {{{part.value}}}", part.offset, f"known here: {names}"
            )

    def fill(self, path: str, fields: Mapping[str, Any], timestamp: int | None) -> str:
        """The text for a file.

        Raises:
            InvalidInput: code `no_time` or `no_field`, if the file tells less than is needed.
        """
        at = None if timestamp is None else _EPOCH + timedelta(microseconds=timestamp)
        values = {**fields, **parts_of(path)}
        return "".join(self._piece(part, values, at) for part in self.parts)

    def _piece(self, part: Part, values: Mapping[str, Any], at: datetime | None) -> str:
        if part.kind == "text":
            return part.value
        if part.kind == "name":
            value = values.get(part.value)
            if not isinstance(value, str | int | float):
                raise InvalidInput(f"nothing tells its {part.value}", code="no_field")
            return str(value)
        if at is None:
            raise InvalidInput("nothing tells its time, which its id is made of", code="no_time")
        if part.value == "millisecond":
            return f"{at.microsecond // 1000:03d}"
        if part.value == "epoch":
            return str(int(at.timestamp()))
        if part.value == "year":
            return f"{at.year:04d}"  # the platform's strftime pads no year
        return at.strftime(_FORMATS[part.value])
