"""Which spec a person means who types a file or a path, and which repository it belongs to.

Here belongs finding the repository: the one that `OPENDATA_SPEC_REPO` names, else the working tree
around the file. What is asked for then is `bundles.asked`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dataplatform.adapters.specrepo.folder import FolderSpecRepo, is_committed
from dataplatform.bundle_wiring import open_spec_repo
from dataplatform.bundles.asked import AskedBundle, ask_for, ask_for_file
from dataplatform.bundles.changes import canonical_request
from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.requests import BundleRequest
from dataplatform.ports import SpecRepo
from dataplatform.settings import Settings
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.errors import Denied, InvalidInput, NotFound, Unavailable

_READ_TOO: Final = ("channels", "taxonomy", "compatibility")


def find_asked(settings: Settings, spec: str, commit: str | None) -> AskedBundle:
    """What a file, or a path at a commit of the spec repository, asks for.

    A file in a working tree is taken as it stands there. If it is what its repository has, the lock
    names the commit; else it names none.

    Raises:
        NotFound: if there is no such file, or no repository for it.
        InvalidDefinition: if it is no spec of a bundle, with places.
    """
    file = Path(spec).expanduser()
    if file.is_file():
        return _of_file(settings, file.resolve(), spec, commit)
    if settings.spec_repo is None:
        raise NotFound(
            f"there is no file {spec}",
            code="no_spec",
            hint="for a path in a repository, export OPENDATA_SPEC_REPO=path or URL of it",
        )
    repo = open_spec_repo(settings, settings.spec_repo)
    at = _commit(repo, commit)
    return ask_for(repo, _request(repo, _path(spec), at), at)


def _of_file(settings: Settings, file: Path, shown: str, commit: str | None) -> AskedBundle:
    text = file.read_bytes()
    root = _tree_around(file)
    if root is not None and commit is None:
        return _of_tree(settings, root, text, file.relative_to(root).as_posix())
    address = settings.spec_repo or (str(root) if root else None)
    if address is None and all(one.is_dataset for one in parse_bundle_spec(text, shown).channels):
        return ask_for_file(FolderSpecRepo(file.parent), text, shown)
    if address is None:
        raise NotFound(
            f"{shown} asks for channels, and no spec repository is set to look them up in",
            code="no_spec_repo",
            hint="export OPENDATA_SPEC_REPO=path or URL of the repository with channels/ in it",
        )
    repo = open_spec_repo(settings, address)
    path = file.relative_to(root).as_posix() if root else shown
    return ask_for_file(repo, text, path, _commit(repo, commit))


def _of_tree(settings: Settings, root: Path, text: bytes, path: str) -> AskedBundle:
    """A file of a working tree: as committed if all that it depends on is, else as it stands."""
    if not is_committed(root, [path, *_READ_TOO]):
        return ask_for_file(FolderSpecRepo(root), text, path)
    asked = ask_for_file(open_spec_repo(settings, str(root)), text, path)
    if settings.spec_repo is None or asked.source.commit is None:
        return asked
    # The same commit, under the name that everybody knows the repository by; if it was pushed.
    shared = open_spec_repo(settings, settings.spec_repo)
    try:
        shared.head()
        return ask_for(shared, BundleRequest(path, asked.source.commit))
    except (NotFound, Denied, Unavailable):
        return asked  # not pushed yet, or nobody can tell


def _request(repo: SpecRepo, path: str, at: str | None) -> BundleRequest:
    """With a commit the file is read there, without one where it was last touched."""
    return canonical_request(repo, path, repo.head()) if at is None else BundleRequest(path, at)


def _commit(repo: SpecRepo, commit: str | None) -> str | None:
    return repo.head() if commit == "HEAD" else commit


def _path(spec: str) -> str:
    """`weekly/name-version` and `bundles/weekly/name-version.yaml` are the same file."""
    try:
        return f"bundles/{parse_bundle_ref(spec)}.yaml"
    except InvalidInput:
        return spec


def _tree_around(file: Path) -> Path | None:
    """The working tree of a file that lies below its `bundles/`, or None."""
    for folder in file.parents:
        around = folder.parent
        if folder.name == "bundles" and any((around / n).exists() for n in (".git", "channels")):
            return around
    return None
