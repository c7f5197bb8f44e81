"""Runs asked for through the GraphQL of Dagster's web server.

Two requests: one looks where the assets are, one adds the partition and launches the run. The run's
id is the caller's, so a launch whose answer was lost is settled by looking at the run. Its tags say
what the sensor's own runs say, so that Dagster takes it for one of these and never begins both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, make_headers, parse_url

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
query Status($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }
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

    def launch(self, request: BundleRequest, run_id: str, channels: Sequence[str]) -> None:
        """See `RunRequests`."""
        wanted = [(BUNDLE_ASSET,), *(channel_asset(channel) for channel in channels)]
        place = self._find(wanted)
        try:
            answer = self._ask(_LAUNCH, _launch_variables(request, run_id, place))
        except Unavailable:
            self._settle(run_id, None)  # it may have been launched all the same
            return
        launched = answer.get("launchRun") or {}
        if launched.get("__typename") != "LaunchRunSuccess":
            self._settle(run_id, _problem_in(answer))

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

    def _settle(self, run_id: str, problem: str | None) -> None:
        """Nothing, if the run is there and at work, however that came about.

        Raises:
            Rejected: if there is no such run, and the control room said why.
            Unavailable: in all other cases.
        """
        found = self._ask(_STATUS, {"id": run_id}).get("runOrError") or {}
        status = found.get("status")
        if status in _AT_WORK:
            return
        if status is None and problem is not None:
            raise Rejected(
                f"the control room at {self._shown} does not launch the run: {problem}",
                code="not_launched",
            )
        raise Unavailable(
            f"whether the control room at {self._shown} launches run {run_id} is not known",
            code="launch_unsettled",
        )

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
        except HTTPError as error:
            raise self._away(type(error).__name__) from error
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
        if status < 500 and errors:
            raise Rejected(
                f"the control room at {self._shown} does not understand: {_first(errors)}",
                code="control_room_differs",
                hint="it may run another version of Dagster than this",
            )
        raise self._away(f"HTTP {status}")

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            f"the control room at {self._shown} does not answer ({why})",
            code="control_room_away",
            hint="start dagster-webserver, or set OPENDATA_DAGSTER to its address",
        )


def _launch_variables(request: BundleRequest, run_id: str, place: _Place) -> dict[str, Any]:
    tags = {
        **request_tags(request),
        ASKED_BY_TAG: "hook",
        "dagster/partition": request.partition,
        "dagster/run_key": request.run_key,
        "dagster/sensor_name": SENSOR,
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
            "executionMetadata": {
                "runId": run_id,
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            },
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
