"""In which reference system the coordinates of a data set are, and which columns hold them.

Here belongs the declaration. Which systems exist, and which can be computed from which, belongs
behind the port `releases.ports.ReferenceSystems`.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictStr

from dataplatform.contracts.rules import FieldName

_CODE: Final = re.compile(r"[A-Za-z]{2,20}:[A-Za-z0-9]{1,20}", re.ASCII)


def _authority_code(text: str) -> str:
    if _CODE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no code of a reference system: write EPSG:4326")
    return text.upper()


class CoordinateReference(BaseModel):
    """A reference system by its authority's code, and the columns of its coordinates.

    `x` is the easting or longitude and `y` the northing or latitude, whatever order the authority
    gives its axes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[StrictStr, AfterValidator(_authority_code)]
    x: FieldName
    y: FieldName

    @property
    def columns(self) -> tuple[str, str]:
        """The columns of the coordinates, x before y."""
        return self.x, self.y
