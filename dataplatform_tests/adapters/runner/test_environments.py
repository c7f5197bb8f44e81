"""Producers with dependencies of their own: built by a real uv, once, then without network."""

from __future__ import annotations

import base64
import hashlib
import os
import time
import zipfile
from pathlib import Path

import pytest

from dataplatform.adapters.runner.environments import UNUSED_SECONDS
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable, failure_class_of
from dataplatform_tests.adapters.runner.running import Bench

pytestmark = [pytest.mark.real, pytest.mark.requirement("S1-13", "S1-86")]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PLATFORM_KEY", "none of its business")
    return Bench(tmp_path)


def wheel(folder: Path, greeting: str) -> Path:
    """A package as small as they come, by hand."""
    path = folder / "greeter-1.0-py3-none-any.whl"
    files = {
        "greeter.py": f"GREETING = {greeting!r}\n",
        "greeter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n",
        "greeter-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{name},{_digest(text)},{len(text)}\n" for name, text in files.items())
    files["greeter-1.0.dist-info/RECORD"] = record + "greeter-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def greets(dependency: str, *more: str) -> str:
    lines = [f"# dependencies = [{dependency!r}]", *more]
    return "\n".join(
        [
            "# /// script",
            *lines,
            "# ///",
            "import pyarrow as pa",
            "def produce(context):",
            "    import greeter, importlib.util",
            "    print(greeter.GREETING, importlib.util.find_spec('dagster'))",
            "    return pa.table({'n': [1]})",
        ]
    )


def test_declared_packages_are_there_and_the_platforms_are_not(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = greets(f"greeter @ {wheel(tmp_path, 'hello').as_uri()}")

    first = bench.run(source)
    assert bench.log.splitlines()[-1] == "hello None"
    assert first.tools["environment"].startswith("sha256:")

    monkeypatch.setattr("uv.find_uv_bin", lambda: "/nothing/here")
    again = bench.run(source)
    assert bench.log == "hello None"
    assert again.tools == first.tools


def test_an_environment_that_was_left_half_built_is_built_again(
    bench: Bench, tmp_path: Path
) -> None:
    source = greets(f"greeter @ {wheel(tmp_path, 'hello').as_uri()}")
    bench.run(source)
    (ready,) = (tmp_path / "environments").glob("*/.ready")
    ready.unlink()

    bench.run(source)

    assert bench.log.splitlines()[-1] == "hello None"
    assert ready.exists()


def test_an_environment_that_nothing_uses_is_removed_when_the_next_is_built(
    bench: Bench, tmp_path: Path
) -> None:
    environments = tmp_path / "environments"
    bench.run(greets(f"greeter @ {wheel(tmp_path, 'hello').as_uri()}"))
    [unused] = environments.glob("*/.ready")
    long_ago = time.time() - UNUSED_SECONDS - 60
    os.utime(unused, (long_ago, long_ago))

    bench.run(greets(f"greeter @ {wheel(tmp_path, 'hello').as_uri()}", "# # another"))

    assert not unused.parent.exists()
    assert len(list(environments.glob("*/.ready"))) == 1


def test_an_environment_that_is_used_stays(bench: Bench, tmp_path: Path) -> None:
    source = greets(f"greeter @ {wheel(tmp_path, 'hello').as_uri()}")
    bench.run(source)
    [used] = (tmp_path / "environments").glob("*/.ready")
    os.utime(used, (0, 0))

    bench.run(source)

    assert time.time() - used.stat().st_mtime < UNUSED_SECONDS


def test_packages_that_do_not_exist_are_a_parse_failure(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(ProducerFailed, match=r"main.py:1: the declared packages cannot") as failed:
        bench.run(greets(f"greeter @ {(tmp_path / 'nothing-1.0-py3-none-any.whl').as_uri()}"))

    assert failed.value.failure_class is FailureClass.PARSE
    assert list((tmp_path / "environments").glob("*/")) == []


def test_packages_out_of_reach_are_a_network_failure(bench: Bench) -> None:
    unreachable = ["# [tool.uv]", "# index-url = 'http://127.0.0.1:1/simple'", "# no-cache = true"]

    with pytest.raises(SourceUnavailable, match="cannot be downloaded") as failed:
        bench.run(greets("greeter", *unreachable))

    assert failed.value.retryable


@pytest.mark.parametrize(
    "block",
    ["# dependencies = ['not >> valid']", "# dependencies = [", "# requires-python = 'x'"],
)
def test_a_block_that_says_nothing_usable_is_a_parse_failure(bench: Bench, block: str) -> None:
    with pytest.raises(ProducerFailed, match=r"parse failure in .*main.py:2: ") as failed:
        bench.run(f"\n# /// script\n{block}\n# ///\ndef produce(context): pass")

    assert failure_class_of(failed.value) is FailureClass.PARSE
