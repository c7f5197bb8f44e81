"""Claims: who asks for the run of a commit and path, so that nobody else does (requirement B5).

A push is told twice, by a webhook at once and by the sensor's next look at the repository, and
either may be told again or be killed in the middle. Here belongs the one document per request that
decides between them, created by put-if-absent and changed by compare-and-set. Launching is the
business of `ingress` and of the sensor.

Only whoever made a hook's claim launches its run. Without a run such a claim is a promise for as
long as its lease; after that the sensor takes it over. What the sensor has claimed it asks for
again and again until its cursor has moved on; Dagster knows the run by its key and begins it once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from dataplatform.bundles.requests import BundleRequest, printable
from opendata.stores.port import AlreadyExists, ObjectStore, PreconditionFailed
from opendata.wire import keys
from opendata.wire.codec import Wire, decoder_of, read_wire, replace
from opendata.wire.digest import digest_of
from opendata.wire.errors import NotFound, Unavailable
from opendata.wire.limits import MARK_MAX_BYTES
from opendata.wire.times import format_instant, parse_instant

Asker = Literal["sensor", "hook"]
LEASE: Final = timedelta(minutes=2)
"""How long a hook may take to launch what it has claimed; its calls end within half of it."""


class Claim(Wire):
    """Who asks for the run of a request; `path` is as it is shown. `claim_id` is random, so no two
    states have equal bytes. `run_id` is the run that a hook was told of, None until then."""

    run_key: str
    path: str
    commit: str
    by: Asker
    claimed_at: str
    claim_id: str
    run_id: str | None = None


decoder_of(Claim)


@dataclass(frozen=True)
class Held:
    """A claim as it stands in the store; `new` if this very call made it."""

    claim: Claim
    token: str
    new: bool = False

    def is_over(self, now: datetime, lease: timedelta = LEASE) -> bool:
        """Whether a hook's promise has lapsed. A claim from the future (a clock that was set back)
        has lapsed too: it would bind everybody for as long as the clock was wrong."""
        age = now - parse_instant(self.claim.claimed_at)
        return not -lease <= age < lease


def claim_request(store: ObjectStore, request: BundleRequest, by: Asker, now: datetime) -> Held:
    """Claim a request, or see who has claimed it before.

    Raises:
        Unavailable, Denied: where the store does not take it: then nothing may be launched.
        Corrupt: where the claim that lies there cannot be read.
    """
    claim = Claim(
        run_key=request.run_key,
        path=printable(request.path),
        commit=request.commit,
        by=by,
        claimed_at=format_instant(now),
        claim_id=uuid.uuid4().hex,
    )
    try:
        token = store.put_new(_key(request), claim.to_bytes())
    except AlreadyExists:
        held = read_claim(store, request)
        if held is None:
            raise Unavailable(
                f"the claim of {request.run_key} is there and is not: the store contradicts itself",
                code="claim_vanished",
            ) from None
        return Held(held.claim, held.token, new=held.claim.claim_id == claim.claim_id)
    return Held(claim, token, new=True)


def read_claim(store: ObjectStore, request: BundleRequest) -> Held | None:
    """Who has claimed a request, if anybody has.

    Raises:
        Corrupt: where what lies there cannot be read.
    """
    key = _key(request)
    try:
        blob = store.get(key, max_bytes=MARK_MAX_BYTES)
    except NotFound:
        return None
    return Held(read_wire(Claim, blob.data, key), blob.token)


def hand_over(store: ObjectStore, held: Held, to: Asker, now: datetime) -> Held | None:
    """Let somebody else ask from now on; None if the claim has changed hands meanwhile."""
    return _change(
        store, held, replace(held.claim, by=to, claimed_at=format_instant(now), run_id=None)
    )


def note_run(store: ObjectStore, held: Held, run_id: str) -> Held | None:
    """Note the run that was launched; None if the claim has changed hands meanwhile."""
    return _change(store, held, replace(held.claim, run_id=run_id))


def _change(store: ObjectStore, held: Held, to: Claim) -> Held | None:
    changed = replace(to, claim_id=uuid.uuid4().hex)
    request = BundleRequest(changed.path, changed.commit)
    try:
        token = store.put_if_match(_key(request), changed.to_bytes(), held.token)
    except (PreconditionFailed, NotFound):
        return None
    return Held(changed, token)


Turn = Literal["ask", "wait", "leave"]
HasRun = Callable[[str], bool]
"""Whether the control room has a run of this id."""


def sensors_turn(
    store: ObjectStore,
    request: BundleRequest,
    now: datetime,
    lease: timedelta = LEASE,
    has_run: HasRun = lambda run_id: True,
) -> Turn:
    """What the sensor does about a request that it has found.

    `ask`: request the run, again if need be. `wait`: a hook is about to launch it, so look again
    before the cursor moves on. `leave`: a hook has launched it, and the run is there; a control
    room that was set up anew, over a store that has seen others, has it not.

    Raises:
        OpenDataError: as `claim_request`.
    """
    held = claim_request(store, request, "sensor", now)
    if held.claim.by == "sensor":
        return "ask"
    if held.claim.run_id is not None:
        return "leave" if has_run(held.claim.run_id) else "ask"
    if not held.is_over(now, lease):
        return "wait"
    # Lost against the hook, which has just launched it, or against another sensor.
    return "ask" if hand_over(store, held, "sensor", now) else "wait"


def _key(request: BundleRequest) -> str:
    return keys.bundle_event_key(digest_of(request.run_key.encode()))
