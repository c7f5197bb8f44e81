"""What the adapter makes of answers that no real control room gives on request."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from dataplatform.adapters.dagster_web.graphql import DagsterWeb
from dataplatform.bundles.ports import UNSETTLED
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.web import await_hang_up, web_server
from opendata.wire.errors import InvalidInput, Rejected, Unavailable

pytestmark = pytest.mark.platform

REQUEST = BundleRequest("bundles/weekly/model-v1.0.0-2025.25.yaml", "a" * 40)
RUN = "5378acb5-33c2-46db-a505-693a313a5237"
HERE = {"name": "__repository__", "location": {"name": "opendata"}}
FOUND = {
    "assetNodes": [
        {"assetKey": {"path": ["bundle_index"]}, "repository": HERE},
        {"assetKey": {"path": ["channel_index", "images"]}, "repository": HERE},
    ]
}
ADDED = {"__typename": "AddDynamicPartitionSuccess"}
LAUNCHED = {
    "addDynamicPartition": ADDED,
    "launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": RUN}},
}
FAILED = {
    "addDynamicPartition": ADDED,
    "launchRun": {"__typename": "PythonError", "message": "The location is away\nTraceback"},
}
Answer = tuple[int, Any] | Callable[[BaseHTTPRequestHandler], None]


class Room:
    """A web server that answers each operation as a test says, and notes what it was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers, self.asked, self.headers = answers, {}, {}  # type: ignore[var-annotated]

    @contextlib.contextmanager
    def open(self) -> Iterator[str]:
        room = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = body["query"].split()[1].partition("(")[0].lower()
                room.asked[name] = body["variables"]
                room.headers = {key.lower(): value for key, value in self.headers.items()}
                answer = room.answers[name]
                if callable(answer):
                    answer(self)
                    return
                status, data = answer
                sent = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *args: object) -> None:
                pass

        with web_server(Handler) as address:
            yield address

    def launch(self, channels: tuple[str, ...] = ("images",), user: str = "") -> str:
        with self.open() as address:
            url = address.replace("http://", f"http://{user}@") if user else address
            return DagsterWeb(url, answer_seconds=0.5).launch(REQUEST, channels)


def ok(data: Any) -> Answer:
    return 200, {"data": data}


def status(run: str | None) -> Answer:
    return ok({"runsOrError": {"results": [{"runId": RUN, "status": run}] if run else []}})


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    await_hang_up(handler.connection)


@pytest.mark.requirement("B5")
def test_a_run_is_launched_with_what_the_sensors_own_runs_carry() -> None:
    room = Room(find=ok(FOUND), launch=ok(LAUNCHED))
    assert room.launch() == RUN
    params = room.asked["launch"]["params"]
    tags = {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]}
    assert tags == {
        "opendata/commit": REQUEST.commit,
        "opendata/path": REQUEST.path,
        "opendata/asked_by": "hook",
        "dagster/partition": "weekly/model-v1.0.0-2025.25",
        "dagster/run_key": REQUEST.run_key,
        "dagster/sensor_name": "spec_bundle_sensor",
    }
    assert room.asked["launch"]["key"] == REQUEST.partition
    assert [one["path"] for one in params["selector"]["assetSelection"]] == [
        ["bundle_index"],
        ["channel_index", "images"],
    ]


def test_only_channels_that_the_control_room_knows_are_steps() -> None:
    room = Room(find=ok(FOUND), launch=ok(LAUNCHED))
    room.launch(("images", "unknown"))
    assert ["channel_index", "unknown"] in [one["path"] for one in room.asked["find"]["keys"]]
    selected = room.asked["launch"]["params"]["selector"]["assetSelection"]
    assert ["channel_index", "unknown"] not in [one["path"] for one in selected]


@pytest.mark.parametrize("state", ["QUEUED", "STARTED", "SUCCESS", "FAILURE"])
def test_a_run_that_is_there_in_spite_of_an_error_was_launched(state: str) -> None:
    room = Room(find=ok(FOUND), launch=ok(FAILED), status=status(state))
    assert room.launch() == RUN
    assert {tag["key"]: tag["value"] for tag in room.asked["status"]["tags"]} == {
        "dagster/run_key": REQUEST.run_key,
        "dagster/sensor_name": "spec_bundle_sensor",
    }


def test_a_launch_whose_answer_was_lost_is_settled_by_looking() -> None:
    assert Room(find=ok(FOUND), launch=hang_up, status=status("QUEUED")).launch() == RUN
    for answer in (status(None), hang_up, (500, b"oops"), (401, b"{}")):
        with pytest.raises(Unavailable) as raised:
            Room(find=ok(FOUND), launch=hang_up, status=answer).launch()
        assert raised.value.code == UNSETTLED


def test_a_run_that_was_created_and_not_submitted_is_not_launched() -> None:
    with pytest.raises(Unavailable) as raised:
        Room(find=ok(FOUND), launch=ok(FAILED), status=status("NOT_STARTED")).launch()
    assert raised.value.code == UNSETTLED


def test_a_refusal_says_why() -> None:
    with pytest.raises(Rejected, match=r"does not launch the run: The location is away$"):
        Room(find=ok(FOUND), launch=ok(FAILED), status=status(None)).launch()


@pytest.mark.parametrize(
    ("find", "error", "told"),
    [
        (ok({"assetNodes": []}), Rejected, "has no asset bundle_index"),
        ((500, b"oops"), Unavailable, "HTTP 500"),
        ((502, {"errors": [{"message": "bad gateway"}]}), Unavailable, "HTTP 502"),
        ((200, b"<html>"), Unavailable, "no JSON"),
        ((200, [1]), Unavailable, "HTTP 200"),
        (
            (500, {"data": None, "errors": [{"message": "Cannot query field"}]}),
            Rejected,
            "Cannot query field",
        ),
        ((401, {}), Rejected, "HTTP 401"),
        ((403, {}), Rejected, "HTTP 403"),
        (hang_up, Unavailable, "ReadTimeoutError"),
    ],
)
def test_every_other_answer_is_one_of_two(find: Answer, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        Room(find=find).launch()


def test_nobody_there_is_unavailable_and_no_password_is_told() -> None:
    [port] = free_ports(1)
    with pytest.raises(Unavailable) as raised:
        DagsterWeb(f"http://user:secret@127.0.0.1:{port}").launch(REQUEST, ())
    assert raised.value.code != UNSETTLED  # nothing was asked of anybody
    assert "secret" not in f"{raised.value} {raised.value.hint}"


def test_a_password_is_sent_along() -> None:
    room = Room(find=ok(FOUND), launch=ok(LAUNCHED))
    room.launch(user="user:s%40cret")
    assert room.headers["authorization"] == "Basic dXNlcjpzQGNyZXQ="


@pytest.mark.parametrize("url", ["", "127.0.0.1:3000", "ftp://host", "http://", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="OPENDATA_DAGSTER"):
        DagsterWeb(url)
