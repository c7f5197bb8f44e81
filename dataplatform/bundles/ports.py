"""What bundles need from the outside world, beside what channels need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from dataplatform.bundles.requests import BundleRequest
from dataplatform.channels.ports import ChannelPorts
from dataplatform.ports import Clock, IndexRepo, SpecRepo
from opendata.reading.cache import Cache
from opendata.reading.trust import TrustRoot
from opendata.stores.port import ObjectStore

if TYPE_CHECKING:
    # Loading this pulls in the engines of contracts, which bundles do not need.
    from dataplatform.releases.ports import Signer

UNSETTLED: Final = "launch_unsettled"
"""Code of an `Unavailable` after which the run may have been begun, or may still be."""


class RunRequests(Protocol):
    """The control room, asked for runs from outside of it."""

    def launch(self, request: BundleRequest, channels: Sequence[str]) -> str:
        """Have the run of a request begun; returns its id. Asked twice, it may begin two.

        The run carries the request's key, by which the control room's own sensor knows it.
        `channels` are those that the bundle asks for; which of them are steps of their own is the
        control room's to know. On return the run is queued, running or over.

        Raises:
            Unavailable: where there is no answer: nothing was begun, unless the code is
                `launch_unsettled`.
            Rejected: where the control room will not launch it, saying why: nothing was begun.
        """
        ...


@dataclass(frozen=True)
class BundlePorts:
    """Everything that the verbs of this folder act through.

    `base_url` is what documents call the address of the API (S0-36). `cache` keeps indexes by their
    digests, so that a remote store's are fetched once on a machine; None fetches them each time.
    """

    store: ObjectStore
    channels: ChannelPorts
    open_spec_repo: Callable[[], SpecRepo]
    """Raises NotFound, with the setting to set, where none is configured."""
    open_index_repo: Callable[[], IndexRepo | None]
    """None where none is configured: then documents stay in the store alone."""
    now: Clock
    base_url: str
    signer: Signer | None = None
    trust: TrustRoot | None = None
    cache: Cache | None = field(default=None, repr=False)
