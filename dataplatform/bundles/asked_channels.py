"""Which channels a request's run has to do with, known before the run begins.

Here belongs the reading of a spec for that alone. It forgives: a spec that says nothing useful has
no channels, and its run says what is wrong with it.
"""

from __future__ import annotations

from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.requests import BundleRequest
from dataplatform.channels.catalogue import read_channels
from dataplatform.errors import InvalidDefinition
from dataplatform.ports import SpecRepo
from opendata.wire.errors import InvalidInput, NotFound


def asked_channels(repo: SpecRepo, request: BundleRequest) -> tuple[str, ...]:
    """The canonical names of the channels and data sets that a bundle's spec asks for.

    Raises:
        Unavailable, Denied: where the repository cannot be read.
    """
    try:
        text = repo.read(request.path, request.commit).decode()
        spec = parse_bundle_spec(text, request.path)
    except (InvalidDefinition, InvalidInput, NotFound, UnicodeDecodeError):
        return ()
    catalogue = read_channels(repo, request.commit)
    found = []
    for asked in spec.channels:
        try:
            found.append(asked.name if asked.dataset else catalogue.canonical(asked.name))
        except (InvalidDefinition, InvalidInput, NotFound):
            continue  # the run says so, with all that is wrong
    return tuple(dict.fromkeys(found))
