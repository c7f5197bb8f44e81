"""`od bundle workflows`: the GitHub workflows of the two repositories, written or shown."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import NotFound

SOURCE: Final = "https://github.com/getopendata/opendata"


@click.command()
@click.option("--spec-repo", "spec_folder", metavar="DIR", help="Clone of the spec repository.")
@click.option("--index-repo", "index_folder", metavar="DIR", help="Clone of the index repository.")
@click.option("--spec", default="company/DataSpecHub", show_default=True, metavar="OWNER/NAME",
              help="What GitHub calls the spec repository.")  # fmt: skip
@click.option("--index", default="company/DataIndexHub", show_default=True, metavar="OWNER/NAME",
              help="What GitHub calls the index repository.")  # fmt: skip
@click.option("--branch", default="main", show_default=True, help="The spec repository's branch.")
@click.option("--requirement", metavar="TEXT", help="What pip installs; default: this version.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be written.")
@with_output
def workflows(
    out: Output, spec_folder: str | None, index_folder: str | None, spec: str, index: str,
    branch: str, requirement: str | None, dry_run: bool,
) -> None:  # fmt: skip
    """Write the GitHub workflows by which a commit of a bundle makes its data index.

    \b
    od bundle workflows --spec-repo DataSpecHub --index-repo DataIndexHub
    od bundle workflows --spec acme/specs --index acme/indexes      # show them

    The secrets that they need: DATAINDEX_TRIGGER_TOKEN in the spec repository (may dispatch to the
    index repository), SPEC_REPO_TOKEN in the index repository (may read the spec repository).
    """
    from dataplatform.bundles.workflows import Link, index_files, spec_files

    wanted = requirement or f"opendata[platform] @ git+{SOURCE}@v{version('opendata')}"
    link = Link(requirement=wanted, spec=spec, index=index, branch=branch)
    files = {"spec": (spec_folder, spec_files(link)), "index": (index_folder, index_files(link))}
    if spec_folder is None and index_folder is None:
        _show(out, {side: made for side, (_, made) in files.items()})
        return
    told = [
        one
        for folder, made in files.values()
        if folder is not None
        for one in _write(Path(folder), made, dry_run=dry_run)
    ]
    _tell(out, told, dry_run=dry_run)


def _write(folder: Path, files: Mapping[str, str], *, dry_run: bool) -> list[dict[str, Any]]:
    if not folder.is_dir():
        raise NotFound(
            f"there is no folder {folder}", code="no_folder", hint=f"git clone … {folder}"
        )
    told = []
    for name, text in files.items():
        path = folder / name
        changed = not path.is_file() or path.read_text(encoding="utf-8") != text
        if changed and not dry_run:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        told.append({"file": str(path), "changed": changed})
    return told


def _tell(out: Output, told: list[dict[str, Any]], *, dry_run: bool) -> None:
    def show() -> None:
        for one in told:
            if not one["changed"]:
                out.line(f"✓ {one['file']} is as it should be", fg="green")
            elif dry_run:
                out.line(f"{one['file']} would be written")
            else:
                out.line(f"✓ wrote {one['file']}", fg="green")

    out.result({"files": told, "dry_run": dry_run}, show, [one["file"] for one in told])


def _show(out: Output, sides: Mapping[str, Mapping[str, str]]) -> None:
    def show() -> None:
        for side, files in sides.items():
            for name, text in files.items():
                out.line(f"# --- {side} repository: {name}", bold=True)
                out.line(text)
        out.note("--spec-repo DIR and --index-repo DIR write them")

    out.result(sides, show, [name for files in sides.values() for name in files])
