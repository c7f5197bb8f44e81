"""Runs asked for through the GraphQL of Dagster's web server.

Two requests: one looks where the assets are, one adds the partition and launches the run. The run's
tags say what the sensor's own runs say, so that Dagster takes it for one of these and never begins
both. By them a launch whose answer was lost is settled, too: the run is there, or it is not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import Url, make_headers, parse_url

from dataplatform.bundles.ports import UNSETTLED
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.run_names import (
    ASKED_BY_TAG,
    BUNDLE_ASSET,
    PARTITIONS,
    SENSOR,
    channel_asset,
    request_tags,
)
from opendata.wire.errors import InvalidInput, Rejected, Unavailable

JOB: Final = "__ASSET_JOB"
ANSWER_MAX_BYTES: Final = 4 << 20
CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 15.0
"""Three requests at most, so all is over within half of a claim's lease."""
AWAY: Final = "control_room_away"
NEVER_ARRIVED: Final = "control_room_unreachable"
"""No connection came about, so nothing that was asked for has been done."""
_NOT_SENT: Final = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
_AT_WORK: Final = frozenset(
    {"QUEUED", "STARTING", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED"}
)

_FIND = """
query Find($keys: [AssetKeyInput!]) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    repository { name location { name } }
  }
}
"""
_LAUNCH = """
mutation Launch($repository: RepositorySelector!, $partitions: String!, $key: String!,
                $params: ExecutionParams!) {
  addDynamicPartition(
    repositorySelector: $repository, partitionsDefName: $partitions, partitionKey: $key
  ) { __typename ... on PythonError { message } ... on UnauthorizedError { message } }
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
  }
}
"""
_STATUS = """
query Status($tags: [ExecutionTag!]!) {
  runsOrError(filter: {tags: $tags}, limit: 5) { ... on Runs { results { runId status } } }
}
"""


@dataclass(frozen=True)
class _Place:
    """Where the assets are: the code location that has bundles, and which of the asked it has."""

    repository: Mapping[str, str]
    assets: Sequence[Sequence[str]]


class DagsterWeb:
    """Implements `RunRequests` on a web server's address; `user:password@` in it is sent along.

    Raises:
        InvalidInput: for an address that is none.
    """

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        try:
            parts = parse_url(url)
        except LocationParseError:
            parts = Url()
        if parts.scheme not in ("http", "https") or not parts.host:
            raise InvalidInput(
                "OPENDATA_DAGSTER is no web address",
                hint="write it as http://127.0.0.1:3000",
            )
        self._shown = Url(parts.scheme, None, parts.host, parts.port, parts.path).url.rstrip("/")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if parts.auth:
            self._headers |= make_headers(basic_auth=unquote(parts.auth))
        self._pool = PoolManager(
            retries=Retry(0, redirect=0),
            timeout=Timeout(connect=CONNECT_SECONDS, read=answer_seconds),
        )

    def launch(self, request: BundleRequest, channels: Sequence[str]) -> str:
        """See `RunRequests`."""
        wanted = [(BUNDLE_ASSET,), *(channel_asset(channel) for channel in channels)]
        place = self._find(wanted)
        try:
            answer = self._ask(_LAUNCH, _launch_variables(request, place))
        except Unavailable as error:
            if error.code == NEVER_ARRIVED:
                raise
            return self._settle(request, None)  # it may have been launched all the same
        launched = answer.get("launchRun") or {}
        if launched.get("__typename") != "LaunchRunSuccess":
            return self._settle(request, _problem_in(answer))
        return str(launched["run"]["runId"])

    def _find(self, wanted: Sequence[Sequence[str]]) -> _Place:
        answer = self._ask(_FIND, {"keys": [{"path": list(path)} for path in wanted]})
        nodes = answer.get("assetNodes") or []
        bundles = [node for node in nodes if node["assetKey"]["path"] == [BUNDLE_ASSET]]
        if not bundles:
            raise Rejected(
                f"the control room at {self._shown} has no asset {BUNDLE_ASSET}",
                code="no_bundles_there",
                hint="set OPENDATA_SPEC_REPO for its code location too, and reload it",
            )
        repository = bundles[0]["repository"]
        here = [node for node in nodes if node["repository"] == repository]
        return _Place(
            {
                "repositoryName": repository["name"],
                "repositoryLocationName": repository["location"]["name"],
            },
            [node["assetKey"]["path"] for node in here],
        )

    def _settle(self, request: BundleRequest, problem: str | None) -> str:
        """The run of a request that is there and at work, however that came about.

        Raises:
            Rejected: if there is no such run, and the control room said why.
            Unavailable: `launch_unsettled` in all other cases.
        """
        unsettled = Unavailable(
            f"whether the control room at {self._shown} launches {request.run_key} is not known",
            code=UNSETTLED,
        )
        try:
            answer = self._ask(_STATUS, {"tags": _as_tags(_sensor_tags(request))})
        except (Unavailable, Rejected) as error:
            raise unsettled from error
        runs = (answer.get("runsOrError") or {}).get("results")
        at_work = [one["runId"] for one in runs or () if one["status"] in _AT_WORK]
        if at_work:
            return str(at_work[0])
        if runs == [] and problem is not None:
            raise Rejected(
                f"the control room at {self._shown} does not launch the run: {problem}",
                code="not_launched",
            )
        raise unsettled

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        try:
            response = self._pool.request(
                "POST",
                f"{self._shown}/graphql",
                body=body,
                headers=self._headers,
                preload_content=False,
            )
            try:
                data = response.read(ANSWER_MAX_BYTES)
            finally:
                response.release_conn()
        except MaxRetryError as error:
            code = NEVER_ARRIVED if isinstance(error.reason, _NOT_SENT) else AWAY
            raise self._away(type(error.reason).__name__, code) from error
        except HTTPError as error:
            code = NEVER_ARRIVED if isinstance(error, _NOT_SENT) else AWAY
            raise self._away(type(error).__name__, code) from error
        if response.status in (401, 403):
            raise Rejected(
                f"the control room at {self._shown} refuses: HTTP {response.status}",
                code="control_room_denied",
                hint="write user:password@ into OPENDATA_DAGSTER",
            )
        return self._data(response.status, data)

    def _data(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise self._away(f"HTTP {status}, no JSON") from error
        data = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(data, dict):
            return data
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if errors and "data" in answer:  # it is GraphQL that answers, and has understood too little
            raise Rejected(
                f"the control room at {self._shown} does not understand: {_first(errors)}",
                code="control_room_differs",
                hint="it may run another version of Dagster than this",
            )
        raise self._away(f"HTTP {status}")

    def _away(self, why: str, code: str = AWAY) -> Unavailable:
        return Unavailable(
            f"the control room at {self._shown} does not answer ({why})",
            code=code,
            hint="start dagster-webserver, or set OPENDATA_DAGSTER to its address",
        )


def _sensor_tags(request: BundleRequest) -> dict[str, str]:
    """By what the sensor's daemon knows a run."""
    return {"dagster/run_key": request.run_key, "dagster/sensor_name": SENSOR}


def _as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _launch_variables(request: BundleRequest, place: _Place) -> dict[str, Any]:
    tags = {
        **request_tags(request),
        **_sensor_tags(request),
        ASKED_BY_TAG: "hook",
        "dagster/partition": request.partition,
    }
    selector = {
        **place.repository,
        "jobName": JOB,
        "assetSelection": [{"path": list(path)} for path in place.assets],
    }
    return {
        "repository": place.repository,
        "partitions": PARTITIONS,
        "key": request.partition,
        "params": {
            "selector": selector,
            "runConfigData": {},
            "executionMetadata": {"tags": _as_tags(tags)},
        },
    }


def _problem_in(answer: Mapping[str, Any]) -> str:
    for part in (answer.get("launchRun"), answer.get("addDynamicPartition")):
        message = (part or {}).get("message")
        if message:
            return str(message).partition("\n")[0]
    return f"it answered {answer}"[:300]


def _first(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else errors
    message = first.get("message", first) if isinstance(first, dict) else first
    return str(message).partition("\n")[0][:300]
