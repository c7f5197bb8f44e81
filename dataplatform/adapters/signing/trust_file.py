"""The trust file as it is written: keys join it, and are told to be out of use.

Here belongs changing the file so that nobody ever reads half of it, and never losing what stands in
it already. What the file means stands in `opendata.reading.trust`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from opendata.reading.trust import TrustRoot
from opendata.wire.errors import Denied, InvalidInput
from opendata.wire.times import format_instant


class TrustFile:
    """One trust file; it is read anew for every change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def root(self) -> TrustRoot:
        """What it says now; nobody is trusted where there is no file.

        Raises:
            Denied: if it is no trust file.
        """
        return TrustRoot.from_json(json.dumps(self._read()), str(self.path))

    def add(self, keyid: str, public: Mapping[str, Any], rules: Mapping[str, Any]) -> None:
        """Let a key join; one that is there already keeps what is said of it beside `rules`."""
        document = self._read()
        known = document["keys"].get(keyid, {})
        document["keys"][keyid] = {**known, **public, **rules}
        self._write(document)

    def revoke(self, keyid: str, at: datetime, reason: str, note: str | None) -> None:
        """Say that a key is out of use since an instant, and why."""
        document = self._read()
        revoked = {"at": format_instant(at), "reason": reason, **({"note": note} if note else {})}
        document["keys"][keyid]["revoked"] = revoked
        self._write(document)

    def find(self, start: str) -> str:
        """The whole id of the key whose id begins so.

        Raises:
            InvalidInput: if there is none, or more than one.
        """
        known = self._read()["keys"]
        found = [keyid for keyid in known if keyid.startswith(start)]
        if len(found) == 1 and start:
            return str(found[0])
        problem = "holds no key" if not found else f"holds {len(found)} keys"
        raise InvalidInput(
            f"{self.path} {problem} whose id begins with {start!r}",
            code="unknown_key",
            hint="od key list shows the ids",
        )

    def _read(self) -> dict[str, Any]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {"keys": {}}
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Denied(
                f"the trust file {self.path} cannot be read: {reason}",
                code="bad_trust_root",
            ) from error
        TrustRoot.from_json(text, str(self.path))  # what is no trust file is not written over
        document: dict[str, Any] = json.loads(text)
        return document

    def _write(self, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, indent=2) + "\n"
        TrustRoot.from_json(text, str(self.path))
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # public keys: made to be handed on
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise
