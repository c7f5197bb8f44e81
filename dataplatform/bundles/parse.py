"""Reading a bundle's spec: all that is wrong with it, each at its line and column.

Here belongs the way from text to spec, and whether the file is called what it says (B18). Two
spellings are read: a list of `channels`, and the `data_manifest` of the document itself, so that a
published document can be asked for again. What indexing writes there (sources, paths, checksums)
is not taken over; totals are kept, to be compared (B16).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dataplatform.bundles.spec import AskedChannel, AskedRange, BundleSpec, SpecMeta
from dataplatform.datasets.complaint import ambiguous_words, complaint
from dataplatform.datasets.yaml import Path, YamlDocument, read_yaml
from dataplatform.errors import InvalidDefinition, SourceFinding
from opendata.wire.bundle import BundleRef, parse_bundle_ref
from opendata.wire.errors import InvalidInput

_BOOLEANS: Final = frozenset({"required"})
_LISTS: Final = ("channels", "data_manifest")
_WRITTEN_BY_INDEXING: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"access_config"}),
    "meta": frozenset({"spec_source", "created_at"}),
    "entry": frozenset({"index_file", "checksum"}),
}


def parse_bundle_spec(text: str | bytes, path: str) -> BundleSpec:
    """The spec in a file's text.

    Args:
        text: The file's content.
        path: Where it stands. Below `bundles/` it has to be the path of the bundle that it names.

    Raises:
        InvalidDefinition: with every finding at its line and column.
    """
    document = read_yaml(text, path)
    findings = list(ambiguous_words(document, _BOOLEANS))
    spec = None
    if not isinstance(document.value, dict):
        findings.append(document.finding((), "the file has to be a mapping (key: value)"))
    else:
        listed = _list_key(document.value)
        findings += _two_lists(document)
        try:
            spec = BundleSpec.model_validate(_plain(document.value, listed))
        except ValidationError as error:
            told = {(one.line, one.column) for one in findings}
            found = [_finding(one, document, listed) for one in error.errors() if _counts(one)]
            findings += [one for one in found if (one.line, one.column) not in told]
    if spec is not None:
        findings += _repeated(spec, document, _list_key(document.value))
        findings += _misplaced(spec.ref, document)
    if spec is None or findings:
        raise InvalidDefinition(sorted(findings, key=lambda one: (one.line, one.column)))
    return spec


def _list_key(value: Mapping[str, Any]) -> str:
    return next((key for key in _LISTS if key in value), _LISTS[0])


def _plain(value: Mapping[str, Any], listed: str) -> dict[str, Any]:
    """The file's values in the one spelling of the model, without what indexing writes."""
    plain = {key: item for key, item in value.items() if key not in _WRITTEN_BY_INDEXING[""]}
    if isinstance(meta := plain.get("meta"), dict):
        plain["meta"] = _without(meta, "meta")
    if listed in plain:
        entries = plain.pop(listed)
        if isinstance(entries, list):
            entries = [_without(one, "entry") for one in entries]
        plain["channels"] = entries
    return plain


def _without(value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if key not in _WRITTEN_BY_INDEXING[where]}


def _counts(error: ErrorDetails) -> bool:
    """False where a list is called empty because nothing in it could be read."""
    return error["type"] != "too_short" or not error["input"]


def _finding(error: ErrorDetails, document: YamlDocument, listed: str) -> SourceFinding:
    where = error["loc"]
    if where[:1] == ("channels",):
        placed = error.copy()
        placed["loc"] = (listed, *where[1:])
        error = placed
    return complaint(error, document, _keys_at)


def _keys_at(where: Path) -> Sequence[str]:
    """The keys that a mapping may have, by pydantic's location of it."""
    match where:
        case ():
            return tuple(BundleSpec.model_fields)
        case ("meta",):
            return tuple(SpecMeta.model_fields)
        case (str(), int()):
            return tuple(AskedChannel.model_fields)
        case (str(), int(), "data_range"):
            return tuple(AskedRange.model_fields)
    return ()


def _two_lists(document: YamlDocument) -> Iterator[SourceFinding]:
    if all(key in document.value for key in _LISTS):
        yield document.finding(
            (_LISTS[1],),
            "`channels` and `data_manifest` say the same thing, and both stand here",
            hint="keep `channels`",
            key=True,
        )


def _repeated(spec: BundleSpec, document: YamlDocument, listed: str) -> Iterator[SourceFinding]:
    seen: dict[str, int] = {}
    for at, asked in enumerate(spec.channels):
        if asked.name in seen:
            key = "dataset" if asked.dataset else "channel"
            line = document.spots[listed, seen[asked.name]].line
            yield document.finding(
                (listed, at, key), f"{asked.name} is asked for twice, first in line {line}"
            )
        seen.setdefault(asked.name, at)


def _misplaced(ref: BundleRef, document: YamlDocument) -> Iterator[SourceFinding]:
    """What the path says of the bundle, where it says something else than the file."""
    if not document.path.startswith("bundles/"):
        return
    expected = f"bundles/{ref}.yaml"
    try:
        named = parse_bundle_ref(document.path)
    except InvalidInput:
        message = f"a file here has to be called like its bundle: {expected}"
        yield document.finding(("meta",), message, hint=f"git mv {document.path} {expected}")
        return
    for key, said, meant in (
        ("bundle_type", ref.type, named.type),
        ("bundle_name", ref.name, named.name),
        ("bundle_version", ref.version, named.version),
    ):
        if said != meant:
            yield document.finding(
                ("meta", key),
                f"{key} is {str(said)!r}, but the path says {str(meant)!r}",
                hint=f"git mv {document.path} {expected}, or correct the file",
            )
    # Equal, and yet spelled otherwise (`-2025.7`, `.yml`): two paths would be one bundle.
    if ref == named and document.path != expected:
        message = f"this bundle's file has to be called {expected}"
        yield document.finding(("meta",), message, hint=f"git mv {document.path} {expected}")
