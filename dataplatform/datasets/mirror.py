"""Where a mirror keeps the answer to a URL: one pure function, shared by who fills and who reads.

A mirror (`OPENDATA_MIRROR`) is a folder or a URL that answers in place of the live sources, one
root per vintage. Reading and filling it are adapters; here stands only the name of an answer.

    https://home.treasury.gov/rates/xml?data=yield&year=2022
    →  home.treasury.gov/rates/xml%3Fdata%3Dyield%26year%3D2022

- The scheme and the fragment do not count. The host is lower case; a port other than the scheme's
  own is part of it (`localhost%3A8080`).
- Each part of the path is written as in the URL, percent-encoded where a file system would mind.
- The query, with its `?`, is percent-encoded as a whole and belongs to the last part. Its
  parameters keep their order: `?a=1&b=2` and `?b=2&a=1` are two answers.
- An empty part (`https://host/folder/`) is written `%`, which no encoding yields. A part that is
  too long for a file name is cut and closed with `%~` and the sha256 of the whole.

Where the mirror is itself a URL, its own `%` is quoted once more, as for any file of that name.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import SplitResult, quote, unquote, urlsplit

from opendata.wire.errors import InvalidInput

_OWN_PORTS = {"http": 80, "https": 443}
_PLAIN = "!$&'()+,;=@"  # kept as they are; `*`, `:` and the like are no file names everywhere
_LONGEST = 240  # bytes; file systems stop at 255
_HEAD = 160


def mirror_path(url: str) -> str:
    """The path of the URL's answer below a mirror's root; raises InvalidInput for no web address.

    Two URLs share a path only where they ask one host for the same path and query.
    """
    parts = _web_address(url)
    names = [_part(name, url) for name in _path_parts(parts)]
    if parts.query:
        names[-1] += quote(f"?{parts.query}", safe="")
    return "/".join([_host(parts), *(_short(name) for name in names)])


def mirror_spellings(url: str) -> tuple[str, ...]:
    """`mirror_path` first, then how `wget -x` would have named the file, where that differs.

    A reader of a mirror tries them in this order, so a folder recorded with common tools serves
    as it is.
    """
    canonical, parts = mirror_path(url), _web_address(url)
    names = [unquote(name) for name in _path_parts(parts)]
    names[-1] = names[-1] or "index.html"
    if parts.query:
        names[-1] += "?" + parts.query.replace("/", "%2F")
    literal = "/".join([_host(parts), *names])
    fits = all(name and _is_file_name(name) for name in names)
    return (canonical, literal) if fits and literal != canonical else (canonical,)


def _web_address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"{url!r} is no web address: {error}") from error
    # A host of dots alone would be a step up from the mirror's root.
    if parts.scheme not in _OWN_PORTS or not (host or "").strip("."):
        raise InvalidInput(
            f"{url!r} is no web address that a mirror can answer",
            hint="fetch an address that begins http:// or https://",
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(
            f"the address of {host} carries a user name or password",
            hint="name the secret under `secrets:` and send it as a header",
        )
    return parts


def _host(parts: SplitResult) -> str:
    port = parts.port if parts.port != _OWN_PORTS[parts.scheme] else None
    return quote(parts.hostname + (f":{port}" if port else "") if parts.hostname else "", safe="")


def _path_parts(parts: SplitResult) -> list[str]:
    return parts.path.split("/")[1:] or [""]


def _part(name: str, url: str) -> str:
    plain = unquote(name)
    if plain in {".", ".."}:
        raise InvalidInput(
            f"{url!r} has the path part {plain!r}", hint="write the address without dot parts"
        )
    return quote(plain, safe=_PLAIN) or "%"


def _is_file_name(name: str) -> bool:
    return not {"/", "\x00"} & set(name) and len(name.encode()) <= _LONGEST


def _short(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_HEAD]}%~{sha256(name.encode()).hexdigest()}"
