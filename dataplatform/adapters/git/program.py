"""Running git: with an environment of its own, never asking, never running anything else.

Here belong the process, its environment, its time limit, and what its complaints mean in our
errors. Which commands are run is `mirror`'s and the repositories' matter.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from dataplatform.adapters.git.address import without_credentials
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

SECONDS_LOCAL: Final = 120
SECONDS_REMOTE: Final = 900

#: What git needs of our environment: programs, the user's keys and proxies, certificates.
_KEPT: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "ALL_PROXY", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
)  # fmt: skip
#: Said on the command line, where no configuration can say otherwise.
_ALWAYS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "fetch.writeCommitGraph": "false",
    "advice.detachedHead": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}
_DENIED: Final = re.compile(
    r"authentication failed|permission denied|could not read (username|password)|access denied"
    r"|terminal prompts disabled|error: 40[13]|dubious ownership|host key verification failed"
    r"|insufficient permission|protected branch|hook declined|not allowed to push",
    re.IGNORECASE,
)
_ABSENT: Final = re.compile(
    r"repository .* not found|does not appear to be a git repository|repository .* does not exist"
    r"|not a git repository|couldn't find remote ref|error: 404|invalid object name|bad object"
    r"|not a valid object name|unknown revision|bad revision|not our ref|no such remote ref"
    r"|path .* does not exist in|path .* exists on disk, but not in",
    re.IGNORECASE,
)


class Failure(Exception):
    """Git ended with a code other than 0; `said` holds no credentials."""

    def __init__(self, command: str, code: int, said: str) -> None:
        super().__init__(command, code, said)
        self.command = command
        self.code = code
        self.said = said

    def __str__(self) -> str:
        return self.said or f"git {self.command} ended with {self.code}"

    def translated(self, where: str) -> OpenDataError:
        """The same as one of our errors; Unavailable where nothing else is known."""
        reason = " ".join(line.strip() for line in str(self).splitlines() if line.strip())[:600]
        message = f"git {self.command} on {where} failed: {reason}"
        if "dubious ownership" in reason:
            return Denied(
                message, code="git_denied", hint="git config --global --add safe.directory PATH"
            )
        if "shallow roots are not allowed" in reason:
            return InvalidInput(
                f"{where} is a shallow clone, which does not know what its commits changed",
                code="shallow_repository",
                hint=f"git -C {where} fetch --unshallow",
            )
        if _DENIED.search(reason):
            return Denied(message, code="git_denied", hint=f"try it by hand: git ls-remote {where}")
        if _ABSENT.search(reason):
            return NotFound(message, code="git_not_found", hint=f"git ls-remote {where}")
        return Unavailable(message, code="git_failed", hint=f"git ls-remote {where}")


@dataclass(frozen=True)
class Git:
    """Git on one repository without a working tree.

    `origin` is the address of the remote; it goes through the environment, since arguments can be
    read by everyone on the machine.
    """

    folder: str
    origin: str | None = field(default=None, repr=False)

    def run(
        self, command: str, *arguments: str, feed: bytes = b"", remote: bool = False,
        environ: Mapping[str, str] | None = None, telling: bool = False, hears: bool = False,
    ) -> bytes:  # fmt: skip
        """What the command wrote; with `telling` also if it failed, as long as it wrote outcomes,
        which are lines with tabs; with `hears` together with its remarks.

        Raises:
            Failure: if it ended with another code than 0, or did not end in time.
        """
        seconds = SECONDS_REMOTE if remote else SECONDS_LOCAL
        always = {**_environment(self.origin if remote else None, remote), **(environ or {})}
        with self._started(command, arguments, always, feeds=True) as process:
            try:
                written, said = process.communicate(feed, timeout=seconds)
            except subprocess.TimeoutExpired as error:
                raise Failure(command, -1, f"no end after {seconds} s") from error
        if process.returncode != 0 and not (telling and b"\t" in written):
            raise Failure(command, process.returncode, _legible(said))
        return written + said if hears else written

    def tokens(self, command: str, *arguments: str) -> Generator[bytes, None, None]:
        """What a command with `-z` writes, piece by piece as it comes. Whoever has read enough
        closes the iterator, which ends the command.

        Raises:
            Failure: if the command was read to its end and failed.
        """
        with self._started(command, arguments, _environment(None, False), feeds=False) as process:
            assert process.stdout is not None  # asked for as a pipe
            rest = b""
            while block := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
                *whole, rest = (rest + block).split(b"\0")
                yield from whole
            if rest:
                yield rest
            if process.wait() != 0:
                raise Failure(command, process.returncode, "")

    def conversing(
        self, command: str, *arguments: str
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A command that answers what is written to it, until the block ends; nothing is heard of
        its complaints."""
        environ = _environment(None, False)
        return self._started(command, arguments, environ, feeds=True, complains=False)

    @contextmanager
    def _started(
        self, command: str, arguments: Sequence[str], environ: Mapping[str, str], *,
        feeds: bool, complains: bool = True,
    ) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
        always = [part for name, value in _ALWAYS.items() for part in ("-c", f"{name}={value}")]
        line = ["git", *always, f"--git-dir={self.folder}", "--literal-pathspecs", command]
        try:
            process = subprocess.Popen(
                [*line, *arguments],
                stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if feeds and complains else subprocess.DEVNULL,
                env=dict(environ),
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise Unavailable(
                "there is no git on this machine", code="no_git", hint="apt-get install git"
            ) from error
        with process:
            try:
                yield process
            finally:
                _end(process)


def _environment(origin: str | None, remote: bool) -> dict[str, str]:
    """A command's environment. Only commands that talk to a remote see the user's settings, for
    credentials and proxies; what is read locally must not depend on them."""
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environ |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
    }
    if not remote:
        return environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environ.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30")
    if origin is not None:
        environ |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "remote.origin.url",
            "GIT_CONFIG_VALUE_0": origin,
        }
    return environ


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process of the session behind: git has children of its own."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended by itself just now


def _legible(said: bytes | None) -> str:
    return without_credentials((said or b"").decode("utf-8", "replace").strip())
