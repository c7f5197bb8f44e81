"""An interpreter for main.py: the platform's own, or one with the packages that it declares.

Environments are built by uv, once for each set of dependencies, and then need no network. Here
belong their making and keeping; what a script declares is read in `script_block`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import uv

from dataplatform.adapters.runner.folders import remove_tree
from dataplatform.adapters.runner.script_block import BadBlock, ScriptBlock, parse_script_block
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable

_READY = ".ready"
_LAST_LINES = 8
_BUILD_SECONDS = 900.0
_NETWORK = re.compile(
    r"failed to fetch|error sending request|client error|dns error|could not connect"
    r"|connection (?:reset|refused)|timed out|network (?:is unreachable|connectivity)"
    r"|status (?:server error|code 5)|request failed|offline",
    re.I,
)
_FORBIDDEN = re.compile(r"\b(?:401 unauthorized|403 forbidden)\b", re.I)
# What uv needs to find packages; the platform's secrets are not for the set-up code of packages.
_PASSED_ON = re.compile(r"(?:PATH|HOME|LANG|LC_.*|TMPDIR|UV_.*|XDG_.*|SSL_.*|.*_PROXY)", re.I)

Log = Callable[[str, str], None]


@dataclass(frozen=True)
class Environment:
    """An interpreter, and the digest of what was installed for it (None: the platform's own)."""

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
        try:
            block = parse_script_block(Path(main_path).read_text(encoding="utf-8"))
        except BadBlock as error:
            raise ProducerFailed(
                f"parse failure in {main_path}:{error.line}: {error}",
                failure_class=FailureClass.PARSE,
                hint='write it as PEP 723 has it, for example: # dependencies = ["openpyxl"]',
            ) from error
        except UnicodeDecodeError:
            block = None  # Python itself says it better, with its line
        if block is None:
            return Environment(self._python)
        return self._with_packages(block, main_path, log)

    def _with_packages(self, block: ScriptBlock, main_path: str, log: Log) -> Environment:
        digest = hashlib.sha256(f"{self._python}\n{pa.__version__}\n{block.digest}".encode())
        folder = self._root / digest.hexdigest()[:32]
        found = Environment(str(folder / "bin" / "python"), f"sha256:{block.digest}")
        with _locked(folder.with_suffix(".lock")):
            if not ((folder / _READY).exists() and os.path.exists(found.python)):
                log("info", f"building an environment with {', '.join(block.dependencies)}")
                self._build(folder, block, main_path, log)
        return found

    def _build(self, folder: Path, block: ScriptBlock, main_path: str, log: Log) -> None:
        if folder.exists():
            remove_tree(folder)
        # The platform's own version by default: it is likely to be in uv's cache already.
        pyarrow = [] if block.names("pyarrow") else [f"pyarrow=={pa.__version__}"]
        python = str(folder / "bin" / "python")
        venv = ["venv", "--python", block.requires_python or self._python, str(folder)]
        install = ["pip", "install", "--python", python, "--compile-bytecode"]
        try:
            for arguments in (venv, [*install, "--", *block.dependencies, *pyarrow]):
                _run_uv(arguments, log)
        except _UvFailed as error:
            remove_tree(folder) if folder.exists() else None
            raise _build_failure(error, f"{main_path}:{block.line}") from error
        (folder / _READY).touch()


class _UvFailed(Exception):
    """uv ended with an error; the lines are its last words."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(" ".join(lines))
        self.lines = list(lines)


def _run_uv(arguments: Sequence[str], log: Log) -> None:
    environment = {k: v for k, v in os.environ.items() if _PASSED_ON.fullmatch(k)}
    command = [uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments]
    try:
        done = subprocess.run(
            command,
            env={"UV_SYSTEM_CERTS": "1", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _UvFailed([f"the build timed out after {_BUILD_SECONDS:.0f} s"]) from error
    lines = done.stderr.decode("utf-8", errors="replace").splitlines()
    for line in lines:
        log("debug", f"uv: {line}")
    if done.returncode:
        raise _UvFailed(lines[-_LAST_LINES:])


def _build_failure(error: _UvFailed, where: str) -> ProducerFailed | SourceUnavailable:
    text = " ".join(" ".join(error.lines).replace("×", " ").split())
    details = {"log": error.lines}
    if _FORBIDDEN.search(text):
        failure_class = FailureClass.PERMISSION
    elif _NETWORK.search(text):
        return SourceUnavailable(
            f"network failure in {where}: the declared packages could not be downloaded: {text}",
            hint="try again with a network; an environment that was built once needs none",
            details=details,
        )
    else:
        failure_class = FailureClass.PARSE
    return ProducerFailed(
        f"{failure_class} failure in {where}: the declared packages cannot be installed: {text}",
        failure_class=failure_class,
        hint="correct `dependencies` in the `# /// script` block of main.py",
        details=details,
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One builder at a time; the others find its work done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _BUILD_SECONDS
    with open(path, "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SourceUnavailable(
                        f"another process has been building {path.stem} for too long",
                        hint="end it, then try again",
                    ) from None
                time.sleep(0.1)
        yield
