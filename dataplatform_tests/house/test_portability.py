"""What is checked in works anywhere: it names no package registry and no place on one machine."""

from __future__ import annotations

import re

import pytest

from dataplatform_tests.house.tree import project_files, text_of

# Put together from halves, so that this file keeps its own law.
HOSTS = [
    "pypi." + "org", "python" + "hosted.org", "npmjs." + "org", "npmjs." + "com",
    "registry." + "yarnpkg", "crates." + "io", "proxy.golang." + "org", "jfrog." + "io",
]  # fmt: skip
PLACES = re.compile(r"(?<![\w.>}])/(?:wo" + r"rk|ro" + r"ot|Us" + r"ers|opt/py" + r"pi)/[\w.]")
PLATFORM_LOCKS = ("requirements/platform.txt", "requirements/dev.txt")


def lines_that_match(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in project_files()
        for number, line in enumerate((text_of(path) or "").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_that_match(re.compile("|".join(re.escape(host) for host in HOSTS))) == []


def test_no_file_names_a_place_on_one_machine() -> None:
    assert lines_that_match(PLACES) == []


@pytest.mark.parametrize("lock", ["bootstrap", "build", "platform", "dev"])
def test_a_lock_pins_every_package_by_hash_and_names_no_address(lock: str) -> None:
    lines = (text_of(project_files(f"requirements/{lock}.txt")[0]) or "").splitlines()
    packages = [line for line in lines if line[:1].isalnum()]
    assert packages, "the lock is empty"
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+!]+ \\", line) for line in packages)
    assert sum("--hash=sha256:" in line for line in lines) >= len(packages)
    assert not [line for line in lines if "://" in line or "index-url" in line]


def test_the_development_lock_holds_the_platform_lock_unchanged() -> None:
    platform, dev = (
        set(re.findall(r"^(\S+==\S+) ", text_of(project_files(lock)[0]) or "", re.MULTILINE))
        for lock in PLATFORM_LOCKS
    )
    assert platform <= dev
