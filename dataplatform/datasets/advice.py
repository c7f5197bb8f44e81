"""What is no error in a definition, but worth a word before it is published.

Here belong licences, countries, placeholders and the recommended fields (S1-32, S1-38 to S1-43,
B15). Advice never stops a run; placeholders alone keep a definition from being published.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from license_expression import ExpressionError, get_spdx_licensing

from dataplatform.contracts.problems import Place
from dataplatform.datasets.countries import COUNTRY_CODES, USED_INSTEAD
from dataplatform.datasets.definition import DatasetDefinition, GeoScope
from dataplatform.datasets.scaffold_text import DESCRIPTION

RECOMMENDED: Final = {
    "topics": "topics: [rates, macro]",
    "geo": "geo: {scope: country, countries: [US]}",
    "owners": "owners: [your-handle]",
    "frequency": "frequency: daily",
}
_PUBLIC_DOMAIN: Final = "CC0-1.0, PDDL-1.0 or LicenseRef-Public-Domain"
_LICENSE_WORD: Final = re.compile(r"[A-Za-z0-9.+:-]+")
_OWN_LICENSE: Final = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_PLACEHOLDER: Final = re.compile(r"<[^<>]+>")


@dataclass(frozen=True)
class Tip:
    """One piece of advice about the value at `place`."""

    place: Place
    message: str
    hint: str | None = None


def advise(definition: DatasetDefinition) -> list[Tip]:
    """Everything worth a word about a valid definition."""
    return [
        *_license_tips(definition.license),
        *_country_tips(definition),
        *placeholders(definition),
        *_repo_tips(definition.repo),
        *_recommendations(definition),
    ]


def license_problem(text: str) -> str | None:
    """Why a licence is no SPDX expression, or None where it is one."""
    if not _LICENSE_WORD.search(text):
        return "no licence is named"
    own_words_replaced = _OWN_LICENSE.sub("MIT", text)
    try:
        unknown = _spdx().unknown_license_keys(own_words_replaced)
        _spdx().parse(own_words_replaced, validate=not unknown)
    except (ExpressionError, AssertionError, LookupError, AttributeError):
        # The library's parser ends in one of these on words in an impossible order.
        return "AND, OR, WITH and parentheses make no expression"
    return f"{', '.join(unknown)} is unknown" if unknown else None


def _license_tips(text: str) -> Iterator[Tip]:
    problem = None if _PLACEHOLDER.search(text) else license_problem(text)
    if problem is None:
        return
    if re.sub(r"[\s_-]+", " ", text).strip().lower() in ("public domain", "pd"):
        hint = f"write {_PUBLIC_DOMAIN}"
    else:
        near = difflib.get_close_matches(
            re.sub(r"\s+", "-", text.strip()).lower(), _spdx_names(), n=1, cutoff=0.7
        )
        hint = f"did you mean {_spdx_names()[near[0]]}?" if near else "see spdx.org/licenses"
    yield Tip(("license",), f"{text!r} is not in SPDX's words: {problem}", hint)


def _country_tips(definition: DatasetDefinition) -> Iterator[Tip]:
    geo = definition.geo
    if geo is None:
        return
    for at, code in enumerate(geo.countries):
        if code not in COUNTRY_CODES:
            meant = USED_INSTEAD.get(code.upper(), code.upper())
            hint = f"write {meant}" if meant in COUNTRY_CODES else "two letters, such as US"
            yield Tip(("geo", "countries", at), f"{code!r} is no ISO 3166-1 country code", hint)
    if geo.scope is GeoScope.COUNTRY and not geo.countries:
        yield Tip(("geo",), "the scope is a country, but none is named", "countries: [US]")


def placeholders(definition: DatasetDefinition) -> list[Tip]:
    """What the template left to be said and nobody has said: no reader should ever see it."""
    return list(_placeholders(definition))


def _placeholders(definition: DatasetDefinition) -> Iterator[Tip]:
    if definition.description.strip() == DESCRIPTION:
        yield Tip(
            ("description",),
            "the description is still the template's",
            "say what one row is, and where it comes from",
        )
    named: list[tuple[Place, str]] = [
        (("title",), definition.title),
        (("license",), definition.license),
        (("repo",), definition.repo),
        *((("owners", at), owner) for at, owner in enumerate(definition.owners)),
    ]
    for place, text in named:
        if found := _PLACEHOLDER.search(text):
            yield Tip(place, f"{found.group()} is still a placeholder", "write the real one")


def _repo_tips(repo: str) -> Iterator[Tip]:
    if not repo.startswith(("https://", "http://")):
        message = f"{repo!r} is no web address that a reader could follow"
        yield Tip(("repo",), message, "repo: https://github.com/<org>/<repo>")


def _recommendations(definition: DatasetDefinition) -> Iterator[Tip]:
    for name, example in RECOMMENDED.items():
        if not getattr(definition, name):
            yield Tip((name,), f"`{name}` is recommended", f"add {example}")


@cache
def _spdx() -> Any:
    # Built on first use: an index of thousands of licences that no release needs.
    return get_spdx_licensing()


@cache
def _spdx_names() -> dict[str, str]:
    """SPDX's own identifiers by their lower-case spelling."""
    names = (name for name in _spdx().known_symbols if not name.startswith("LicenseRef-"))
    return {name.lower(): name for name in names}
