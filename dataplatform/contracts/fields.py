"""One column of a data set: its name, its type and what its values mean.

Here belongs the shape of a single field. What must agree between fields belongs to `consistency`.
"""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dataplatform.contracts.corrections import Correction
from dataplatform.contracts.rules import FieldName, Scalar
from opendata.reading.type_names import parse_arrow_type, type_name


def _canonical_type(text: str) -> str:
    return type_name(parse_arrow_type(text))


TypeName = Annotated[str, AfterValidator(_canonical_type)]


class FieldSpec(BaseModel):
    """One column: its name, Arrow type, and what its values mean.

    `aliases` are names under which readers may also ask for it (its former names among them);
    `tolerance` is how far two figures may lie apart and still count as the same;
    `default` is what older rows have where the field was added later; `corr_env` says to which
    conditions values refer, and which function leads from there to others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FieldName
    type: TypeName
    nullable: bool = True
    unit: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    aliases: tuple[FieldName, ...] = ()
    description: str | None = None
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    default: Scalar | None = None
    corr_env: Correction | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """The type as Arrow's own value."""
        return parse_arrow_type(self.type)
