"""`od verify`: hash every object again and name each one that is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.cli.targets import named_releases
from opendata.wire.errors import NotFound, Rejected
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from opendata._settings import Settings
    from opendata.reading.verify import Verification
    from opendata.stores.port import ObjectReader
    from opendata.wire.ids import Reference


@click.command()
@click.argument(
    "reference", required=False, metavar="[NS/NAME[@VERSION]]", shell_complete=complete_reference
)
@click.option("--all", "everything", is_flag=True,
              help="All releases: of the data set, or of every data set in the store.")  # fmt: skip
@with_output
def verify(out: Output, reference: str | None, everything: bool) -> int:
    """Check digests and, where OPENDATA_TRUST is set, signatures; ends with 6 on damage."""
    from opendata._settings import Settings

    usage = "od verify NS/NAME, or od verify --all"
    settings = Settings.from_environment()
    reader = settings.reader()
    targets = list(named_releases(reader, reference, everything=everything, usage=usage))
    found = [_verify(out, settings, reader, target) for target in targets]
    damaged = [f"{damage.object}" for one in found for damage in one.damaged]
    out.result([one.to_json() for one in found], lambda: _show(out, found), damaged)
    return Rejected.exit_code if damaged else 0


def _verify(
    out: Output, settings: Settings, reader: ObjectReader, reference: Reference
) -> Verification:
    from opendata.reading.catalogue import explain_unknown
    from opendata.reading.resolve import resolve
    from opendata.reading.verify import verify_dataset

    try:
        manifest = resolve(reader, reference).manifest
    except NotFound as error:
        raise explain_unknown(reader, reference.id, error) from error
    steps = 2 * len(manifest.files) + len(manifest.reports) + 2
    with out.progress(f"verifying {reference}", steps) as advance:
        return verify_dataset(reader, reference, settings.trust(), progress=advance)


def _show(out: Output, found: list[Verification]) -> None:

    for one in found:
        amount = f"{counted(one.objects, 'object')}, {human_bytes(one.bytes)}"
        if one.passed:
            out.line(f"✓ {one.reference}: {amount}; {_basis(one.trusted)}", fg="green")
            continue
        out.line(f"✗ {one.reference}: {len(one.damaged)} of {amount} are bad", fg="red")
        for damage in one.damaged:
            out.line(f"    {damage.object}")
            out.line(f"      {damage.problem}")


def _basis(trusted: str) -> str:
    if trusted == "signature":
        return "digests and signature hold"
    return "digests hold; no signature was checked, because OPENDATA_TRUST is not set"
