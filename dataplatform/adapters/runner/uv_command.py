"""uv as the builder of environments: one command, and what its failure means.

Here belongs the call and the reading of its last words. What is built stands in `environments`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence

import uv

from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable

BUILD_SECONDS = 900.0
_ERROR_MAX_CHARS = 600
_NETWORK = re.compile(
    r"failed to fetch|error sending request|client error \(connect\)|dns error|request failed"
    r"|could not connect|connection (?:reset|refused)|timed out|network (?:is|was|connectivity)"
    r"|http status (?:server error|5)",
    re.I,
)
_FORBIDDEN = re.compile(r"\b(?:401 unauthorized|403 forbidden)\b", re.I)
# What uv needs to find packages; the platform's secrets are not for the set-up code of packages.
_PASSED_ON = re.compile(r"(?:PATH|HOME|LANG|LC_.*|TMPDIR|UV_.*|XDG_.*|SSL_.*|.*_PROXY)", re.I)


class UvFailed(Exception):
    """uv ended with an error; the text is its own."""


def run_uv(arguments: Sequence[str], log: Callable[[str, str], None]) -> str:
    """Run uv and return what it printed; its progress goes to the log.

    Raises:
        UvFailed: with what uv says.
    """
    environment = {name: text for name, text in os.environ.items() if _PASSED_ON.fullmatch(name)}
    command = [uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments]
    try:
        done = subprocess.run(
            command,
            env={"UV_SYSTEM_CERTS": "1", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UvFailed(f"error: timed out after {BUILD_SECONDS:.0f} s") from error
    said = done.stderr.decode("utf-8", errors="replace")
    for line in said.splitlines():
        log("debug", f"uv: {line}")
    if done.returncode:
        raise UvFailed(said)
    return done.stdout.decode("utf-8")


def build_failure(error: UvFailed, where: str) -> ProducerFailed | SourceUnavailable:
    """What a failed build means: packages out of reach, or a declaration that is wrong."""
    text = " ".join(str(error).partition("error: ")[2].split()) or str(error)
    text = text[:_ERROR_MAX_CHARS]
    if _NETWORK.search(text) and not _FORBIDDEN.search(text):
        return SourceUnavailable(
            f"network failure in {where}: the declared packages cannot be downloaded: {text}",
            hint="try again with a network; an environment that was built once needs none",
        )
    forbidden = _FORBIDDEN.search(text) is not None
    failure_class = FailureClass.PERMISSION if forbidden else FailureClass.PARSE
    return ProducerFailed(
        f"{failure_class} failure in {where}: the declared packages cannot be installed: {text}",
        failure_class=failure_class,
        hint="correct the `# /// script` block of main.py",
    )
