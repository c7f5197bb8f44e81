"""What main.py sees: its interval, its sources, published releases, its log, and little else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.datasets.mirror import mirror_path
from dataplatform.datasets.producing import ReleaseInput
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable
from dataplatform_tests.adapters.runner.running import Bench, where
from dataplatform_tests.adapters.sources.scripted_server import (
    Server,
    body,
    scripted_server,
    status,
)
from opendata.wire.errors import Corrupt, Unavailable

pytestmark = [pytest.mark.platform]

CSV = b"n\n1\n2\n"
READ_CSV = """
    import pyarrow.csv

    def produce(context):
        response = context.fetch({url!r})
        return pyarrow.csv.read_csv(response.path)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.mark.requirement("S1-13")
def test_a_source_is_fetched_and_recorded(bench: Bench, server: Server) -> None:
    url = server.script("/n.csv", body(CSV))

    outcome = bench.run(READ_CSV.format(url=url))

    assert bench.table.to_pydict() == {"n": [1, 2]}
    (source,) = outcome.sources
    assert (source.url, source.size_bytes, source.mirrored) == (url, len(CSV), False)
    assert source.sha256.startswith("sha256:")
    assert source.fetched_at.tzinfo is not None


def test_a_response_reads_as_bytes_text_and_json(bench: Bench, server: Server) -> None:
    server.script("/x.json?a=1&b=x+y&b=z", body(b'\xef\xbb\xbf{"n": [1]}', "application/json"))
    server.script("/latin", body("é".encode("latin-1"), "text/plain; charset=ISO-8859-1"))

    bench.run(f"""
        import pyarrow as pa

        def produce(context):
            params = {{"b": ["x y", "z"], "c": None}}
            found = context.fetch("{server.root}/x.json?a=1", params=params, headers={{"K": "v"}})
            assert found.content.startswith(b"\\xef\\xbb\\xbf")
            assert found.text == '{{"n": [1]}}', found.text
            assert found.headers["CONTENT-type"] == "application/json"
            assert found.status == 200 and found.url.endswith("b=z")
            assert context.fetch("{server.root}/latin").text == "é"
            return pa.table(found.json())
    """)

    assert bench.table.to_pydict() == {"n": [1]}
    assert server.seen[0][1]["K"] == "v"


@pytest.mark.requirement("S1-86")
def test_a_source_that_fails_is_told_at_the_line_that_fetched(bench: Bench, server: Server) -> None:
    error = bench.fail(READ_CSV.format(url=server.script("/n.csv", status(503))))

    assert isinstance(error, SourceUnavailable)
    assert where(error) == (FailureClass.NETWORK, "main.py:5")
    assert "/n.csv answers 503 Service Unavailable after 2 attempts" in str(error)
    assert "OPENDATA_MIRROR" in str(error.hint)


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("answer", "failure_class"),
    [
        (status(403), FailureClass.PERMISSION),
        (status(404), FailureClass.PARSE),
        (body(b"<html><title>Log in</title>", "text/html"), FailureClass.PARSE),
    ],
)
def test_a_wrong_answer_keeps_its_class(
    bench: Bench, server: Server, answer: object, failure_class: FailureClass
) -> None:
    error = bench.fail(READ_CSV.format(url=server.script("/n.csv", answer)))  # type: ignore[arg-type]

    assert isinstance(error, ProducerFailed)
    assert where(error) == (failure_class, "main.py:5")


def test_main_py_may_expect_a_failure_by_the_name_python_gives_it(
    bench: Bench, server: Server
) -> None:
    server.script("/gone", status(410))
    server.script("/denied", status(401))
    server.script("/down", status(500))
    server.script("/page", body(b"<html>", "text/html"))

    bench.run(f"""
        import pyarrow as pa

        def produce(context):
            expected = [
                ("gone", FileNotFoundError), ("denied", PermissionError),
                ("down", ConnectionError), ("page", ValueError),
            ]
            for name, kind in expected:
                try:
                    context.fetch("{server.root}/" + name)
                except kind as error:
                    print(name, error.status, error.url.endswith(name))
            assert context.fetch("{server.root}/page", html=True).text == "<html>"
            return pa.table({{"n": [1]}})
    """)

    assert bench.log.splitlines() == [
        "gone 410 True",
        "denied 401 True",
        "down 500 True",
        "page 200 True",
    ]


def test_a_mirror_answers_in_place_of_the_source(bench: Bench, tmp_path: Path) -> None:
    url = "https://data.example/n.csv"
    recorded = tmp_path / "mirror" / mirror_path(url)
    recorded.parent.mkdir(parents=True)
    recorded.write_bytes(CSV)

    outcome = bench.run(READ_CSV.format(url=url), mirror=str(tmp_path / "mirror"))
    error = bench.fail(
        READ_CSV.format(url="https://data.example/m.csv"), mirror=str(tmp_path / "mirror")
    )

    assert [(source.url, source.mirrored) for source in outcome.sources] == [(url, True)]
    assert where(error) == (FailureClass.NETWORK, "main.py:5")
    assert f"looked for {tmp_path}/mirror/data.example/m.csv" in str(error)


def test_the_asked_interval_arrives_as_aware_times(bench: Bench) -> None:
    source = """
        import pyarrow as pa

        def produce(context):
            print(context.start, context.end, context.previous, context.id)
            return pa.table({"n": [1]})
    """
    start_at = datetime(2024, 1, 1, tzinfo=UTC)

    bench.run(source, start_at=start_at)

    assert bench.log == "2024-01-01 00:00:00+00:00 None None test/it"


@pytest.fixture
def release(tmp_path: Path) -> ReleaseInput:
    paths = [tmp_path / "2023.parquet", tmp_path / "2024.parquet"]
    for path, numbers in zip(paths, ([1, 2], [3]), strict=True):
        pq.write_table(pa.table({"n": numbers, "text": list("abc")[: len(numbers)]}), path)
    return ReleaseInput({"id": "test/it"}, lambda: [str(path) for path in paths])


@pytest.mark.requirement("S1-13")
def test_published_releases_are_read_on_demand(bench: Bench, release: ReleaseInput) -> None:
    outcome = bench.run(
        """
        def produce(context):
            assert context.previous.manifest == {"id": "test/it"}
            assert context.previous.table(columns=["text", "n"]).column_names == ["text", "n"]
            assert sum(b.num_rows for b in context.previous.batches(columns=["n"])) == 3
            assert list(context.inputs) == ["ns/other"]
            return context.inputs["ns/other"].table()
        """,
        previous=release,
        inputs={"ns/other": release},
    )

    assert bench.table.to_pydict()["n"] == [1, 2, 3]
    assert outcome.schema.names == ["n", "text"]


def test_a_release_that_nobody_reads_is_not_fetched(bench: Bench) -> None:
    def files() -> list[str]:
        raise AssertionError("fetched for nothing")

    unread = ReleaseInput({}, files)

    bench.run(
        "def produce(context): import pyarrow; return pyarrow.table({'n': [1]})",
        previous=unread,
        inputs={"ns/other": unread},
    )


@pytest.mark.parametrize("ours", [Unavailable("the store is away"), Corrupt("bytes differ")])
def test_a_release_that_we_cannot_read_is_our_own_error(
    bench: Bench, ours: Unavailable | Corrupt
) -> None:
    def files() -> list[str]:
        raise ours

    with pytest.raises(type(ours)) as failed:
        bench.run(
            "def produce(context): return context.previous.table()",
            previous=ReleaseInput({}, files),
        )
    assert failed.value is ours


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("context.inputs['ns/more'].table()", "ns/more is not among `inputs:`"),
        ("context.previous.table(columns=['m'])", "has no column m"),
    ],
)
def test_what_is_not_there_is_named(
    bench: Bench, release: ReleaseInput, expression: str, sentence: str
) -> None:
    error = bench.fail(
        f"def produce(context): return {expression}",
        previous=release,
        inputs={"ns/other": release},
    )

    assert sentence in str(error)


@pytest.mark.requirement("S1-86")
def test_the_log_streams_with_its_levels(bench: Bench) -> None:
    bench.run("""
        import logging, sys

        import pyarrow as pa

        def produce(context):
            context.log.debug("d")
            context.log.info("read %d pages", 3)
            context.log.warning("two\\nlines")
            context.log.error("e")
            print("out")
            print("err", file=sys.stderr)
            return pa.table({"n": [1]})
    """)

    assert [line for line in bench.lines if line[1] not in ("out", "err")] == [
        ("debug", "d"),
        ("info", "read 3 pages"),
        ("warning", "two"),
        ("warning", "lines"),
        ("error", "e"),
    ]
    assert {("info", "out"), ("warning", "err")} <= set(bench.lines)


@pytest.mark.requirement("S1-86")
def test_secrets_arrive_and_nothing_else_of_the_environment_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the platform")

    bench.run(
        """
        import os, tempfile

        import pyarrow as pa

        def produce(context):
            assert len(os.environ["FRED_API_KEY"]) == 12
            print(sorted(n for n in os.environ if not n.startswith("PYTHON")))
            home, temporary = os.environ["HOME"], tempfile.gettempdir()
            print(os.environ["TZ"], os.path.isdir(temporary), os.listdir(home))
            return pa.table({"n": [1]})
        """,
        secrets={"FRED_API_KEY": "s3cret/+ key"},
    )

    names, values = bench.log.splitlines()
    assert set(eval(names)) - {"LC_CTYPE"} == {
        "FRED_API_KEY",
        "HOME",
        "LANG",
        "PATH",
        "TMPDIR",
        "TZ",
    }
    assert values == "UTC True []"


@pytest.mark.requirement("S1-86")
def test_a_secret_shows_nowhere(bench: Bench, server: Server) -> None:
    secret = "s3cret/+ key"
    encoded = base64.b64encode(f"user:{secret}".encode()).decode()
    server.script("/n.csv?key=s3cret%2F%2B+key", status(403))
    source = f"""
        import base64, os, sys, urllib.parse

        def produce(context):
            key = os.environ["KEY"]
            print("plain", key, repr(key), "quoted", urllib.parse.quote(key))
            print(urllib.parse.quote_plus(key), urllib.parse.quote(key, safe=" ").lower())
            print("basic", base64.b64encode(("user:" + key).encode()).decode(), file=sys.stderr)
            context.log.info("in a dict: %s", {{"key": key}})
            context.log.info("x" * 3995 + key)
            context.fetch("{server.root}/n.csv", params={{"key": key}})
    """

    error = bench.fail(source, secrets={"KEY": secret})

    told = f"{bench.lines} {error.to_json()} {error}"
    assert "n.csv?key=*** answers 403" in str(error)
    for form in (secret, "s3cret", encoded, encoded[8:-4]):
        assert form not in told
    assert "plain *** '***' quoted" in bench.log


def test_what_is_recorded_of_a_source_has_no_secret(bench: Bench, server: Server) -> None:
    server.script("/n.csv?key=abc123", body(CSV))

    outcome = bench.run(
        f"""
        import os, pyarrow.csv

        def produce(context):
            key = {{"key": os.environ["KEY"]}}
            return pyarrow.csv.read_csv(context.fetch("{server.root}/n.csv", params=key).path)
        """,
        secrets={"KEY": "abc123"},
    )

    assert outcome.sources[0].url == f"{server.root}/n.csv?key=***"


def test_context_asks_from_threads_and_refuses_in_forks(bench: Bench, server: Server) -> None:
    for number in range(8):
        server.script(f"/{number}", body(str(number).encode(), "text/plain"))

    bench.run(f"""
        import os
        from concurrent.futures import ThreadPoolExecutor

        import pyarrow as pa

        def produce(context):
            if os.fork() == 0:
                try:
                    context.fetch("{server.root}/0")
                except RuntimeError as error:
                    print(error)
                os._exit(0)
            os.wait()
            with ThreadPoolExecutor(4) as pool:
                texts = pool.map(lambda n: context.fetch(f"{server.root}/{{n}}").text, range(8))
                return pa.table({{"n": list(map(int, texts))}})
    """)

    assert bench.table.to_pydict() == {"n": list(range(8))}
    assert "not a fork" in bench.log
