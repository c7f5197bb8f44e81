"""`od bundle status`, `verify` and `repair` as typed, over real files and a real git repository."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform.alerts.deliver import update_alerts
from dataplatform.alerts.finding import Finding, Observation, Severity
from dataplatform.alerts.policy import Policy, Step
from dataplatform.bundles.watch.expected import HOUR, Grid
from dataplatform.bundles.watch.measured import Spans
from dataplatform.cli.bundles.sparkline import draw
from dataplatform.cli.bundles.watching import parse_share
from dataplatform_tests.adapters.git.hands import GitHand
from dataplatform_tests.bundles.watch.site import MONITORING, OPS, PHONE
from dataplatform_tests.cli.shell import od
from opendata.stores import open_store
from opendata.wire.errors import Denied, InvalidInput

PATH = "bundles/weekly/model-v1.0.0-2025.25.yaml"
BUNDLE = """\
meta: {bundle_name: model, bundle_version: "v1.0.0-2025.25", bundle_type: weekly}
channels:
  - channel: images
    version: ">=1.2,<2"
    data_range: {start_time: "2025-06-01T00:00:00Z", end_time: "2025-06-02T23:59:59Z"}
"""
LOST = "2025/06/01/03/img_000.jpg"
BAD = "2025/06/02/10/img_001.jpg"


@pytest.fixture
def lake(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of one channel with two files an hour over two days, indexed; its lake."""
    for place in ("lake", "mirror"):
        for day in (1, 2):
            for hour in range(24):
                folder = project / place / f"2025/06/{day:02}/{hour:02}"
                folder.mkdir(parents=True)
                for number in range(2):
                    (folder / f"img_{number:03}.jpg").write_bytes(b"%d %d %d" % (day, hour, number))
    specs = GitHand(project / "specs.git")
    channel = (
        f'channel: images\nversion: "1.2.0"\nstorage_path: {project}/lake/\n'
        f"expected: {{every: 1h, count: 2}}\nmirrors: [{project}/mirror/]\n"
    )
    specs.commit(
        {
            PATH: BUNDLE,
            "channels/images/spec-1.2.0.yaml": channel,
            "monitoring/data_integrity.yaml": MONITORING,
        },
        at=datetime.now(UTC),
    )
    monkeypatch.setenv("OPENDATA_SPEC_REPO", str(specs.folder))
    monkeypatch.setenv("OPENDATA_STORAGE", str(project / "store"))
    (project / "store").mkdir()
    assert od("bundle", "index", "weekly/model-v1.0.0-2025.25").code == 0
    return project / "lake"


@pytest.mark.platform
@pytest.mark.requirement("S0-68", "S0-85", "S0-87", "S0-93")
def test_what_breaks_is_shown_repaired_and_healthy_again(lake: Path) -> None:
    healthy = od("bundle", "status", "model")
    assert healthy.code == 0, healthy
    assert "100.00 % complete (threshold 99.00 %): 96 of 96 expected" in healthy.out
    (lake / LOST).unlink()
    (lake / BAD).write_bytes(b"2 10 0")

    verified = od("bundle", "verify", "model", "--quiet")
    assert (verified.code, sorted(verified.out.split())) == (6, [LOST, BAD])

    broken = od("bundle", "status")
    assert broken.code == 6
    assert f"{LOST}: it is gone" in broken.out
    assert f"{BAD} (altered)" in broken.out
    assert "▲" in broken.out
    assert "repair: od bundle repair model@v1.0.0-2025.25 --apply" in broken.out

    planned = od("bundle", "repair", "model", "--json")
    assert planned.code == 0
    assert [one["action"] for one in planned.json["actions"]] == ["rehash", "refetch"]
    assert not (lake / LOST).exists()

    done = od("bundle", "repair", "model@v1.0.0-2025.25", "--apply")
    assert (done.code, "✓ 2 files fetched again and verified" in done.out) == (0, True)
    assert od("bundle", "status", "model").code == 0
    assert "nothing to repair" in od("bundle", "repair", "model").out
    assert od("bundle", "verify", "model").code == 0


@pytest.mark.platform
def test_what_has_no_mirror_is_said_with_what_to_do(lake: Path) -> None:
    (lake / LOST).unlink()
    (lake.parent / "mirror" / LOST).unlink()
    answer = od("bundle", "repair", "model", "--apply")
    assert answer.code == 6
    assert "no mirror has a file of its size" in answer.out
    assert "channels/images/spec-1.2.0.yaml" in answer.out


@pytest.mark.platform
def test_a_file_that_was_restored_by_hand_is_sound_and_nothing_is_left_to_say(lake: Path) -> None:
    (lake.parent / "mirror" / BAD).unlink()
    sound = (lake / BAD).read_bytes()
    (lake / BAD).write_bytes(sound[::-1])
    assert od("bundle", "verify", "model").code == 6
    (lake / BAD).write_bytes(sound)
    planned = od("bundle", "repair", "model")
    assert (planned.code, f"unless it is sound by now: images: {BAD}" in planned.out) == (6, True)
    done = od("bundle", "repair", "model", "--apply")
    assert (done.code, "cannot be repaired" in done.out) == (0, False), done
    assert "✓ 1 file was sound after all" in done.out


@pytest.mark.platform
def test_a_repair_without_a_spec_repository_names_the_setting(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lake / LOST).unlink()
    monkeypatch.delenv("OPENDATA_SPEC_REPO")
    answer = od("bundle", "repair", "model", "--apply")
    assert answer.code == 6
    assert "its mirrors are not known: no spec repository is set" in answer.out
    assert "hint: export OPENDATA_SPEC_REPO=" in answer.out


@pytest.mark.platform
def test_documents_and_a_push_that_failed_are_made_again(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = GitHand(lake.parent / "DataIndexHub.git")
    bare.commit({"README.md": "indexes"}, at=datetime.now(UTC))
    monkeypatch.setenv("OPENDATA_INDEX_REPO", str(bare.folder))
    (lake.parent / "store" / PATH).unlink()
    planned = od("bundle", "repair", "model")
    assert (planned.code, f"make again: {PATH}: is missing" in planned.out) == (0, True)
    assert not (lake.parent / "store" / PATH).exists()
    (lake.parent / "store" / "bundles" / "index.json").write_text("{")
    found = od("repair", "--dry-run", "--json").json
    assert found["bundles"] == 1
    assert [one["object"] for one in found["findings"]] == [
        "bundles/index.json", PATH, f"{PATH} in {bare.folder}"
    ]  # fmt: skip
    repaired = od("repair")
    assert (repaired.code, f"repaired: {PATH} in {bare.folder}" in repaired.out) == (0, True)
    assert "✓ nothing to repair in 0 data sets and 1 bundle" in od("repair").out
    (lake.parent / "store" / PATH).unlink()
    assert f"✓ {PATH} is made again" in od("bundle", "repair", "model", "--apply").out
    assert "nothing to repair" in od("bundle", "repair", "model").out
    monkeypatch.setenv("OPENDATA_INDEX_REPO", str(lake.parent / "nowhere.git"))
    away = od("repair")
    assert (away.code, "nowhere.git" in away.out) == (6, True)


@pytest.mark.platform
@pytest.mark.requirement("S0-76", "S0-77")
def test_alerts_are_shown_and_acknowledged_and_targets_that_cannot_be_told_are_named(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = lake.parent / "alerts"
    addresses.write_text(f"{OPS} = json://127.0.0.1:1/\n")
    addresses.chmod(0o600)
    monkeypatch.setenv("OPENDATA_ALERTS", f"file:{addresses}")
    key = "completeness/weekly/model-v1.0.0-2025.25/images"
    finding = Finding(key, Severity.WARNING, "12 files are missing", "a cause", "a command")
    store = open_store(str(lake.parent / "store"), environ={})
    policy = Policy(steps=(Step(timedelta(), (OPS,)),))
    update_alerts(store, Observation([finding], ("completeness/",)), policy, datetime.now(UTC))

    shown = od("bundle", "status", "model")
    assert shown.code == 6
    assert f"alert {key}" in shown.out
    assert f"not sent to {OPS} after 0 attempts" in shown.out
    assert f"{PHONE} cannot be told: OPENDATA_ALERTS has no address for it" in shown.out

    known = od("bundle", "status", "--ack", key, "--json")
    (alert,) = known.json["alerts"]
    assert "od bundle status" in alert["acknowledged_by"]
    assert known.json["unresolved_targets"].keys() == {PHONE}
    assert od("bundle", "status", "--ack", "completeness/other").code == 4


@pytest.mark.platform
def test_a_wrong_name_gets_the_right_one_and_a_wrong_channel_those_there_are(lake: Path) -> None:
    assert "did you mean 'model'?" in od("bundle", "status", "modle").err
    wrong = od("bundle", "verify", "model", "--channel", "image")
    assert (wrong.code, "it has images" in wrong.err) == (2, True)
    assert od("bundle", "verify", "model", "--sample", "0%").code == 2


@pytest.mark.platform
def test_a_broken_monitoring_file_is_told_with_its_place(lake: Path) -> None:
    specs = GitHand(lake.parent / "other.git")
    specs.commit({"monitoring/data_integrity.yaml": "monitoring: {bundle_completness: {}}\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENDATA_SPEC_REPO", str(specs.folder))
        answer = od("bundle", "status")
    assert answer.code == 2
    assert "monitoring/data_integrity.yaml:1:14: unknown key" in answer.err


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("5 %", 0.05), ("0.05", 0.05), ("100%", 1.0)]
)
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "101%", "some", "-1%", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no share"):
        parse_share(text)


def test_a_gap_of_one_hour_is_seen_in_a_line_of_a_whole_year() -> None:
    hours = 365 * 24
    expected = np.full(hours, 10, np.int64)
    intact = expected.copy()
    intact[5_000] = 0
    line, marks = draw(Spans(Grid(0, HOUR, hours, expected), expected, intact, intact), 0.99)
    assert (len(line), line.count("▁"), line.count("█")) == (48, 1, 47)
    assert marks.index("▲") == line.index("▁")


@pytest.mark.platform
@pytest.mark.requirement("S0-85")
def test_a_data_set_in_a_bundle_is_watched_shard_by_shard(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = GitHand(project / "specs.git")
    asked = f'channels:\n  - {{dataset: {rates}, version: ">=1.0"}}\n'
    specs.commit({PATH: BUNDLE.partition("channels:")[0] + asked}, at=datetime.now(UTC))
    monkeypatch.setenv("OPENDATA_SPEC_REPO", str(specs.folder))
    assert od("bundle", "index", "weekly/model-v1.0.0-2025.25").code == 0
    healthy = od("bundle", "status", "model")
    assert (healthy.code, "2 of 2 expected, of the whole channel" in healthy.out) == (0, True)
    assert od("bundle", "verify", "model").code == 0
    shards = od("bundle", "status", "model", "--json").json["bundles"][0]
    assert shards["completeness"]["channels"][0]["basis"] == "count"

    store = open_store(str(project / ".opendata" / "store"), environ={})
    lost = next(one.key for one in store.list("objects/") if is_shard(one.key, project))
    store.delete(lost)
    broken = od("bundle", "status", "model")
    assert (broken.code, f"{lost}: it is gone" in broken.out) == (6, True)
    repair = od("bundle", "repair", "model", "--apply")
    assert (repair.code, "it is an object of a release" in repair.out) == (6, True)


def is_shard(key: str, project: Path) -> bool:
    """Whether an object is one of the release's shards."""
    manifest = project / ".opendata/store/datasets/me/rates/releases/1.0.0.json"
    return key in {one["path"] for one in json.loads(manifest.read_text())["files"]}


@pytest.mark.platform
def test_nobody_is_told_that_what_a_stranger_locked_is_sound(
    lake: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = project / "trust.json"
    trusted.write_text(create_key(project / "somebody.pem").trust_file())
    assert od("bundle", "verify", "model").code == 0
    monkeypatch.setenv("OPENDATA_TRUST", str(trusted))
    for words in (("verify",), ("repair",), ("repair", "--apply")):
        done = od("bundle", words[0], "model", *words[1:])
        assert done.code == Denied.exit_code, done
