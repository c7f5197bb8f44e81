"""Trust: which keys a reader accepts, for which data sets, and from when to when (S4-48, S4-74).

Here belongs the trust file and the rules in it; what is signed and how that is checked stands in
`signature`. Nothing here is secret and nothing is fetched: a trust file is handed over by people.

A signature's time is what its signer says. That is worth something as long as nobody else has the
key: so a key that was *rotated* out keeps its older signatures, and one that was *compromised*
loses them all, because who stole it can write any date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import Denied, InvalidInput
from opendata.wire.times import format_instant, parse_instant

if TYPE_CHECKING:
    from securesystemslib.signer import Key

BAD_FILE_HINT = "od key create writes one; it holds the public keys by their ids"
_RULES = frozenset({"not_before", "not_after", "datasets", "revoked"})
_OF_FILE = frozenset({"keys", "threshold"})
_OF_KEY = _RULES | {"keytype", "scheme", "keyval"}


class Reason(StrEnum):
    """Why a key is no longer used: whether its older signatures still count depends on it."""

    ROTATED = "rotated"
    COMPROMISED = "compromised"


@dataclass(frozen=True)
class Revocation:
    """That a key is out of use since an instant."""

    at: datetime
    reason: Reason
    note: str | None = None


@dataclass(frozen=True)
class KeyRules:
    """What one key may sign: between two instants, and only these data sets (`ns/*`, `ns/name`)."""

    not_before: datetime | None = None
    not_after: datetime | None = None
    datasets: tuple[str, ...] = ()
    revoked: Revocation | None = None

    def objection(self, dataset: str, signed_at: datetime) -> str | None:
        """Why a signature made then on a release of that data set does not count, or None."""
        if self.datasets and not any(fnmatchcase(dataset, each) for each in self.datasets):
            return f"may sign {', '.join(self.datasets)} only"
        if self.not_before is not None and signed_at < self.not_before:
            return f"was not valid before {format_instant(self.not_before)}"
        if self.not_after is not None and signed_at > self.not_after:
            return f"was not valid after {format_instant(self.not_after)}"
        return self._revocation_objection(signed_at)

    def may_still_sign(self, dataset: str, frozen_at: datetime) -> bool:
        """Whether a signature from then on, at some time, could count for that data set."""
        last = [end for end in (self.not_after, self.revoked and self.revoked.at) if end]
        at = min([max(frozen_at, self.not_before or frozen_at), *last])
        return at >= frozen_at and self.objection(dataset, at) is None

    def _revocation_objection(self, signed_at: datetime) -> str | None:
        if self.revoked is None:
            return None
        since = format_instant(self.revoked.at)
        if self.revoked.reason is Reason.COMPROMISED:
            return f"was revoked as compromised ({since}), so nothing that it signed counts"
        return f"was rotated out at {since}" if signed_at > self.revoked.at else None


@dataclass(frozen=True)
class TrustRoot:
    """The public keys that a reader accepts, by key id, and how many of them must have signed."""

    keys: dict[str, Key]
    rules: Mapping[str, KeyRules] = field(default_factory=dict)
    threshold: int = 1

    @classmethod
    def from_json(cls, text: str, what: str) -> TrustRoot:
        """Read a trust file.

        `{"keys": {"<key id>": {"keytype", "scheme", "keyval"}}, "threshold": 1}`; beside a key may
        stand `not_before`, `not_after`, `datasets` and `revoked {at, reason, note}`.

        Raises:
            Denied: if the file is no such thing; an unreadable trust root trusts nobody.
        """
        try:
            document = json.loads(text)
            _refuse_unknown(document, _OF_FILE, "beside the keys")
            entries = dict(document["keys"].items())
            keys = {keyid: _parse_key(keyid, dict(entry)) for keyid, entry in entries.items()}
            rules = {keyid: _parse_rules(dict(entry)) for keyid, entry in entries.items()}
            threshold = document.get("threshold", 1)
            _check_threshold(threshold, keys)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            InvalidInput,
        ) as error:
            raise Denied(
                f"{what} is no trust file: {error}", code="bad_trust_root", hint=BAD_FILE_HINT
            ) from error
        return cls(keys, rules, threshold)

    @classmethod
    def from_file(cls, path: str) -> TrustRoot:
        """Read the trust file that `OPENDATA_TRUST` names.

        Raises:
            Denied: if it cannot be read: an unreadable trust root trusts nobody.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Denied(
                f"the trust file {path} (OPENDATA_TRUST) cannot be read: {reason}",
                code="bad_trust_root",
            ) from error
        return cls.from_json(text, path)

    def rules_of(self, keyid: str) -> KeyRules:
        """What a key may sign; everything where nothing is said."""
        return self.rules.get(keyid, KeyRules())

    def with_key(self, keyid: str, key: Key) -> TrustRoot:
        """The same with one more key, which may sign everything unless it has rules already."""
        return TrustRoot({keyid: key, **self.keys}, self.rules, self.threshold)

    def distinct(self, keyids: Iterable[str]) -> set[str]:
        """These keys, each public key once: under two ids it is still one signer."""
        by_value = {str(self.keys[keyid].keyval): keyid for keyid in sorted(keyids, reverse=True)}
        return set(by_value.values())


def _refuse_unknown(said: Iterable[str], known: frozenset[str], where: str) -> None:
    """Refuse what nobody would heed: a rule with a typo in its name would hold nobody back."""
    for name in said:
        if name not in known:
            meant = did_you_mean(name, sorted(known)) or f"known are {', '.join(sorted(known))}"
            raise ValueError(f"{name!r} {where} means nothing; {meant}")


def _parse_key(keyid: str, entry: dict[str, Any]) -> Key:
    from securesystemslib.signer import Key

    _refuse_unknown(entry, _OF_KEY, f"in the key {keyid[:12]}")
    return Key.from_dict(
        keyid, {name: value for name, value in entry.items() if name not in _RULES}
    )


def _parse_rules(entry: Mapping[str, Any]) -> KeyRules:
    datasets = entry.get("datasets", ())
    is_list = isinstance(datasets, list) and all(isinstance(each, str) for each in datasets)
    if "datasets" in entry and not (is_list and datasets):  # an empty one would allow everything
        raise ValueError("datasets is a list of ids or patterns like ns/*, at least one")
    return KeyRules(
        not_before=_instant(entry.get("not_before")),
        not_after=_instant(entry.get("not_after")),
        datasets=tuple(datasets),
        revoked=_parse_revocation(entry.get("revoked")),
    )


def _parse_revocation(entry: Mapping[str, Any] | None) -> Revocation | None:
    if entry is None:
        return None
    note = entry.get("note")
    at = parse_instant(entry["at"])
    return Revocation(at, Reason(entry["reason"]), str(note) if note is not None else None)


def _instant(text: str | None) -> datetime | None:
    return parse_instant(text) if text is not None else None


def _check_threshold(threshold: Any, keys: Mapping[str, Key]) -> None:
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 1:
        raise ValueError("threshold is a number of 1 or more")
    signers = len({str(key.keyval) for key in keys.values()})
    if threshold > max(signers, 1):
        raise ValueError(f"threshold is {threshold}, and there are {signers} keys")
