"""`od bundle status`: completeness, delay, access, damage and alerts of bundles, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.wire.bundle import BUNDLE_TYPES
from opendata.wire.errors import Rejected

if TYPE_CHECKING:
    from dataplatform.bundles.watch.status import BundleStatus
    from dataplatform.bundles.watch.sync import BundleSync
    from dataplatform.cli.bundles.watching import Site


@click.command()
@click.argument("bundle", required=False, metavar="[NAME[@VERSION]]")
@click.option("--type", "kind", type=click.Choice(BUNDLE_TYPES), help="If two types share a name.")
@click.option("--ack", "known", multiple=True, metavar="KEY", help="Say that you are at an alert.")
@with_output
def status(out: Output, bundle: str | None, kind: str | None, known: tuple[str, ...]) -> int:
    """Show whether bundles are complete, in time and intact, and what repairs them.

    \b
    od bundle status
    od bundle status model@v1.0.0-2025.25
    od bundle status --ack completeness/weekly/model-v1.0.0-2025.25/images

    Files are listed now; damage is what the scrub and `od bundle verify` have found. Ends with 6 if
    something is wrong.
    """
    from dataplatform.bundle_wiring import open_notifier
    from dataplatform.bundles.watch.status import open_alerts, unsent_json
    from dataplatform.cli.bundles.status_words import (
        show_alerts,
        show_not_indexed,
        show_status,
    )
    from dataplatform.cli.bundles.watching import open_site

    site = open_site()
    _acknowledge(out, site, known)
    found, unreadable, without = _measure(out, site, bundle, kind)
    alerts = open_alerts(site.ports)
    targets = site.monitoring.policy().targets
    problems = open_notifier(site.settings).problems(targets)
    about = alerts.open if bundle is None else [one for each in found for one in each.alerts]
    keys = {one.key for one in about}
    unsent = [one for one in alerts.outbox if bundle is None or one.key in keys]
    passed = not about and not unreadable and all(one.passed for one in found)
    passed = passed and all(one.passed for one in without)

    def show() -> None:
        for one in found:
            show_status(out, one)
        for name, problem in unreadable.items():
            out.line(f"✗ {name}: {problem}", fg="red", bold=True)
        show_not_indexed(out, without)
        show_alerts(out, about, unsent, problems)
        if not found and not unreadable and not without:
            out.note("no bundle is published here; od bundle index publishes one")

    told: dict[str, Any] = {
        "passed": passed,
        "bundles": [one.to_json() for one in found],
        "unreadable": unreadable,
        "not_indexed": [vars(one) | {"passed": one.passed} for one in without],
        "alerts": [one.to_json() for one in about],
        "unsent": [unsent_json(one) for one in unsent],
        "unresolved_targets": dict(problems),
    }
    out.result(told, show, [one.lock.ref for one in found if not one.passed])
    return 0 if passed else Rejected.exit_code


def _acknowledge(out: Output, site: Site, known: tuple[str, ...]) -> None:
    from dataplatform.alerts.deliver import acknowledge
    from dataplatform.cli.acting import by_whom

    for key in known:
        acknowledge(site.ports.store, key, by=by_whom("od bundle status"), now=site.ports.now())
        out.good(f"acknowledged {key}")


def _measure(
    out: Output, site: Site, bundle: str | None, kind: str | None
) -> tuple[list[BundleStatus], dict[str, str], list[BundleSync]]:
    """The status of the bundles that are meant, those whose locks cannot be read, and, where all
    are meant, the files of bundles that have no lock."""
    from dataplatform.bundles.watch.expectation import find_specs
    from dataplatform.bundles.watch.places import Places
    from dataplatform.bundles.watch.status import bundle_status
    from dataplatform.bundles.watch.sync import sync_status
    from dataplatform.bundles.watch.watched import watched_bundles
    from dataplatform.cli.bundles.watching import find_lock

    ports, now = site.ports, site.ports.now()
    unreadable: dict[str, str] = {}
    if bundle is not None:
        locks = [find_lock(ports, bundle, kind)]
    else:
        watched = watched_bundles(ports)
        locks = [one for one in watched.locks if kind in (None, one.type)]
        unreadable = {one.bundle: one.problem for one in watched.unreadable}
    only = locks[0].spec.file if bundle is not None else None
    sync = sync_status(ports, now=now, settings=site.monitoring.sync, only=only)
    specs, places = find_specs(ports), Places(ports.channels)
    found = []
    with out.progress("measuring", len(locks)) as advance:
        for lock in locks:
            found.append(
                bundle_status(
                    ports,
                    lock,
                    now=now,
                    monitoring=site.monitoring,
                    sync=sync,
                    specs=specs,
                    places=places,
                )
            )
            advance(str(lock.ref))
    locked = {lock.spec.file for lock in locks} | {f"bundles/{name}.yaml" for name in unreadable}
    is_all = bundle is None and kind is None
    without = [one for one in sync.bundles if is_all and one.path not in locked]
    return found, unreadable, without
