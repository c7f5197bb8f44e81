"""An interpreter for main.py: the platform's own, or one with the packages that it declares.

Environments are built by uv, once for each block of dependencies (and its `main.py.lock`, where
there is one), and then need no network. Here belong their making and keeping; what a script
declares is read in `script_block`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dataplatform.adapters.processes.folders import remove_tree
from dataplatform.adapters.runner.endings import shown_place
from dataplatform.adapters.runner.script_block import BadBlock, ScriptBlock, parse_script_block
from dataplatform.adapters.runner.uv_command import BUILD_SECONDS, UvFailed, build_failure, run_uv
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable

_REQUIREMENTS = "requirements.txt"
_READY = ".ready"
#: An environment that no run has used for so long is removed; it can be built again.
UNUSED_SECONDS = 30 * 86_400.0
_HAS_PYARROW = re.compile(r"^pyarrow\s*(?:==|@)", re.M)

Log = Callable[[str, str], None]


@dataclass(frozen=True)
class Environment:
    """An interpreter, and the digest of the exact packages installed for it, if there are any."""

    python: str
    digest: str | None = None


class Environments:
    """Finds or builds environments under one folder; safe to share between processes."""

    def __init__(self, root: Path, python: str) -> None:
        self._root = root
        self._python = python

    def for_script(self, main_path: str, log: Log) -> Environment:
        """The environment that a main.py asks for.

        Raises:
            ProducerFailed: class parse (a broken block, packages that do not go together) or
                permission.
            SourceUnavailable: packages could not be downloaded.
        """
        source = Path(main_path).read_bytes().decode("utf-8", errors="replace")
        try:
            block = parse_script_block(source)
        except BadBlock as error:
            raise ProducerFailed(
                f"parse failure in {shown_place(main_path, error.line)}: {error}",
                failure_class=FailureClass.PARSE,
                hint='write it as PEP 723 has it, for example: # dependencies = ["openpyxl"]',
            ) from error
        return self._with_packages(block, main_path, log) if block else Environment(self._python)

    def _with_packages(self, block: ScriptBlock, main_path: str, log: Log) -> Environment:
        folder = self._root / self._key(block, main_path)
        python = folder / "bin" / "python"
        with _locked(_lock_of(folder)):
            if not ((folder / _READY).exists() and python.exists()):
                log("info", f"building an environment with {', '.join(block.dependencies)}")
                self._build(folder, block, main_path, log)
                self._remove_unused()
            (folder / _READY).touch()
            requirements = (folder / _REQUIREMENTS).read_bytes()
        return Environment(str(python), f"sha256:{hashlib.sha256(requirements).hexdigest()}")

    def _remove_unused(self) -> None:
        """Make room of what no run has used for a long time, as its last touch tells."""
        for ready in self._root.glob(f"*/{_READY}"):
            if not _is_unused(ready):
                continue
            with open(_lock_of(ready.parent), "w") as lock:
                if _take(lock.fileno()) and _is_unused(ready):
                    _remove(ready.parent)

    def _key(self, block: ScriptBlock, main_path: str) -> str:
        lock = Path(f"{main_path}.lock")
        locked = lock.read_bytes() if lock.is_file() else b""
        parts = [self._python, pa.__version__, block.digest, hashlib.sha256(locked).hexdigest()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _build(self, folder: Path, block: ScriptBlock, main_path: str, log: Log) -> None:
        _remove(folder)
        try:
            pinned = self._pin(block, main_path, log)
            run_uv(["venv", "--python", self._python_for(block), str(folder)], log)
            requirements = folder / _REQUIREMENTS
            requirements.write_text(pinned, encoding="utf-8")
            python = str(folder / "bin" / "python")
            install = ["pip", "install", "--python", python, "--compile-bytecode"]
            run_uv([*install, "--requirements", str(requirements)], log)
        except UvFailed as error:
            _remove(folder)
            raise build_failure(error, shown_place(main_path, block.line)) from error

    def _pin(self, block: ScriptBlock, main_path: str, log: Log) -> str:
        """Exact versions with hashes; honours `[tool.uv]` and the script's lock file."""
        script = os.path.abspath(main_path)
        pinned = run_uv(
            ["export", "--python", self._python_for(block), "--no-header", "--script", script], log
        )
        if _HAS_PYARROW.search(pinned):
            return pinned
        # The platform's own version: it reads what it writes, and uv's cache is likely to have it.
        return f"{pinned.rstrip()}\npyarrow=={pa.__version__}\n".lstrip()

    def _python_for(self, block: ScriptBlock) -> str:
        return self._python if block.accepts(platform.python_version()) else block.requires_python


def _lock_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _is_unused(ready: Path) -> bool:
    try:
        return time.time() - ready.stat().st_mtime > UNUSED_SECONDS
    except FileNotFoundError:
        return False  # another process has just removed it


def _remove(folder: Path) -> None:
    if folder.exists():
        remove_tree(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One builder at a time; the others find its work done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + BUILD_SECONDS
    with open(path, "w") as lock:
        while not _take(lock.fileno()):
            if time.monotonic() > deadline:
                raise SourceUnavailable(
                    f"another process has been building the environment {path.stem} for too long",
                    hint="end it, then try again",
                )
            time.sleep(0.1)
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
