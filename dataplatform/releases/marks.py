"""Marks: saying something of a frozen release that its frozen bytes cannot say any more.

Here belongs writing marks: one put-if-absent each, signed where a key is configured. Whoever comes
second finds the first one's mark and leaves it. What a mark means stands in `opendata.wire.marks`;
when one is due, in `harden` and `yank`.
"""

from __future__ import annotations

from dataplatform.releases.objects import JSON
from dataplatform.releases.ports import ReleasePorts, Signer
from opendata.reading.marks import mark_statement
from opendata.reading.resolve import read_route
from opendata.stores.port import AlreadyExists
from opendata.wire import keys
from opendata.wire.codec import replace
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.marks import Mark
from opendata.wire.version import parse_version

REASON_MAX_CHARS = 1000


def put_mark(ports: ReleasePorts, name: str, mark: Mark) -> bool:
    """Sign and write a mark under its name; False where there is one already.

    Raises:
        InvalidInput: if its reason is too long.
    """
    check_reason(mark.reason)
    key = keys.mark_key(parse_dataset_id(mark.id), parse_version(mark.release), name)
    try:
        ports.store.put_new(key, _signed(mark, ports.signer).to_bytes(), content_type=JSON)
    except AlreadyExists:
        return False
    return True


def check_reason(reason: str | None) -> None:
    """Refuse a reason that is a text and not a sentence or two, before anything has happened.

    Raises:
        InvalidInput: saying how long it may be.
    """
    if reason is not None and len(reason) > REASON_MAX_CHARS:
        raise InvalidInput(
            f"a reason has at most {REASON_MAX_CHARS} characters; this one has {len(reason)}",
            code="long_reason",
            hint="say where more can be read",
        )


def generation_of(ports: ReleasePorts, dataset: DatasetId) -> int:
    """How often the pointer has moved so far; a mark notes it."""
    route = read_route(ports.store, dataset)
    return route.pointer.generation if route else 0


def _signed(mark: Mark, signer: Signer | None) -> Mark:
    if signer is None:
        return mark
    return replace(mark, signature=signer.sign(mark_statement(mark)), signed_by=signer.key_id)
