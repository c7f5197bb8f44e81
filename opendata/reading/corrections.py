"""Corrections that a reader has registered: what computes `corr_env(x; RefCond)` (S4-62, S4-83).

A manifest names a function and never brings one: which code runs in this process is decided by
whoever registers it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import InvalidInput, Rejected

Conditions = Mapping[str, str]
Correction = Callable[[Any, Conditions, Conditions], Any]
"""`(values, given, wanted)` → values: a float64 array of NumPy, the conditions that its values
refer to, and those that the answer should refer to. The answer has as many values."""

_registered: dict[str, Correction] = {}


def register_correction(name: str, function: Correction) -> None:
    """Let reads through an older schema use a function for the corrections of that name (S4-20).

    Args:
        name: As the contract of the data set has it in `corr_env: {function: NAME}`.
        function: `(values, given, wanted)` → values. `values` is a float64 array with NaN where a
            value is missing; `given` and `wanted` are the reference conditions as the contract has
            them, such as `{"temperature": "20 degC"}`. It is called once per batch.

    Raises:
        InvalidInput: if that is no name, or nothing that can be called.
    """
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no name of a correction")
    if not callable(function):
        raise InvalidInput(f"the correction {name!r} cannot be called: {function!r}")
    _registered[name] = function


def registered_correction(name: str) -> Correction:
    """The function of that name.

    Raises:
        Rejected: if none was registered in this process, saying how that is done.
    """
    if name not in _registered:
        near = did_you_mean(name, _registered)
        raise Rejected(
            f"the values have to be corrected by {name}, which is not registered here",
            code="missing_correction",
            hint=near or f"od.register_correction({name!r}, function(values, given, wanted))",
            details={"function": name},
        )
    return _registered[name]
