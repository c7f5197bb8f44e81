"""A bundle as it is asked for: its spec, where that stands, and where the channels' specs are read.

Here belongs the way from a request, or from a file that somebody holds, to those. A request names
the commit that made the bundle's file; a file may be in no commit at all, and then the lock says
so. Channels' specs are read where the branch stands by now, so that who mends one, or pushes it
after the bundle that asks for it, has only to index again.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.spec import BundleSpec
from dataplatform.ports import SpecRepo
from opendata.wire.bundle import BundleRef, SpecSource
from opendata.wire.digest import digest_of
from opendata.wire.errors import NotFound


@dataclass(frozen=True)
class AskedBundle:
    """A spec and its source. Channels are read from `repo` at `commit`, which is the source's own
    or a later one."""

    spec: BundleSpec
    source: SpecSource
    repo: SpecRepo
    commit: str

    @property
    def ref(self) -> BundleRef:
        """Which bundle."""
        return self.spec.ref


def ask_for(repo: SpecRepo, request: BundleRequest, commit: str | None = None) -> AskedBundle:
    """What a request asks for.

    Args:
        commit: Where channels are read; where the branch stands by now if none is given.

    Raises:
        NotFound: if there is no such file at that commit.
        InvalidDefinition: if the file is no spec of a bundle, or of another one than its path says.
    """
    text = repo.read(request.path, request.commit)
    spec = parse_bundle_spec(text, request.path)
    source = SpecSource(
        repo=repo.name, commit=request.commit, file=request.path, sha256=digest_of(text)
    )
    return AskedBundle(spec, source, repo, commit or newest_with(repo, request.commit))


def newest_with(repo: SpecRepo, commit: str) -> str:
    """Where the branch stands, as of the last look, if a commit leads there; else the commit, which
    a force-push has dropped or nobody has looked for yet."""
    head = repo.known_head()
    return head if head is not None and repo.is_ancestor(commit, head) else commit


def ask_for_file(repo: SpecRepo, text: bytes, path: str, commit: str | None = None) -> AskedBundle:
    """What a file asks for that was fetched from the repository, or that nobody committed yet.

    The lock names the commit that made the bundle's file what it is, if the repository has these
    very bytes, and else none.

    Args:
        path: How findings call the file.
        commit: Where the bytes are looked for and channels are read; the newest commit if none is
            given.

    Raises:
        InvalidDefinition: if it is no spec of a bundle.
        NotFound: if the repository has no such commit.
    """
    spec = parse_bundle_spec(text, path)
    at = commit or repo.head()
    own_path = f"bundles/{spec.ref}.yaml"
    found = repo.touched(own_path, at) if _is_committed(repo, own_path, at, text) else None
    source = SpecSource(repo=repo.name, commit=found, file=own_path, sha256=digest_of(text))
    return AskedBundle(spec, source, repo, at)


def _is_committed(repo: SpecRepo, path: str, commit: str, text: bytes) -> bool:
    try:
        return repo.read(path, commit) == text
    except NotFound as error:
        if error.code == "no_commit":
            raise
        return False
