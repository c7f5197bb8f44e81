"""The secrets map of OPENDATA_ALERTS: which address a name such as `slack://data-ops` stands for.

An address holds tokens and passwords, so the file is private, and nothing here ever repeats one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from opendata.wire.errors import Denied, InvalidInput

_HINT: Final = "OPENDATA_ALERTS is file:PATH of lines such as: slack://data-ops = ADDRESS"


def read_addresses(reference: str | None) -> Mapping[str, str]:
    """The addresses by name; none without a reference.

    Raises:
        InvalidInput: if reference or a line is malformed; the line's number is told, no content.
        Denied: if the file cannot be read, or can be read by others.
    """
    if not reference:
        return {}
    kind, _, place = reference.partition(":")
    if kind != "file" or not place:
        raise InvalidInput("OPENDATA_ALERTS is malformed", code="bad_reference", hint=_HINT)
    addresses: dict[str, str] = {}
    for number, line in enumerate(_private_text(Path(place)).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, address = line.partition("=")
        name, address = name.strip(), address.strip()
        if not (equals and name and address) or name in addresses:
            why = "a name twice" if name in addresses else "no `name = address`"
            raise InvalidInput(f"{place}:{number}: this line has {why}", hint=_HINT)
        addresses[name] = address
    return addresses


def _private_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Denied(
                    f"the addresses of alerts in {path} can be read by others",
                    code="key_rights",
                    hint=f"chmod 600 {path}",
                )
            return file.read().decode()
    except OSError as error:
        raise Denied(
            f"the addresses of alerts in {path} cannot be read: {error.strerror}", hint=_HINT
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8", hint=_HINT) from error
