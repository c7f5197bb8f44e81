"""Names: what a data set's assets, checks, steps and schedules are called in Dagster.

Here belongs everything that makes a name legal there, because one illegal name takes the whole code
location down. An id has no underscore, so `-` → `_` and `/` → `__` loses nothing. What cannot be a
name (a folder that is no id, an owner without an address) is told elsewhere, never dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import dagster as dg

from dataplatform.bundles.run_names import CHANNEL_ASSETS, PARTITIONS
from opendata.wire.ids import DatasetId, is_id_part

CONTRACT: Final = "contract"
QUALITY: Final = "quality"
WARNINGS: Final = "warnings"
FREEZE: Final = "freeze"
PUBLISHED: Final = "published"
DEFINITION: Final = "definition"
REPAIR_JOB: Final = "repair"
HARDEN_JOB: Final = "harden"
ROLLBACK_JOB: Final = "rollback"
WATCH_JOB: Final = "bundle_watch"
PRUNE_JOB: Final = "bundle_retention"
CARE_JOBS: Final = frozenset({REPAIR_JOB, HARDEN_JOB, ROLLBACK_JOB, WATCH_JOB, PRUNE_JOB})
"""Jobs that go by what is stored: they need no producer, and materialize nothing."""
BUNDLES: Final = dg.DynamicPartitionsDefinition(name=PARTITIONS)
"""A partition per bundle's spec; the sensor and the webhook add them."""
PARTITION_TAG: Final = "dagster/partition"

_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
_TEAM: Final = re.compile(r"team:[A-Za-z0-9_.-]+", re.ASCII)
_TAG: Final = re.compile(r"[A-Za-z0-9_.-]{1,63}", re.ASCII)
_STEP: Final = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*", re.ASCII)
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_]+", re.ASCII)


@dataclass(frozen=True)
class Names:
    """The names of one data set."""

    dataset: DatasetId

    @property
    def candidate(self) -> dg.AssetKey:
        """The last build, not yet let through."""
        return dg.AssetKey([self.dataset.namespace, self.dataset.name, "candidate"])

    @property
    def release(self) -> dg.AssetKey:
        """The last frozen release."""
        return dg.AssetKey([self.dataset.namespace, self.dataset.name, "release"])

    @property
    def published(self) -> dg.AssetKey:
        """What readers get; everything downstream depends on it."""
        return dg.AssetKey([self.dataset.namespace, self.dataset.name])

    @property
    def all(self) -> list[dg.AssetKey]:
        """The three assets in the order in which they follow each other."""
        return [self.candidate, self.release, self.published]

    @property
    def group(self) -> str:
        """The namespace as a group."""
        return group_of(self.dataset.namespace)

    @property
    def schedule(self) -> str:
        """The schedule of its producer."""
        return self.step("schedule")

    def step(self, name: str) -> str:
        """One of its steps, as logs and re-executions name it."""
        return f"{self.dataset.identifier}__{name}"

    def check(self, name: str) -> dg.AssetCheckKey:
        """One of its checks, on the asset that carries it."""
        carriers = {FREEZE: self.release, PUBLISHED: self.published}
        return dg.AssetCheckKey(carriers.get(name, self.candidate), name)


def group_of(namespace: str) -> str:
    """A namespace as a group; a folder that is no namespace gets a group of its own."""
    return _legal_part(namespace).replace("-", "_")


def broken_key(namespace: str, name: str) -> dg.AssetKey:
    """The asset of a folder that is no data set: at its own place, as far as that has a name."""
    return dg.AssetKey([_legal_part(namespace), _legal_part(name)])


def broken_step(namespace: str, name: str) -> str:
    """The step of a folder that is no data set; no data set's step begins with an underscore."""
    return f"_{_unlike_an_id(f'{namespace}/{name}')}"


def pool_of(provider: str) -> str:
    """A provider as a pool: what it answers slowly, it answers slowly to all its data sets."""
    return f"source/{_ILLEGAL.sub('_', provider.lower()).strip('_') or _digest(provider)}"


def channel_step(channel: str) -> str:
    """The step that indexes a channel; a name that is not legal as it is gets a digest."""
    return f"{CHANNEL_ASSETS}__{channel if _STEP.fullmatch(channel) else _unlike_an_id(channel)}"


def channel_pool(channel: str) -> str:
    """The pool of a channel: what one run has just read, the next one need not read as well."""
    return f"channel/{_ILLEGAL.sub('_', channel)}"


def split_owners(owners: Iterable[str]) -> tuple[list[str], list[str]]:
    """Owners that Dagster knows (an e-mail address, `team:…`) and all others."""
    known: list[str] = []
    others: list[str] = []
    for owner in owners:
        legal = _EMAIL.fullmatch(owner) or _TEAM.fullmatch(owner)
        (known if legal else others).append(owner)
    return known, others


def legal_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that Dagster takes; whoever calls shows all of them as metadata."""
    return {key: value for key, value in tags.items() if _is_legal_tag(key, value)}


def _is_legal_tag(key: str, value: str) -> bool:
    parts = key.split("/")
    return len(parts) <= 2 and all(_TAG.fullmatch(part) for part in [*parts, value or "-"])


def _legal_part(part: str) -> str:
    return part if is_id_part(part) else _unlike_an_id(part)


def _unlike_an_id(text: str) -> str:
    """A legal name that tells apart what only differs in illegal characters."""
    return f"{_ILLEGAL.sub('_', text).strip('_')}_{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
