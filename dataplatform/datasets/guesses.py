"""What was guessed of a table's columns, for a person to read before it counts.

Here belongs the telling: which column became what, and where a guess is likely to be wrong. The
guessing itself stands in `infer` and `sample`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.contracts.values import is_text
from dataplatform.datasets.infer import ROWS_LOOKED_AT, Proposal

#: What a text column looks like where another reading was meant, the narrowest first.
_LOOKS: Final = (
    (r"^0\d*$", "digits with leading zeros, kept as text"),
    (r"^[+-]?(\d+|\d{1,3}([. ]\d{3})+),\d+$", "looks like numbers with a decimal comma"),
    (r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$", "looks like numbers with a comma between thousands"),
    (r"^[+-]?\d+([.,]\d+)? ?%$", "looks like percentages"),
    (r"^\d{1,2}[./]\d{1,2}[./]\d{2,4}$", "looks like dates, written day and month first"),
    (r"^(?i:yes|no|y|n|ja|nein|oui|non)$", "looks like yes and no"),
)


@dataclass(frozen=True)
class Guess:
    """One column: its name and type in the contract, its nulls, and what to look at."""

    column: str
    type: str
    nulls: int
    note: str

    def to_json(self) -> dict[str, Any]:
        """The guess by name."""
        return asdict(self)


def guesses(table: pa.Table, proposal: Proposal) -> list[Guess]:
    """What was made of each column, in the order of the contract."""
    return [
        Guess(
            field.name,
            field.type,
            table[field.name].null_count,
            ", ".join(_notes(table.slice(0, ROWS_LOOKED_AT), proposal, field.name)),
        )
        for field in proposal.contract.fields
    ]


def _notes(table: pa.Table, proposal: Proposal, name: str) -> Iterator[str]:
    if name in proposal.contract.primary_key:
        yield "key"
    if name == proposal.time:
        yield "time"
    column = table[name]
    if column.null_count == len(column):
        yield "empty so far, so text"
    elif is_text(column.type) and (look := _look(column)):
        yield look


def _look(column: pa.ChunkedArray) -> str | None:
    """What all values of a text column look like."""
    values = pc.utf8_trim_whitespace(column.drop_null())
    for pattern, words in _LOOKS:
        if pc.all(pc.match_substring_regex(values, pattern)).as_py():
            return words
    return None
