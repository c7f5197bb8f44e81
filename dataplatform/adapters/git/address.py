"""Addresses of git repositories: what a setting says, and what may be shown of it.

Here belongs the reading of `path`, `file://…`, `https://…`, `ssh://…`, `user@host:path`, each with
`#branch` after it or without. Talking to what is there is `mirror`'s.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from opendata.wire.errors import InvalidInput

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HELPER: Final = re.compile(r"[a-z0-9+.-]+::", re.IGNORECASE)
_SSH_SHORT: Final = re.compile(r"(?:[^/@:\s]+@)?[^/:@\s]+:(?!/?/)\S")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s]*@")


@dataclass(frozen=True)
class Address:
    """Where a repository is. `url` may hold credentials: show `shown`, never `url`."""

    url: str
    branch: str | None
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown!r}, branch={self.branch!r})"

    @property
    def name(self) -> str:
        """The last part of the address without `.git`, such as `DataSpecHub`."""
        parts = [part for part in re.split(r"[/:]", self.shown) if part]
        if len(parts) > 1 and parts[-1] == ".git":
            parts.pop()
        return parts[-1].removesuffix(".git") if parts else self.shown


def read_address(text: str) -> Address:
    """Read a setting. A relative path is one below the working folder.

    Raises:
        InvalidInput: for an address that git would take for an option or hand to a program.
    """
    location, branch = _split_branch(text)
    if not location or location.startswith("-") or _HELPER.match(location):
        raise InvalidInput(
            f"{without_credentials(text)!r} is no address of a git repository",
            code="invalid_repository",
            hint="write a path, file://…, https://…, ssh://… or user@host:path",
        )
    if branch is not None and not may_name_a_branch(branch):
        raise InvalidInput(f"{branch!r} is no name of a branch", code="invalid_branch")
    if not _is_remote(location):
        location = os.path.abspath(os.path.expanduser(location))
    return Address(location, branch, without_credentials(location))


def without_credentials(text: str) -> str:
    """Text in which no address carries a user or a password any more."""
    return _CREDENTIALS.sub("", text)


def _split_branch(text: str) -> tuple[str, str | None]:
    # A folder may have a `#` in its name; what exists is taken at its word.
    if "#" not in text or os.path.isdir(text):
        return text, None
    location, _, branch = text.rpartition("#")
    return location, branch


def _is_remote(location: str) -> bool:
    if _SCHEME.match(location):
        return True
    return _SSH_SHORT.match(location) is not None and not os.path.exists(location)


def may_name_a_branch(name: str) -> bool:
    """As `git check-ref-format` has it."""
    if not name or name.startswith(("-", "/", ".")) or name.endswith(("/", ".", ".lock")):
        return False
    if any(ord(sign) < 32 or sign in "\x7f ~^:?*[\\" for sign in name):
        return False
    return not any(bad in name for bad in ("..", "@{", "//", "/.", ".lock/")) and name != "@"
