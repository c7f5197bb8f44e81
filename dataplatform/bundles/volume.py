"""Volumes as a bundle's document writes them: `2.5TB`, `800GB` (requirements S0-24, S0-33).

Decimal units, as storage is sold. What is written is rounded, so a volume that a person declared
stands for all byte counts that would be written like it.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from opendata.wire.errors import InvalidInput

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_BINARY: Final = {unit: 1024**at for at, unit in enumerate(("KiB", "MiB", "GiB", "TiB", "PiB"), 1)}
_VOLUME: Final = re.compile(r"(?P<number>\d{1,18}(?:\.(?P<digits>\d{1,9}))?)\s*(?P<unit>[A-Za-z]+)")
_STEP: Final = Decimal(1000)
_TENTH: Final = Decimal("0.1")


def volume_text(count: int) -> str:
    """Bytes as the document writes them: one decimal, none where it is zero."""
    size, at = Decimal(count), 0
    while at < len(_UNITS) - 1 and size.quantize(_TENTH, ROUND_HALF_EVEN) >= _STEP:
        size, at = size / _STEP, at + 1
    rounded = size.quantize(_TENTH, ROUND_HALF_EVEN)
    shown = rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded
    return f"{shown}{_UNITS[at]}"


def is_volume(text: str) -> bool:
    """Whether `text` says an amount of bytes."""
    return _VOLUME.fullmatch(text.strip()) is not None and _unit(text) is not None


def stands_for(text: str, count: int) -> bool:
    """Whether a declared volume says this byte count, to the digits that it was written with.

    A tenth of the unit is what documents are written to, so `1TB` stands for 1.0 TB.

    Raises:
        InvalidInput: if it is no volume.
    """
    match = _VOLUME.fullmatch(text.strip())
    unit = _unit(text)
    if match is None or unit is None:
        raise InvalidInput(
            f"{text!r} is no volume: write a number and a unit, such as 2.5TB or 800GB",
            code="invalid_volume",
        )
    declared = Decimal(match["number"]) * unit
    half_step = Decimal(unit) / Decimal(10) ** max(len(match["digits"] or ""), 1) / 2
    return abs(declared - count) <= half_step


def _unit(text: str) -> int | None:
    match = _VOLUME.fullmatch(text.strip())
    if match is None:
        return None
    decimal = {unit.lower(): 1000**at for at, unit in enumerate(_UNITS)}
    binary = {unit.lower(): size for unit, size in _BINARY.items()}
    return (decimal | binary).get(match["unit"].lower())
