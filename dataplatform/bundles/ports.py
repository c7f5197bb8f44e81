"""What bundles need from the outside world, beside what channels need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataplatform.channels.ports import ChannelPorts
from dataplatform.ports import Clock, IndexRepo, SpecRepo
from dataplatform.releases.ports import Signer
from opendata.reading.trust import TrustRoot
from opendata.stores.port import ObjectStore


@dataclass(frozen=True)
class BundlePorts:
    """Everything that the verbs of this folder act through.

    `base_url` is what documents call the address of the API (S0-36).
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
