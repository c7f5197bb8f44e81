"""Keep pandas out of processes that do not use it.

pyarrow imports pandas, where it is installed, as soon as it sees a Python list; that costs more
than the rest of a small producer's run. pyarrow looks for it in two places: its Cython part asks
once and remembers, so it is asked while pandas is hidden; its C++ part asks at every conversion,
by a call that no Python code makes in this form. When main.py imports pandas, both find it. The
commands that run producers do the same for themselves. Nothing else belongs here.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pyarrow as pa


def delay_pandas() -> None:
    """Make pyarrow work without pandas until a statement imports it."""
    bridge = getattr(pa.lib, "_pandas_api", None)
    if bridge is None or "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        _ = bridge.have_pandas  # asked once, remembered: no
    finally:
        sys.meta_path.remove(hidden)
    sys.meta_path.insert(0, _TellPyarrow())
    builtins.__import__ = _without_pandas_for_native_code(builtins.__import__)


def _without_pandas_for_native_code(original: Callable[..., Any]) -> Callable[..., Any]:
    def import_(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        # PyImport_Import passes an empty list; statements pass None or a tuple.
        if name == "pandas" and name not in sys.modules and fromlist == []:
            raise _absent(name)
        return original(name, globals, locals, fromlist, level)

    return import_


class _Hidden(MetaPathFinder):
    """Answers that there is no pandas."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise _absent(fullname)
        return None


class _TellPyarrow(MetaPathFinder):
    """Lets pandas be imported as ever, and pyarrow know of it afterwards."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "pandas":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_tell(module: ModuleType) -> None:
            execute(module)
            _ = pa.lib._pandas_api.pd  # asks again, and this time finds it

        spec.loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec


def _absent(name: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {name!r}", name=name)
