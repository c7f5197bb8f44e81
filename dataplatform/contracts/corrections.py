"""Corrections to reference conditions: `corr_env(x; RefCond)` of a field (S4-20, S4-62, S4-83).

Here belong the declaration and what a change of it means for readers. What computes a correction is
registered by the reader under a name; no code is ever loaded because a manifest names it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from opendata.wire.version import Bump

CONDITIONS_MAX = 20
ShortText = Annotated[StrictStr, Field(min_length=1, max_length=100)]


class Correction(BaseModel):
    """To which conditions a field's values refer, and the name of what leads to others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: Annotated[StrictStr, Field(pattern=r"^[A-Za-z_][\w.:-]{0,99}$")]
    ref_cond: Annotated[dict[ShortText, ShortText], Field(max_length=CONDITIONS_MAX)] = {}


def weigh_correction(
    field: str, before: Correction | None, after: Correction | None
) -> tuple[Bump, str | None]:
    """How far a changed declaration moves the version, and why it breaks readers if it does.

    Other conditions under the same function can be restored, which is what it is for: minor.
    """
    if before is None:
        return Bump.PATCH, None
    if after is not None and after.function == before.function:
        return Bump.MINOR, None
    now = f"{after.function} does not lead back" if after else "nothing leads back"
    return Bump.MAJOR, f"the values of {field!r} were restored by {before.function}, and {now}"
