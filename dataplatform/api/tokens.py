"""Bearer tokens (requirement S0-37): who may ask, and for which bundles.

A token is random text that is shown once. Stored is its sha256 with a name, the patterns of bundles
that it opens and when it ends; so the list betrays no token. Here belong the list and its checks;
the file that it lies in is `token_file`'s.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from opendata.reading.suggest import did_you_mean
from opendata.wire.codec import Wire, replace
from opendata.wire.errors import Conflict, Denied, InvalidInput, NotFound
from opendata.wire.times import format_instant, parse_instant

TOKENS_FORMAT: Final = "opendata-tokens/1"
PREFIX: Final = "od_"
NAME_CHARS_MAX: Final = 64
TOKEN_CHARS_MAX: Final = 256
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*", re.ASCII)


class Token(Wire):
    """One token as it is stored. `sha256` is of the whole token; `bundles` are patterns of bundle
    names (`*` stands for anything); times are ISO 8601 in UTC."""

    name: str
    sha256: str
    created_at: str
    bundles: tuple[str, ...] = ("*",)
    expires_at: str | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_at is not None and parse_instant(self.expires_at) <= now


class TokenList(Wire):
    """All tokens of a service."""

    tokens: tuple[Token, ...] = ()
    format: str = TOKENS_FORMAT


@dataclass(frozen=True)
class Grant:
    """What the sender of a request may read; `name` is what logs call them."""

    name: str
    bundles: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is kept from them."""
        return "*" in self.bundles

    def may_read(self, bundle_name: str) -> bool:
        """Whether a bundle of that name is open to them."""
        return self.is_whole or any(fnmatchcase(bundle_name, one) for one in self.bundles)

    def require(self, bundle_name: str) -> None:
        """See that a bundle of that name is open to them; says nothing of whether it exists.

        Raises:
            Denied: if it is not.
        """
        if not self.may_read(bundle_name):
            raise Denied(
                f"the token {self.name!r} does not open bundles named {bundle_name[:80]!r}",
                code="bundle_not_granted",
                hint=f"it opens {', '.join(self.bundles)}; od serve token add makes another",
            )

    def require_whole(self, what: str) -> None:
        """See that they may read everything.

        Raises:
            Denied: if they are limited to some bundles.
        """
        if not self.is_whole:
            raise Denied(
                f"the token {self.name!r} opens some bundles only, and {what} tell of all",
                code="bundle_not_granted",
            )


EVERYTHING: Final = Grant("anyone", ("*",))


def digest_of_token(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class TokenCheck:
    """A list of tokens, ready for many checks."""

    def __init__(self, listed: TokenList) -> None:
        self._by_digest = {token.sha256: token for token in listed.tokens}
        self._ends = {
            token.sha256: parse_instant(token.expires_at)
            for token in listed.tokens
            if token.expires_at is not None
        }
        self._grants = {one.sha256: Grant(one.name, one.bundles) for one in listed.tokens}

    def grant_of(self, token: str, now: datetime) -> Grant | None:
        """What a token opens; None if it is none of these, or has ended.

        What is looked up is the digest, so that the time it takes tells nothing of a token.
        """
        digest = digest_of_token(token[: TOKEN_CHARS_MAX + 1])
        found = self._by_digest.get(digest)
        if found is None or not hmac.compare_digest(found.sha256, digest):
            return None
        ends = self._ends.get(digest)
        return None if ends is not None and ends <= now else self._grants[digest]


def add_token(
    listed: TokenList,
    name: str,
    *,
    now: datetime,
    bundles: Iterable[str] = (),
    expires_at: datetime | None = None,
) -> tuple[TokenList, str]:
    """The list with a new token, and the token: nobody can tell it again.

    Raises:
        InvalidInput: for a name or a pattern that is none, or an end in the past.
        Conflict: if the name is taken.
    """
    _check_name(name)
    patterns = tuple(bundles) or ("*",)
    for pattern in patterns:
        if not pattern or len(pattern) > NAME_CHARS_MAX or not pattern.isprintable():
            raise InvalidInput(f"{pattern!r} is no pattern of bundle names", code="bad_pattern")
    if any(token.name == name for token in listed.tokens):
        raise Conflict(
            f"there is a token named {name!r}", hint=f"od serve token revoke {name} ends it"
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("a token cannot end in the past", code="bad_expiry")
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    token = Token(
        name=name,
        sha256=digest_of_token(secret),
        created_at=format_instant(now),
        bundles=patterns,
        expires_at=format_instant(expires_at) if expires_at else None,
    )
    return replace(listed, tokens=(*listed.tokens, token)), secret


def revoke_token(listed: TokenList, name: str) -> TokenList:
    """The list without a token.

    Raises:
        NotFound: if there is none of that name.
    """
    kept = tuple(token for token in listed.tokens if token.name != name)
    if len(kept) == len(listed.tokens):
        hint = did_you_mean(name, [token.name for token in listed.tokens])
        raise NotFound(f"there is no token named {name!r}", hint=hint or "od serve token list")
    return replace(listed, tokens=kept)


def _check_name(name: str) -> None:
    if len(name) > NAME_CHARS_MAX or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name of a token: letters, digits and . _ @ -, at most "
            f"{NAME_CHARS_MAX} characters",
            code="bad_name",
        )
