"""`od bundle check`: every mistake in a spec repository that can be found without indexing.

Here belongs finding the repository and showing what is wrong. What is wrong is `bundles.check`'s.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.words import counted

if TYPE_CHECKING:
    from dataplatform.bundles.check import SpecCheck
    from dataplatform.errors import SourceFinding
    from dataplatform.settings import Settings

_MARKS: Final = ("bundles", "channels")


@click.command()
@click.argument("path", required=False, metavar="[PATH]")
@click.option("--commit", metavar="COMMIT", help="Check a commit (or HEAD) and not the files here.")
@with_output
def check(out: Output, path: str | None, commit: str | None) -> int:
    """Find mistakes in channels, bundles, taxonomy, compatibility and monitoring.

    \b
    od bundle check                      the spec repository around the working folder
    od bundle check specs/channels       what lies there
    od bundle check --commit HEAD        the newest commit of OPENDATA_SPEC_REPO

    Nothing is indexed and nothing is fetched. Ends with 2 if something is wrong; warnings are
    advice.
    """
    from dataplatform.cli.place import find_settings

    found = _check(find_settings(), path, commit)
    out.result(
        {
            "files": list(found.files),
            "errors": [asdict(one) for one in found.errors],
            "warnings": [asdict(one) for one in found.warnings],
        },
        lambda: _show(out, found),
        map(str, found.errors),
    )
    return InvalidInput.exit_code if found.errors else 0


def _check(settings: Settings, path: str | None, commit: str | None) -> SpecCheck:
    from dataplatform.adapters.specrepo.folder import WORKING_TREE, FolderSpecRepo
    from dataplatform.bundle_wiring import open_spec_repo
    from dataplatform.bundles.check import check_specs

    asked = Path(path).expanduser() if path else Path.cwd()
    root = _repository_around(asked)
    if commit is not None:
        address = str(root) if root else path or settings.spec_repo
        if address is None:
            raise _no_repository(asked)
        repo = open_spec_repo(settings, address)
        found = check_specs(repo, repo.head() if commit == "HEAD" else commit)
    elif root is None:
        raise _no_repository(asked)
    else:
        found = check_specs(FolderSpecRepo(root), WORKING_TREE)
    below = asked.resolve().relative_to(root).as_posix() if root else "."
    return found if below == "." else found.only(below)


def _repository_around(path: Path) -> Path | None:
    """The nearest folder at or above a path that has channels or bundles in it."""
    if not path.exists():
        return None
    here = path.resolve()
    for folder in (here, *here.parents):
        if folder.name not in _MARKS and any((folder / mark).is_dir() for mark in _MARKS):
            return folder
    return None


def _no_repository(path: Path) -> NotFound:
    return NotFound(
        f"there is no spec repository at {path}: neither a folder `channels` nor `bundles`",
        code="no_spec_repo",
        hint="go to the repository, or od bundle check PATH",
    )


def _show(out: Output, found: SpecCheck) -> None:
    for finding in found.errors:
        _show_finding(out, finding, "error")
    for finding in found.warnings:
        _show_finding(out, finding, "warning")
    out.note(
        f"{counted(len(found.files), 'file')}: {counted(len(found.errors), 'error')}, "
        f"{counted(len(found.warnings), 'warning')}"
    )
    if not found.errors and found.files:
        out.good("every file can be used")


def _show_finding(out: Output, finding: SourceFinding, kind: str) -> None:
    place = f"{finding.path}:{finding.line}:{finding.column}"
    out.line(f"{place}: {kind}: {finding.message}", fg="yellow" if kind == "warning" else None)
    if finding.hint:
        out.line(f"    → {finding.hint}")
