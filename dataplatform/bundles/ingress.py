"""Ingress: a push that is told from outside asks for its runs at once (S0-7…S0-10, B5).

Here belongs what the payload of a repository dispatch may say, and what follows from it. Who may
say it (the signature) is the API's. The sensor finds the same commits a moment later; `claims`
decides who asks.

The payload is a hint and not an order: what is asked for is the state of the file at the head of
the branch that is watched, so a late, repeated or overtaken message never brings an older state
back, and a commit of another branch brings nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dataplatform.bundles.asked_channels import step_channels
from dataplatform.bundles.changes import canonical_request
from dataplatform.bundles.claims import Held, claim_request, hand_over, note_run, read_claim
from dataplatform.bundles.ports import UNSETTLED, BundlePorts, RunRequests
from dataplatform.bundles.requests import BundleRequest
from dataplatform.ports import SpecRepo
from opendata.wire.errors import InvalidInput, NotFound, Rejected, Unavailable

EVENT_TYPE: Final = "generate-data-index"
FILES_MAX: Final = 500
"""Of one message. More come by the sensor."""
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_FILE: Final = re.compile(r"bundles/[^\x00-\x1f\x7f]*[^/\x00-\x1f\x7f]\.yaml")
_FILE_MAX_CHARS: Final = 1024
Outcome = Literal["launched", "known", "left_to_sensor", "deleted"]


@dataclass(frozen=True)
class BundleEvent:
    """What a message says: these files were touched by pushes up to this commit."""

    files: tuple[str, ...]
    commit: str


@dataclass(frozen=True)
class AcceptedFile:
    """What came of one file.

    `launched`: a run was asked for just now; `known`: one was before; `left_to_sensor`: it could
    not be now, or another message is at it, and the sensor sees to it; `deleted`: nothing to do.
    """

    path: str
    outcome: Outcome
    commit: str | None = None
    run_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Accepted:
    """What came of a message, file by file."""

    commit: str
    files: tuple[AcceptedFile, ...]

    def to_json(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "commit": self.commit,
            "files": [
                {
                    "bundle_file": one.path,
                    "outcome": one.outcome,
                    "spec_repo_commit": one.commit,
                    "run_id": one.run_id,
                    "reason": one.reason,
                }
                for one in self.files
            ],
        }


def read_event(payload: Mapping[str, Any]) -> BundleEvent:
    """Read a repository dispatch, or its client payload alone.

    `bundle_file` is one path, several as lines, or a list. `bundle_type` and `bundle_name` follow
    from the path; where they are given and say something else, the message is wrong.

    Raises:
        InvalidInput: naming the field.
    """
    if not isinstance(payload, Mapping):
        raise _wrong("the payload", "must be a JSON object")
    told = payload.get("event_type", payload.get("action", EVENT_TYPE))
    if told != EVENT_TYPE:
        raise InvalidInput(
            f"event_type is {told!r}; this hook takes {EVENT_TYPE}", code="unknown_event"
        )
    body = payload.get("client_payload", payload)
    if not isinstance(body, Mapping):
        raise _wrong("client_payload", "must be an object")
    commit = body.get("spec_repo_commit")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise _wrong("spec_repo_commit", "must be a full commit, 40 or 64 hexadecimal digits")
    files = tuple(dict.fromkeys(_files(body.get("bundle_file"))))
    if len(files) == 1:
        _check_names(files[0], body)
    return BundleEvent(files, commit)


def accept(ports: BundlePorts, runs: RunRequests, payload: Mapping[str, Any]) -> Accepted:
    """Ask for the runs that a message calls for, each once, and say what came of each.

    Raises:
        InvalidInput: for a message that cannot be understood.
        NotFound: for a commit that the repository does not have, or without a repository.
        Rejected: for a commit that is not on the branch that is watched (`not_on_branch`).
        Unavailable, Denied: where the repository or the store cannot be used. The sensor asks then.
    """
    event = read_event(payload)
    repo = ports.open_spec_repo()
    head = _head_with(repo, event.commit)
    return Accepted(
        event.commit, tuple(_accept_file(ports, runs, repo, path, head) for path in event.files)
    )


def _head_with(repo: SpecRepo, commit: str) -> str:
    """The newest known commit of the branch, which leads back to `commit`; the remote is asked only
    if what is known does not."""
    known = repo.known_head()
    if known is not None and repo.is_ancestor(commit, known):
        return known
    head = repo.head()
    if repo.is_ancestor(commit, head):
        return head
    raise Rejected(
        f"commit {commit} is not on the branch of {repo.url} that is watched (its head is {head})",
        code="not_on_branch",
        hint="only what is merged is indexed; let the workflow run on pushes to that branch",
        details={"commit": commit, "head": head},
    )


def _accept_file(
    ports: BundlePorts, runs: RunRequests, repo: SpecRepo, path: str, head: str
) -> AcceptedFile:
    try:
        request = canonical_request(repo, path, head)
    except NotFound:
        return AcceptedFile(path, "deleted", reason=f"there is no {path} at {head}")
    if (before := read_claim(ports.store, request)) and (known := _known(request, before)):
        return known
    channels = step_channels(repo, ports.store, request)  # not between the claim and the launch
    held = claim_request(ports.store, request, "hook", ports.now())
    if held.new:
        return _launch(ports, runs, request, channels, held)
    return _known(request, held) or _leave(
        ports, request, held, "another message about it is being acted on"
    )


def _known(request: BundleRequest, held: Held) -> AcceptedFile | None:
    """The answer for a request whose run is asked for already."""
    if held.claim.by == "sensor":
        reason = "the sensor asks for its run"
        return AcceptedFile(request.path, "known", request.commit, reason=reason)
    if held.claim.run_id is not None:
        return AcceptedFile(request.path, "known", request.commit, held.claim.run_id)
    return None


def _launch(
    ports: BundlePorts,
    runs: RunRequests,
    request: BundleRequest,
    channels: tuple[str, ...],
    held: Held,
) -> AcceptedFile:
    try:
        run_id = runs.launch(request, channels)
    except (Unavailable, Rejected) as error:
        if error.code != UNSETTLED:  # certainly nothing was begun
            hand_over(ports.store, held, "sensor", ports.now())
        return AcceptedFile(request.path, "left_to_sensor", request.commit, reason=error.message)
    note_run(ports.store, held, run_id)
    return AcceptedFile(request.path, "launched", request.commit, run_id)


def _leave(ports: BundlePorts, request: BundleRequest, held: Held, why: str) -> AcceptedFile:
    """Leave to the sensor what somebody else was about to launch; at once if that was long ago."""
    now = ports.now()
    if held.is_over(now):
        hand_over(ports.store, held, "sensor", now)
        why = "whoever claimed it did not launch it"
    return AcceptedFile(request.path, "left_to_sensor", request.commit, reason=why)


def _files(told: Any) -> Iterable[str]:
    lines = told.splitlines() if isinstance(told, str) else told
    if not isinstance(lines, list) or not lines or len(lines) > FILES_MAX:
        raise _wrong("bundle_file", f"must be a path, or a list of at most {FILES_MAX}")
    for line in lines:
        parts = line.split("/") if isinstance(line, str) else []
        legal = isinstance(line, str) and len(line) <= _FILE_MAX_CHARS and _FILE.fullmatch(line)
        if not legal or any(part in ("", ".", "..") for part in parts):
            raise _wrong("bundle_file", "must be a path such as bundles/weekly/a-v1.0.0.yaml")
        yield line


def _check_names(path: str, body: Mapping[str, Any]) -> None:
    """S0-5 and S0-6: type and name as they follow from the path."""
    parts = path.split("/")
    follows = {"bundle_type": parts[1], "bundle_name": parts[-1].removesuffix(".yaml")}
    for field, value in follows.items():
        told = body.get(field)
        if told not in (None, "", value):
            raise _wrong(field, f"must be {value!r}, as it follows from bundle_file {path!r}")


def _wrong(field: str, what: str) -> InvalidInput:
    return InvalidInput(f"{field} {what}", code="invalid_payload", details={"field": field})
