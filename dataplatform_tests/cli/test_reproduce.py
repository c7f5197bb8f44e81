"""`od reproduce` and `od trace`: from what a release keeps, the same content again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

import opendata
from dataplatform_tests.cli.shell import od
from opendata.stores import FolderStore
from opendata.wire import keys
from opendata.wire.ids import parse_dataset_id
from opendata.wire.manifest import Manifest, read_manifest
from opendata.wire.version import parse_version

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-9", "S4-90", "B41")]
YAML = """
id: me/weather
title: Weather
description: Made up rain.
license: CC0-1.0
repo: https://example.org/weather
source: {provider: example}
time: day
contract:
  primary_key: [day]
  fields:
    - {name: day, type: date32, nullable: false}
    - {name: rain, type: float64, unit: mm}
release: {shard: month}
"""
MAIN = """
import pyarrow as pa, pyarrow.csv as csv

def produce(context):
    table = csv.read_csv(context.fetch("https://example.org/rain.csv").path)
    table = table.set_column(0, "day", table["day"].cast(pa.date32()))
    previous = context.previous
    if previous is None:
        return table
    return table.append_column("before", pa.array([previous.table().num_rows] * len(table)))
"""
JANUARY, FEBRUARY = "2024-01-01,1.5\n2024-01-02,2.5\n", "2024-02-01,0.5\n"


@pytest.fixture
def weather(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A producer that fetches one file, by a mirror that a test can change."""
    folder = project / "producers" / "me" / "weather"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "opendata.yaml").write_text(YAML)
    monkeypatch.setenv("OPENDATA_MIRROR", str(project / "mirror"))
    source_says(JANUARY + FEBRUARY)
    return folder


def source_says(rows: str) -> None:
    Path("mirror/example.org").mkdir(parents=True, exist_ok=True)
    Path("mirror/example.org/rain.csv").write_text("day,rain\n" + rows)


def published(*words: str) -> None:
    answer = od("run", "me/weather", "--publish", *words)
    assert answer.code == 0, answer.err


def manifest_of(version: str) -> Manifest:
    key = keys.release_key(parse_dataset_id("me/weather"), parse_version(version))
    return read_manifest((Path(".opendata/store") / key).read_bytes(), key)


def signed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = od("key", "create", "--json").json
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", f"file:{made['key']}")
    monkeypatch.setenv("OPENDATA_TRUST", made["trust"])


def test_what_a_release_is_made_of_is_kept_with_it(weather: Path) -> None:
    published()
    manifest = manifest_of("1.0.0")
    code, source = manifest.trace["method"]["code"], manifest.trace["source"][0]
    digests = [code["main_sha256"], code["definition_sha256"], source["sha256"]]
    assert sorted(manifest.kept) == sorted(map(keys.object_key, digests))
    store = FolderStore(".opendata/store")
    assert store.get(keys.object_key(code["main_sha256"])).data == MAIN.encode()
    assert store.get(keys.object_key(source["sha256"])).data.endswith(FEBRUARY.encode())
    assert od("verify", "me/weather").code == 0


def test_the_same_content_comes_again_although_source_and_producer_have_moved_on(
    weather: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(monkeypatch)
    published()
    source_says(JANUARY)
    weather.joinpath("main.py").write_text("def produce(context): raise SystemExit")
    before = sorted(Path(".opendata/store").rglob("*.json"))
    answer = od("reproduce", "me/weather@1.0.0", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["reproduced"]
    assert answer.json["way"] == "rebuilt"
    assert answer.json["now"] == manifest_of("1.0.0").integrity.content_hash
    assert answer.json["identical_files"] == answer.json["shards"] == 2
    assert sorted(Path(".opendata/store").rglob("*.json")) == before
    assert list(Path(".opendata/work/rehearsals").iterdir()) == []


def test_a_part_of_time_is_made_on_the_release_that_was_current_then(weather: Path) -> None:
    weather.joinpath("main.py").write_text(MAIN.replace("if previous is None", "if True"))
    published()
    source_says(JANUARY + FEBRUARY.replace("0.5", "0.75"))
    published("--start", "2024-02-01", "--end", "2024-02-29")
    source_says(JANUARY.replace("1.5", "9.5"))
    published()
    asked = manifest_of("1.0.1").trace["method"]["asked"]
    assert asked == {"start": "2024-02-01T00:00:00Z", "end": "2024-02-29T23:59:59.999999Z"}
    answer = od("reproduce", "me/weather@1.0.1")
    assert answer.code == 0, answer.err
    assert "the same content" in answer.out
    tree = od("trace", "me/weather@1.0.1").out
    assert "previous: me/weather@1.0.0" in tree
    assert "asked for start 2024-02-01T00:00:00Z" in tree


def test_a_producer_that_is_not_the_same_every_time_is_told_where_it_differs(
    weather: Path,
) -> None:
    weather.joinpath("main.py").write_text(
        "import time, pyarrow as pa\nfrom datetime import date\n"
        "def produce(context):\n"
        "    return pa.table({'day': [date(2024, 1, 1)], 'rain': [float(time.time_ns())]})\n"
    )
    published()
    answer = od("reproduce", "me/weather", "--json")
    assert answer.code == 6
    assert [each["what"] for each in answer.json["differences"]] == [
        "shard 2024-01", "content hash",
    ]  # fmt: skip
    told = od("reproduce", "me/weather")
    assert told.code == 6
    assert "✗ me/weather@1.0.0: rebuilt, and it differs" in told.out


def test_a_source_that_was_not_kept_and_changed_is_named_with_both_digests(
    weather: Path,
) -> None:
    weather.joinpath("opendata.yaml").write_text(
        YAML.replace("{shard: month}", "{shard: month, keep_sources: never}")
    )
    published()
    recorded = manifest_of("1.0.0").trace["source"][0]["sha256"]
    assert keys.object_key(recorded) not in manifest_of("1.0.0").kept
    assert od("reproduce", "me/weather").code == 0  # the mirror still has it
    source_says(JANUARY)
    answer = od("reproduce", "me/weather")
    assert answer.code == 6
    assert f"rain.csv has other bytes now: recorded sha256 {recorded[:12]}…" in answer.err


def test_kept_bytes_that_are_gone_or_damaged_are_named(weather: Path) -> None:
    published()
    source = keys.object_key(manifest_of("1.0.0").trace["source"][0]["sha256"])
    path = Path(".opendata/store") / source
    path.chmod(0o644)
    path.write_bytes(b"day,rain\n2024-01-01,7\n")
    damaged = od("reproduce", "me/weather")
    assert damaged.code == 6
    assert f"are damaged: {source}" in damaged.err
    path.unlink()
    gone = od("reproduce", "me/weather")
    assert gone.code == 6
    assert f"are gone: {source}" in gone.err
    assert source in od("verify", "me/weather").out


def test_an_address_that_was_not_fetched_then_is_not_fetched_now(weather: Path) -> None:
    which = Path("which").absolute()
    which.write_text("rain.csv")
    address = f'"https://example.org/" + open({str(which)!r}).read()'
    text = MAIN.replace('"https://example.org/rain.csv"', address)
    weather.joinpath("main.py").write_text(text)
    published()
    assert od("reproduce", "me/weather").code == 0
    which.write_text("snow.csv")
    answer = od("reproduce", "me/weather")
    assert answer.code == 6
    assert "snow.csv is asked for, and was not fetched when the release was made" in answer.err


def test_a_secret_is_not_needed_for_bytes_that_were_kept(
    weather: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "{shard: month, keep_sources: always}\nsecrets: [TOKEN]"
    weather.joinpath("opendata.yaml").write_text(YAML.replace("{shard: month}", settings))
    address = '"https://example.org/rain.csv?key=" + __import__("os").environ["TOKEN"]'
    text = MAIN.replace('"https://example.org/rain.csv"', address)
    weather.joinpath("main.py").write_text(text)
    Path("mirror/example.org/rain.csv").rename("mirror/example.org/rain.csv%3Fkey%3D%2A%2A%2A")
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    published()
    monkeypatch.delenv("TOKEN")
    monkeypatch.delenv("OPENDATA_MIRROR")
    answer = od("reproduce", "me/weather")
    assert answer.code == 0, answer.err
    assert not any(b"s3cret-of-mine" in p.read_bytes() for p in Path(".opendata").rglob("*.json"))


def test_code_out_of_a_store_runs_only_if_somebody_vouches_for_it(
    weather: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = Path("ran").absolute()
    text = MAIN.replace("def produce", f"open({str(marker)!r}, 'a').write('x')\n\ndef produce")
    weather.joinpath("main.py").write_text(text)
    published()
    shutil.rmtree("producers")
    marker.unlink()
    refused = od("reproduce", "me/weather")
    assert refused.code == 3
    assert "no trust file says whose code may run here" in refused.err
    signed(monkeypatch)  # a key that did not sign it
    assert od("reproduce", "me/weather").code == 3
    assert not marker.exists()
    assert od("reproduce", "me/weather", "--run-anyway").code == 0
    assert marker.exists()


def test_a_release_that_keeps_no_code_is_made_by_the_same_files_at_hand(weather: Path) -> None:
    published()
    store = Path(".opendata/store")
    kept = keys.object_key(manifest_of("1.0.0").trace["method"]["code"]["main_sha256"])
    (store / kept).unlink()
    assert od("reproduce", "me/weather").code == 0
    shutil.rmtree("producers")
    assert od("reproduce", "me/weather", "--run-anyway").code == 4


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pushed_rows_are_read_and_hashed_again(project: Path) -> None:
    table = pa.table({"day": ["a", "b"], "rate": [1.5, None], "tags": [["x"], []]})
    opendata.push(table, "me/rates", license="CC0-1.0")
    answer = od("reproduce", "me/rates", "--json")
    assert answer.code == 0
    assert answer.json["way"] == "rehashed"
    assert "handed over" in answer.json["notes"][0]
    assert answer.json["recorded"] == answer.json["now"]


@pytest.mark.usefixtures("rates")
def test_a_trace_is_shown_as_a_tree_and_as_a_graph() -> None:
    graph = od("trace", "me/rates", "--json").json
    kinds = [node["kind"] for node in graph["nodes"]]
    assert kinds[-2:] == ["method", "artifact"]
    assert {edge["to"] for edge in graph["edges"]} <= {node["id"] for node in graph["nodes"]}
    assert graph["digest"].startswith("sha256:")
    tree = od("trace", "me/rates").out.splitlines()
    assert tree[0].startswith("artifact: me/rates@1.0.0 (sha256:")
    assert tree[1].startswith("└─ method: run ")
    assert od("trace", "me/nothing").code == 4


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_patch_is_applied_again_to_the_release_that_it_was_made_for(weather: Path) -> None:
    published()
    Path("patch.yaml").write_text(
        "ops:\n"
        "  - {op: UPSERT_RECORD, pk: {day: 2024-01-02}, values: {rain: 2.25}}\n"
        "  - {op: DELETE_RECORD, pk: {day: 2024-02-01}}\n"
        "  - {op: ADD_FIELD, name: note, type: string, nullable: true}\n"
    )
    done = od("patch", "me/weather", "patch.yaml", "--yes")
    assert done.code == 0, done.err
    shutil.rmtree("producers")
    current = od("releases", "me/weather", "-q").out.split()[0].rpartition("@")[2]
    answer = od("reproduce", f"me/weather@{current}", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["way"] == "patched again"
    assert answer.json["now"] == manifest_of(current).integrity.content_hash
    tree = od("trace", f"me/weather@{current}").out
    assert "patch: patch of me/weather@1.0.0 (sha256:" in tree
    assert "previous: me/weather@1.0.0" in tree
