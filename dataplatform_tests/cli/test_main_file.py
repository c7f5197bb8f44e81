"""What `od check` says of a main.py without running it."""

from __future__ import annotations

import pytest

from dataplatform.cli.main_file import check_main

GOOD = [
    "def produce(context):\n    return []\n",
    "def produce(context, limit=5):\n    yield 1\n",
    "def produce(*anything):\n    ...\n",
    "produce = lambda context: []\n",
    "from mine import produce\n",
    "from mine import make as produce\n",
    "from mine import *\n",
    "class Job:\n    def __call__(self, context): ...\nproduce = Job()\n",
    "try:\n    import a\nexcept ImportError:\n    a = 0\nif a:\n    def produce(context): ...\n",
    "import re\nPATTERN = '\\d'\ndef produce(context): ...\n",
]


@pytest.mark.parametrize("source", GOOD)
def test_whatever_can_be_called_with_a_context_is_fine(source: str) -> None:
    assert check_main(source.encode(), "main.py") == []


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("x = (\n", "main.py:1:5", "this is no Python: '(' was never closed"),
        ("def produce(context)\n    return 1\n", "main.py:1:21", "expected ':'"),
        ("a\0b", "main.py:1:1", "null bytes"),
        ("", "main.py:1:1", "no function `produce`"),
        ("def make(context): ...\n", "main.py:1:1", "no function `produce`"),
        ("def f():\n    def produce(context): ...\n", "main.py:1:1", "no function `produce`"),
        ("\nasync def produce(context): ...\n", "main.py:2:1", "async"),
        ("def produce(): ...\n", "main.py:1:1", "takes no argument"),
        ("def produce(start, end): ...\n", "main.py:1:1", "asks for 2 arguments"),
        ("def produce(c, *, key): ...\n", "main.py:1:1", "keyword argument without a default"),
        ("# /// script\n# dependencies = [\n# ///\ndef produce(c): ...\n", "main.py:1:1", "TOML"),
    ],
)
def test_what_would_stop_a_run_has_its_place(source: str, place: str, message: str) -> None:
    findings = check_main(source.encode(), "main.py")
    assert len(findings) == 1
    assert str(findings[0]).startswith(f"{place}: ")
    assert message in findings[0].message


def test_bytes_that_are_no_text_are_no_python() -> None:
    assert "no Python" in check_main(b"\xff\xfe def produce(c): ...", "main.py")[0].message
