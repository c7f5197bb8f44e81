"""`od bundle adopt`: make channels of a lake of files that exists, and a first bundle of them.

Here belong the words of it. What a lake could be is `channels.survey`'s, what becomes of it
`bundles.adopt`'s, and the folder that specs are written into `spec_tree`'s.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Mode, Output, with_output
from opendata.wire.errors import Denied, InvalidInput
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from dataplatform.bundles.adopt import Adopted, Adoption, NewFile
    from dataplatform.channels.survey import Surveyed, SurveyRequest
    from dataplatform.cli.bundles.spec_tree import SpecTree
    from dataplatform.settings import Settings

EXAMPLES_SHOWN = 5
PROPOSED_TREE = "specs"
_UNNAMED = re.compile(r"\{(group|part)\d*[}:]")  # what a guess calls what it cannot name
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("lake", metavar="FOLDER|s3://…")
@click.option("--channel", metavar="NAME", help="Make one channel of it, of this name.")
@click.option("--version", metavar="X.Y.Z", help="The channels' version; 1.0.0 by default.")
@click.option("--pattern", metavar="PATTERN", help="How paths tell time and metadata.")
@click.option("--bundle", "bundle_name", metavar="NAME", help="What the first bundle is called.")
@click.option(
    "--into", metavar="FOLDER", help="Working tree of the spec repository; made where it is not."
)
@click.option("--ignore-unmatched", is_flag=True, help="Go without files that do not match.")
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_output
def adopt(out: Output, lake: str, into: str | None, dry_run: bool, yes: bool, **asked: Any) -> None:
    """Make channels of files that lie in a folder or bucket: their specs, a bundle, an index.

    \b
    od bundle adopt photos --into specs --dry-run
    od bundle adopt s3://lake/image_original/v1.2.0/ --channel image_original
    od bundle adopt scans --pattern "{site}/%Y-%m-%d/{scan:d}.tif"

    Folders beside each other become channels; --channel makes one of all. Nothing is overwritten,
    and the files themselves stay as they are.
    """
    from dataplatform.bundle_wiring import channel_ports
    from dataplatform.bundles.adopt import plan_adoption, require_free, require_matching
    from dataplatform.cli.bundles.spec_tree import find_spec_tree
    from dataplatform.cli.place import find_settings, prepare_store
    from opendata.stores import open_store

    settings = find_settings()
    tree = find_spec_tree(settings, into, proposed=PROPOSED_TREE if dry_run else None)
    request = _request(asked)
    ports = channel_ports(settings, open_store(settings.store_url, environ=settings.environ))
    storage_path = _storage_path(settings, lake)
    surveyed = _survey(ports, storage_path, request)
    adoption = plan_adoption(surveyed, _bundle_name(asked["bundle_name"], storage_path))
    if not dry_run or out.mode is Mode.HUMAN:
        _show_plan(out, adoption, tree, settings.spark_files)
    require_matching(adoption)
    missing = require_free(adoption, tree.read, ports)
    if dry_run:
        out.result(_plan_json(adoption, missing, tree), lambda: _show_texts(out, missing))
        return
    _confirm(out, f"write {counted(len(missing), 'file')} into {tree.root} and index?", yes)
    prepare_store(settings, out.note)
    adopted = _index(out, ports, adoption, tree)
    tree.write(missing)  # specs that cannot be indexed are not left behind
    body = _plan_json(adoption, missing, tree) | {
        "indexed": [_adopted_json(one) for one in adopted]
    }
    out.result(body, lambda: _show_end(out, adoption, adopted, tree), [str(adoption.bundle)])


def _request(asked: dict[str, Any]) -> SurveyRequest:
    from dataplatform.channels.pattern import PathPattern
    from dataplatform.channels.pattern_text import PatternFault
    from dataplatform.channels.survey import SurveyRequest
    from opendata.wire.channel import check_channel_name
    from opendata.wire.version import parse_version

    try:
        if asked["pattern"] is not None:
            PathPattern(asked["pattern"])
    except PatternFault as fault:
        raise InvalidInput(
            f"--pattern, character {fault.offset + 1}: {fault.message}",
            code="bad_pattern",
            hint=fault.hint,
        ) from fault
    return SurveyRequest(
        channel=check_channel_name(asked["channel"]) if asked["channel"] else None,
        version=parse_version(asked["version"]) if asked["version"] else None,
        path=asked["pattern"],
        ignore_unmatched=asked["ignore_unmatched"],
    )


def _bundle_name(name: str | None, storage_path: str) -> str | None:
    """The name that was asked for, else the lake's own; None where that names no bundle."""
    from dataplatform.bundles.adopt import check_bundle_name
    from dataplatform.channels.divide import name_of

    if name is not None:
        return check_bundle_name(name)
    return name_of(storage_path.rstrip("/").rpartition("/")[2]) or None


def _storage_path(settings: Settings, lake: str) -> str:
    """How specs name the place: an address as it is, a folder from the root on."""
    if "://" in lake:
        return lake
    return os.path.abspath(os.path.join(settings.root, os.path.expanduser(lake)))


def _survey(ports: Any, storage_path: str, request: SurveyRequest) -> list[Surveyed]:
    from dataplatform.adapters.metadata_readers.opening import open_readers
    from dataplatform.channels.survey import survey_lake

    return survey_lake(ports.open_files(storage_path), storage_path, request, open_readers)


def _index(out: Output, ports: Any, adoption: Adoption, tree: SpecTree) -> list[Adopted]:
    from dataplatform.bundles.adopt import adopt_channel
    from dataplatform.cli.bundles.telling import TellingProgress

    adopted = []
    with out.steps() as step:
        for one in adoption.channels:
            step(f"index {one.spec.channel} {one.spec.version}")
            progress = TellingProgress(step)
            adopted.append(adopt_channel(ports, one, tree.name, progress=progress))
    return adopted


def _confirm(out: Output, question: str, yes: bool) -> None:
    """Ask where somebody can answer; a script has said what it wants by calling."""
    if yes or out.mode is not Mode.HUMAN or not sys.stdin.isatty():
        return
    if not click.confirm(question, default=True, err=True):
        raise Denied("nothing was written", code="declined", hint="answer y, or add --yes")


# --- what is shown -------------------------------------------------------------------------------


def _show_plan(out: Output, adoption: Adoption, tree: SpecTree, spark_files: int | None) -> None:
    from dataplatform.channels.choose import choose_engine

    for one in adoption.channels:
        _show_channel(out, one.surveyed)
        choice = choose_engine(one.spec.engine, one.surveyed.matched, spark_files)
        if choice.engine != "local":
            out.note(f"{one.spec.channel} will be indexed on {choice.engine}: {choice.reason}")
    if len(adoption.channels) > 1:
        out.note("if these are parts of one channel, such as cameras, add --channel NAME")
    out.line(f"into {tree.root}/: {', '.join(file.path for file in adoption.files)}")


def _show_channel(out: Output, found: Surveyed) -> None:
    pattern = found.pattern
    beside = f", {counted(found.sidecars, 'sidecar')}" if found.sidecars else ""
    kinds = ", ".join(f"{count:,} {kind or '(none)'}" for kind, count in found.kinds.items())
    out.line(f"{found.channel} {found.version}", bold=True)
    out.facts(
        [
            ("place", found.storage_path),
            ("files", f"{found.files:,} of {human_bytes(found.total_bytes)}{beside}"),
            ("kinds", kinds if len(found.kinds) <= EXAMPLES_SHOWN else None),
            ("pattern", pattern.path or "YYYY/MM/DD/HH/file, the convention"),
            ("time", _time(found)),
            ("sidecars", pattern.sidecar),
            ("exif", "read" if pattern.exif else None),
            ("unmatched", f"{found.unmatched:,}" if found.unmatched else None),
        ]
    )
    if pattern.path and _UNNAMED.search(pattern.path):
        out.note("parts of paths become metadata; --pattern calls {group} and the like by a name")
    for path in found.examples:
        out.line(f"  does not match: {path}", fg="yellow")
    if found.time_from is None:
        out.warn(
            f"nothing tells the time of the files of {found.channel}, so none is in any interval",
            hint="let --pattern say where paths tell it, or put it into sidecars",
        )


def _time(found: Surveyed) -> str | None:
    if found.time_from is None:
        return None
    words = {"exif": "by EXIF", "sidecar": "by sidecars", "path": "by path"}[found.time_from]
    if found.first is None or found.last is None:
        return words
    first, last = (
        f"{_EPOCH + timedelta(microseconds=at):%Y-%m-%d %H:%M:%S}"
        for at in (found.first, found.last)
    )
    undated = f", {found.undated:,} without" if found.undated else ""
    by_path = "" if found.time_from == "path" else ", else by path:"
    return f"{words}{by_path} from {first} to {last} (UTC){undated}"


def _show_texts(out: Output, missing: Sequence[NewFile]) -> None:
    for file in missing:
        out.line(f"\n--- {file.path}", bold=True)
        out.line(file.text.rstrip())
    if not missing:
        out.line("✓ all specs are there already", fg="green")


def _show_end(out: Output, adoption: Adoption, adopted: Sequence[Adopted], tree: SpecTree) -> None:
    for one in adopted:
        index = one.indexed.index
        size = human_bytes(index.total_bytes)
        what = f"{index.channel} {index.version}: {counted(index.total_files, 'file')}, {size}"
        out.line(f"✓ {what}, {'each hashed' if one.indexed.changed else 'as before'}", fg="green")
        if not one.is_settled:
            out.warn(f"files of {index.channel} changed meanwhile; indexing again takes them in")
        if one.differs:
            out.warn(f"{index.channel} has {one.differs:+,} files since it was looked at")
    begin = "" if tree.is_repository else f"git -C {tree.root} init && "
    out.line("next, once you have read them:")
    out.line(f"  {begin}git -C {tree.root} add channels bundles")
    out.line(f'  git -C {tree.root} commit -m "Adopt {adoption.bundle.name}"')
    out.line(f"  od bundle index {tree.root / adoption.bundle_file.path}")
    out.line(
        f"  od bundle files {adoption.bundle.name} --channel {adoption.channels[0].spec.channel}"
    )


# --- for programs ---------------------------------------------------------------------------------


def _plan_json(adoption: Adoption, missing: Sequence[NewFile], tree: SpecTree) -> dict[str, Any]:
    return {
        "bundle": str(adoption.bundle),
        "into": str(tree.root),
        "channels": [_surveyed_json(one.surveyed) for one in adoption.channels],
        "files": [{"path": one.path, "text": one.text} for one in missing],
    }


def _surveyed_json(found: Surveyed) -> dict[str, Any]:
    return {
        "channel": found.channel,
        "version": str(found.version),
        "storage_path": found.storage_path,
        "pattern": found.pattern.model_dump(mode="json"),
        "files": found.files,
        "total_bytes": found.total_bytes,
        "sidecars": found.sidecars,
        "time_from": found.time_from,
        "unmatched": found.unmatched,
        "examples": list(found.examples),
    }


def _adopted_json(one: Adopted) -> dict[str, Any]:
    index = one.indexed.index
    return {
        "channel": index.channel,
        "version": index.version,
        "total_files": index.total_files,
        "total_bytes": index.total_bytes,
        "index_sha256": index.index_sha256,
        "settled": one.is_settled,
    }
