"""`od freeze`: whether releases are under observation or hard, and making them hard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.wire.errors import InvalidInput, OpenDataError

if TYPE_CHECKING:
    from dataplatform.releases.harden import Hardened
    from dataplatform.releases.ports import ReleasePorts
    from opendata.reading.listing import ReleaseInfo


@click.command()
@click.argument(
    "reference", required=False, metavar="[NS/NAME[@VERSION]]", shell_complete=complete_reference
)
@click.argument("version", required=False, metavar="[VERSION]")
@click.option("--hard", is_flag=True, help="Make that release hard now, before its window is over.")
@click.option("--due", is_flag=True, help="Record what is hard by now; without a name, everywhere.")
@click.option("--reason", help="Why it is made hard.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@with_output
def freeze(
    out: Output,
    reference: str | None,
    version: str | None,
    hard: bool,
    due: bool,
    reason: str | None,
    dry_run: bool,
) -> int:
    """Show how releases are frozen: soft (under observation, until when) or hard.

    \b
    od freeze ns/name                        every release
    od freeze ns/name 1.2.0 --hard           from now on no hot fix; its line is closed
    od freeze --due                          what the nightly schedule does, for cron

    Releases are frozen when they are published; there is no way back from hard to soft.
    """
    from dataplatform.cli.place import find_settings
    from dataplatform.wiring import from_settings

    if hard and due:
        raise InvalidInput("--hard and --due exclude each other", hint="od freeze --help")
    if reason is not None and not hard:
        raise InvalidInput("--reason goes with --hard", hint="od freeze --help")
    ports = from_settings(find_settings()).ports
    if due:
        return _harden_due(out, ports, _named(reference, version), dry_run)
    if hard:
        _harden(out, ports, _named(reference, version), reason, dry_run)
    else:
        _list(out, ports, _named(reference, version))
    return 0


def _named(reference: str | None, version: str | None) -> str | None:
    """The reference that was typed, in one word or in two.

    Raises:
        InvalidInput: if it names two versions.
    """
    if reference is None or version is None:
        return reference
    if "@" in reference:
        raise InvalidInput(f"which release: {reference} or {version}?", hint="name one of them")
    return f"{reference}@{version}"


def _harden(
    out: Output, ports: ReleasePorts, reference: str | None, reason: str | None, dry_run: bool
) -> None:
    from dataplatform.cli.acting import by_whom, explaining, require_pinned
    from dataplatform.releases.harden import harden

    dataset, version = require_pinned(reference, "od freeze --hard")
    with explaining(ports.store, dataset):
        done = harden(
            ports, dataset, version, by=by_whom("od freeze"), reason=reason, dry_run=dry_run
        )
    told = {**done.to_json(), "dry_run": dry_run}
    out.result(told, lambda: _show(out, done, dry_run), [done.release.reference])


def _show(out: Output, done: Hardened, dry_run: bool) -> None:
    what = done.release.reference
    if done.before.mode == "hard":
        out.line(f"✓ {what} is {done.before} already", fg="green")
    elif dry_run:
        out.line(f"{what} is {done.before} and would be hard from now on")
    else:
        out.line(f"✓ {what} is {done.after}", fg="green")
    if done.after.closes_line:
        line = f"{done.release.version.major}.{done.release.version.minor}"
        out.note(f"its line {line} is closed: while it is current, the next release is a minor")


def _harden_due(out: Output, ports: ReleasePorts, reference: str | None, dry_run: bool) -> int:
    """Everything that is due; a data set that cannot be read keeps none of the others waiting."""
    from dataplatform.cli.acting import by_whom
    from dataplatform.releases.harden import harden_due
    from dataplatform.releases.index import published_ids
    from opendata.wire.ids import parse_dataset_id

    if reference is not None and "@" in reference:
        raise InvalidInput("--due is about all releases of a data set", hint="leave @VERSION out")
    datasets = [parse_dataset_id(reference)] if reference else published_ids(ports)
    done: list[str] = []
    problems: list[OpenDataError] = []
    with out.progress("looking", len(datasets)) as advance:
        for dataset in datasets:
            try:
                found = harden_due(ports, dataset, by=by_whom("od freeze"), dry_run=dry_run)
                done += [f"{dataset}@{version}" for version in found]
            except OpenDataError as error:
                problems.append(error)
            advance(str(dataset))

    def show() -> None:
        for name in done:
            out.line(f"{'would be marked' if dry_run else 'marked'} hard: {name}")
        if not done and not problems:
            out.line("✓ nothing is due", fg="green")

    for problem in problems:
        out.warn(problem.message, problem.hint)
    told = {"dry_run": dry_run, "datasets": len(datasets), "hard": done}
    out.result(told | {"problems": [one.to_json() for one in problems]}, show, done)
    return problems[0].exit_code if problems else 0


def _list(out: Output, ports: ReleasePorts, reference: str | None) -> None:
    from dataplatform.cli.acting import explaining
    from opendata.reading.listing import list_releases
    from opendata.wire.errors import NotFound
    from opendata.wire.ids import parse_reference

    if reference is None:
        raise InvalidInput("of which data set?", hint="od freeze NS/NAME, or od freeze --due")
    asked = parse_reference(reference)
    with explaining(ports.store, asked.id):
        found = list_releases(ports.store, asked.id, ports.now())
    if asked.version is not None:
        found = [one for one in found if one.release == str(asked.version)]
        if not found:
            raise NotFound(f"{asked} does not exist", hint=f"od releases {asked.id}")
    out.result(
        [_facts(one) for one in found],
        lambda: out.table(
            ["release", "state", "freeze", "frozen", "until"],
            [list(_facts(one).values()) for one in found],
        ),
        (one.release for one in found),
    )


def _facts(one: ReleaseInfo) -> dict[str, Any]:
    return {
        "release": one.release,
        "state": one.state,
        "freeze": one.freeze,
        "frozen_at": one.frozen_at,
        "observation_until": one.observation_until,
    }
