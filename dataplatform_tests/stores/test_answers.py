"""What a server may answer, and what becomes of it: a try more, a sentence with a hint, a limit."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from obstore import exceptions as foreign
from obstore.store import HTTPStore as HttpClient

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.scripted_s3 import (
    HANG_UP,
    PIECE_BYTES,
    Answer,
    ScriptedS3,
    s3_error,
    scripted_s3,
)
from opendata.stores import ObjectReader
from opendata.stores.addresses import parse_web_address
from opendata.stores.http import ONCE, HttpStore, client_options
from opendata.stores.obstore_errors import is_unconnected
from opendata.stores.patient_reader import PatientReader
from opendata.stores.patient_store import PatientStore
from opendata.stores.port import UNREACHABLE
from opendata.stores.s3 import open_s3
from opendata.wire.errors import (
    Corrupt,
    Denied,
    InvalidInput,
    NotFound,
    OpenDataError,
    Unavailable,
)

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-7", "B8")]
OK = Answer(body=b"0123456789")


@dataclass(frozen=True)
class Case:
    """An answer that is repeated for ever, and what is said in the end."""

    answer: int | Answer
    kind: type[OpenDataError]
    code: str
    says: str
    hint: str
    tries: int


PATIENT, BUSY = 12, 13
NO_LENGTH = Answer(body=b"0123456789", length=None)
CASES = {
    "400": Case(400, InvalidInput, "store_refused", "refuses the request (400)", "REGION", 1),
    "wrong region": Case(
        s3_error(400, "AuthorizationHeaderMalformed"),
        *(InvalidInput, "wrong_region", "is in another region", "AWS_REGION", 1),
    ),
    "expired token": Case(
        s3_error(400, "ExpiredToken"),
        *(Denied, "expired_credentials", "have expired", "get new ones", 1),
    ),
    "expired presigned": Case(
        s3_error(400, "ExpiredRequest"),
        *(Denied, "expired_credentials", "have expired", "get new ones", 1),
    ),
    "403": Case(403, Denied, "no_right", "do not carry the right", "credentials", 1),
    "wrong secret": Case(
        s3_error(403, "SignatureDoesNotMatch"),
        *(Denied, "wrong_secret", "does not accept the secret", "AWS_SECRET_ACCESS_KEY", 1),
    ),
    "unknown key": Case(
        s3_error(403, "InvalidAccessKeyId"),
        *(Denied, "wrong_credentials", "does not know these", "AWS_ACCESS_KEY_ID", 1),
    ),
    "clock skew": Case(
        s3_error(403, "RequestTimeTooSkewed"),
        *(Denied, "clock_skew", "this machine's clock is wrong", "set the clock", 1),
    ),
    "no object": Case(
        s3_error(404, "NoSuchKey"), NotFound, "no_object", "it does not exist", "", 1
    ),
    "no bucket": Case(
        s3_error(404, "NoSuchBucket"), NotFound, "no_bucket", "there is no bucket", "create", 1
    ),
    "408": Case(408, Unavailable, "store_unavailable", "it answered 408", "try again", PATIENT),
    "429": Case(429, Unavailable, "rate_limited", "no more requests just now", "wait", BUSY),
    "500": Case(500, Unavailable, "store_unavailable", "it answered 500", "try again", PATIENT),
    "502": Case(502, Unavailable, "store_unavailable", "it answered 502", "try again", PATIENT),
    "503": Case(503, Unavailable, "store_unavailable", "it answered 503", "try again", PATIENT),
    "slow down": Case(
        s3_error(503, "SlowDown"),
        *(Unavailable, "slow_down", "no more requests just now", "wait", BUSY),
    ),
    "504": Case(504, Unavailable, "store_unavailable", "it answered 504", "try again", PATIENT),
    "hang up": Case(
        HANG_UP, Unavailable, "store_unavailable", "it does not answer", "try again", PATIENT
    ),
    "no length": Case(
        NO_LENGTH, InvalidInput, "no_store_there", "answers without a length", "address", 1
    ),
}


def store_at(server: ScriptedS3, time: VirtualTime, **limits: float) -> ObjectReader:
    store = open_s3("s3://some-bucket", server.environ(), **limits)
    return PatientStore(store, time.patience())


@pytest.mark.parametrize("name", CASES)
def test_each_answer_is_asked_for_again_or_explained(name: str) -> None:
    case, time = CASES[name], VirtualTime()
    with scripted_s3([case.answer]) as server:
        with pytest.raises(case.kind) as caught:
            store_at(server, time).get("some/key")
        assert len(server.requests) == case.tries or (case.tries == BUSY < len(server.requests))
    error = caught.value
    assert (type(error), error.code) == (case.kind, case.code)
    assert case.says in error.message
    assert case.hint in (error.hint or "")
    assert error.retryable is (case.tries > 1)
    assert not any(word in error.message for word in ("Scripted", "<Code>", "Generic", "\n"))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.tries > 1])
def test_what_passes_is_never_seen(name: str) -> None:
    time = VirtualTime()
    with scripted_s3([CASES[name].answer, CASES[name].answer, OK]) as server:
        assert store_at(server, time).get("some/key").data == OK.body
        assert len(server.requests) == 3


def test_a_range_beyond_the_end_names_the_short_object() -> None:
    with scripted_s3([416, OK]) as server, pytest.raises(Corrupt, match="is too short"):
        store_at(server, VirtualTime()).get_ranges("k", [(100, 10)])


def test_a_public_address_is_asked_again_as_well() -> None:
    with scripted_s3([503, 429, HANG_UP, OK]) as server:
        store = HttpStore(parse_web_address(server.endpoint))
        time = VirtualTime()
        assert PatientReader(store, time.patience()).get("k").data == OK.body


# --- no connection at all ----------------------------------------------------------------


@pytest.mark.parametrize("over", ["s3", "http"])
def test_a_port_where_nobody_listens_is_given_up_soon(over: str) -> None:
    time, address = VirtualTime(), f"http://127.0.0.1:{free_ports(1)[0]}"
    environ = ScriptedS3(address).environ()
    inner = (
        open_s3("s3://some-bucket", environ)
        if over == "s3"
        else HttpStore(parse_web_address(address))
    )
    with pytest.raises(Unavailable, match="does not answer") as caught:
        PatientReader(inner, time.patience()).get("k")
    assert caught.value.code == UNREACHABLE
    assert time.now_seconds <= 3


def test_a_host_that_swallows_packets_counts_as_no_connection() -> None:
    with swallowing() as port:
        address = parse_web_address(f"http://127.0.0.1:{port}")
        options = client_options(address, 20) | {"connect_timeout": timedelta(seconds=0.2)}
        client = HttpClient(address.url, client_options=options, retry_config=ONCE)
        with pytest.raises(foreign.GenericError) as caught:
            client.get("k")
    assert is_unconnected(caught.value)


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port whose queue is full, so that the kernel answers no newcomer."""
    with contextlib.ExitStack() as held:
        listening = held.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]


# --- half answers ----------------------------------------------------------------------


@pytest.mark.parametrize("sent", [0, 1, 5, 9])
def test_half_a_body_is_no_body(sent: int) -> None:
    half = Answer(body=OK.body[:sent], length=10)
    with scripted_s3([half, half, OK]) as server:
        assert store_at(server, VirtualTime()).get("k").data == OK.body


def test_half_a_stream_is_continued_by_what_is_missing() -> None:
    head = Answer(headers={"Content-Length": "10"}, length=None)
    rest = Answer(206, OK.body[5:], {"Content-Range": "bytes 5-9/10"})
    with scripted_s3([Answer(body=OK.body[:5], length=10), rest, head]) as server:
        stream = store_at(server, VirtualTime()).stream("k", chunk_bytes=5)
        assert b"".join(stream) == OK.body
        assert server.requests == ["GET", "GET", "HEAD"]
        assert server.ranges[1] == "bytes=5-9"


def test_a_body_that_falls_silent_is_given_up_and_asked_for_again() -> None:
    silent = Answer(body=OK.body[:5], length=10, falls_silent=True)
    with scripted_s3([silent, OK]) as server:
        store = store_at(server, VirtualTime(), silence_seconds=2)
        assert store.get("k").data == OK.body
        assert server.requests == ["GET", "GET"]


# --- bodies without end ------------------------------------------------------------------

HUGE = 10 << 30
ENDLESS = Answer(body=b"x" * PIECE_BYTES, length=HUGE, endless=True)
_READ = """
import os, resource, sys
from opendata.stores import open_reader
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import read_commit
from opendata.reading.resolve import read_route, read_release
from opendata.wire.errors import Corrupt
from opendata.wire.ids import DatasetId
from opendata.wire.version import parse_version
store = open_reader(sys.argv[1], environ=os.environ)
dataset, version = DatasetId("ns", "name"), parse_version("1.0.0")
reads = [
    lambda: read_route(store, dataset),
    lambda: read_release(store, dataset, version),
    lambda: read_commit(store, dataset, 1, "0" * 48),
    lambda: load_catalogue(store),
]
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
limit = used + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for read in reads:
    try:
        read()
    except Corrupt as error:
        print(error.code, error.details["size_bytes"])
"""


@pytest.mark.parametrize("over", ["s3", "http"])
def test_a_document_of_ten_gigabytes_is_refused_in_bounded_memory(over: str) -> None:
    with scripted_s3([ENDLESS]) as server:
        address = "s3://some-bucket" if over == "s3" else server.endpoint
        child = subprocess.run(
            [sys.executable, "-c", _READ, address],
            env={**os.environ, **server.environ()},
            check=True,
            capture_output=True,
            text=True,
        )
        assert server.sent_bytes < 512 << 20
    assert child.stdout.splitlines() == [f"object_too_large {HUGE}"] * 4


def test_an_endless_stream_is_read_piece_by_piece() -> None:
    with scripted_s3([ENDLESS]) as server:
        stream = store_at(server, VirtualTime()).stream("k", chunk_bytes=1 << 20)
        pieces = [next(stream) for _ in range(20)]
        del stream
    assert max(map(len, pieces)) <= 1 << 20
