"""`od retention`: what was built and never released, and what of it may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from datetime import timedelta

    from dataplatform.releases.collecting.retention import Retention
    from dataplatform.releases.ports import ReleasePorts
    from opendata.wire.ids import DatasetId

DIGITS = 12


@click.command()
@click.argument("dataset", required=False, metavar="[NS/NAME]", shell_complete=complete_reference)
@click.option("--ttl", metavar="LENGTH", help="How long candidates stay: 30d, 2w. A day at least.")
@click.option("--apply", is_flag=True, help="Remove what has expired; without it, only say so.")
@click.option("--pin", metavar="DIGEST", help="Keep this candidate, however old it gets.")
@click.option("--unpin", metavar="DIGEST", help="Let this candidate expire like others.")
@click.option("--because", metavar="TEXT", help="Why it is pinned.")
@with_output
def retention(
    out: Output,
    dataset: str | None,
    ttl: str | None,
    apply: bool,
    pin: str | None,
    unpin: str | None,
    because: str | None,
) -> None:
    """Remove old candidates that were never frozen; without a name, of all data sets.

    Frozen releases are never touched, published or not. What the candidates held is removed by
    `od gc`, later.

    \b
    od retention ns/name               what would go, and why the rest stays
    od retention --ttl 14d --apply     remove what is older than two weeks
    od retention ns/name --pin 3f2a91  keep that one
    """
    from dataplatform.cli.place import find_settings, require_store
    from dataplatform.releases.collecting import retention as verbs
    from dataplatform.wiring import from_settings
    from opendata.wire.ids import parse_dataset_id

    settings = find_settings()
    ports = from_settings(settings).ports
    require_store(ports.store)
    named = parse_dataset_id(dataset) if dataset else None
    if pin or unpin:
        _pin(out, ports, named, pin, unpin, because)
        return
    if because is not None:
        raise InvalidInput("--because goes with --pin", code="usage")
    length = _length(ttl) if ttl else settings.retention
    targets = [named] if named else verbs.staged_datasets(ports)
    found = []
    with out.progress("looking", len(targets)) as advance:
        for target in targets:
            act = verbs.enforce_retention if apply else verbs.review_staged
            found.append(act(ports, target, length))
            advance(str(target))
    if named:
        _require_known(ports, found[0])
    unpublished = _never_published(ports, named) if named else []
    out.result(
        {
            "applied": apply,
            "datasets": [one.to_json() for one in found],
            "frozen_never_published": unpublished,
        },
        lambda: _show(out, found, unpublished, apply),
        (one.candidate for each in found for one in each.expired),
    )


def _length(text: str) -> timedelta:
    from dataplatform.contracts.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(
            f"--ttl: {error}", code="usage", hint="od retention --ttl 30d"
        ) from error


def _pin(
    out: Output,
    ports: ReleasePorts,
    dataset: DatasetId | None,
    pin: str | None,
    unpin: str | None,
    because: str | None,
) -> None:
    from dataplatform.releases.collecting.pins import find_staged, pin_candidate, unpin_candidate

    if dataset is None or (pin and unpin):
        what = "a pin needs a data set" if dataset is None else "--pin and --unpin exclude another"
        raise InvalidInput(what, code="usage", hint="od retention NS/NAME --pin DIGEST")
    digest = find_staged(ports, dataset, pin or unpin or "")
    if pin:
        changed, word = pin_candidate(ports, dataset, digest, because), "pinned"
    else:
        changed, word = unpin_candidate(ports, dataset, digest), "no longer pinned"
    out.result(
        {"id": str(dataset), "candidate": digest, "pinned": bool(pin), "changed": changed},
        lambda: out.line(f"✓ {digest[:DIGITS]}… is {word}", fg="green"),
        [digest],
    )


def _require_known(ports: ReleasePorts, found: Retention) -> None:
    """Nothing to remove is good news only about a data set that there is.

    Raises:
        NotFound: with did-you-mean, if nothing of it is in this store.
    """
    from opendata.reading.catalogue import explain_unknown
    from opendata.reading.resolve import read_current

    if not found.candidates and read_current(ports.store, found.id) is None:
        what = f"nothing of {found.id} is in {ports.store.url}"
        raise explain_unknown(ports.store, found.id, NotFound(what, code="unknown_dataset"))


def _never_published(ports: ReleasePorts, dataset: DatasetId) -> list[str]:
    """Frozen releases that no commit names: they stay, and their numbers stay taken."""
    from opendata.reading.history import walk_history
    from opendata.wire import keys

    prefix = keys.release_prefix(dataset)
    frozen = [
        stat.key.removeprefix(prefix).removesuffix(".json") for stat in ports.store.list(prefix)
    ]
    published = {commit.release for commit in walk_history(ports.store, dataset)}
    return [version for version in frozen if version not in published]


def _show(out: Output, found: list[Retention], unpublished: list[str], applied: bool) -> None:
    rows = [
        [
            str(each.id),
            f"{one.candidate[:DIGITS]}…",
            f"{one.staged_at:%Y-%m-%d %H:%M}",
            ("removed" if applied else "would go") if one in each.expired else "stays",
            one.because,
        ]
        for each in found
        for one in each.candidates
    ]
    if rows:
        out.table(["data set", "candidate", "staged", "", "because"], rows)
    for version in unpublished:
        out.note(f"{version} was frozen and never published: it stays, its number is taken")
    going = [one for each in found for one in each.expired]
    if not going:
        out.line(f"✓ nothing has expired in {counted(len(found), 'data set')}", fg="green")
        return
    what = f"{counted(len(going), 'candidate')}, {human_bytes(sum(o.size_bytes for o in going))}"
    if applied:
        out.line(f"✓ removed {what}", fg="green")
        out.note("what only they named is removed by od gc --apply, a day later at the earliest")
    else:
        out.line(f"{what} would go")
        out.note("nothing was changed; od retention --apply removes them")
