"""The `# /// script` block, as PEP 723 has it."""

from __future__ import annotations

import pytest

from dataplatform.adapters.runner.script_block import BadBlock, parse_script_block

SCRIPT = '''"""A producer."""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "openpyxl>=3",
#
#   "lxml",
# ]
# ///
import openpyxl
'''


def test_a_block_is_read() -> None:
    block = parse_script_block(SCRIPT)

    assert block is not None
    assert block.dependencies == ("openpyxl>=3", "lxml")
    assert block.line == 2
    assert block.accepts("3.11.7")
    assert not block.accepts("3.10.1")


def test_the_digest_is_that_of_the_block_alone() -> None:
    block, moved, changed = (
        parse_script_block(text)
        for text in (SCRIPT, "\n" + SCRIPT + "x = 1\n", SCRIPT.replace("lxml", "lxml<6"))
    )

    assert block and moved and changed
    assert block.digest == moved.digest != changed.digest


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def produce(context): pass",
        "# /// script\n# dependencies = []\n",
        "# /// other\n# dependencies = 3\n# ///\n",
        "    # /// script\n    # dependencies = 3\n    # ///\n",
    ],
)
def test_what_is_no_block_is_none(source: str) -> None:
    assert parse_script_block(source) is None


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# dependencies = [", "no TOML"),
        ("# dependencies = 'lxml'", "no list of texts"),
        ("# dependencies = [1]", "no list of texts"),
        ("# requires-python = 3", "`requires-python`"),
        ("# requires-python = 'three'", "`requires-python`"),
    ],
)
def test_a_wrong_block_is_told_with_its_line(content: str, message: str) -> None:
    with pytest.raises(BadBlock, match=message) as failed:
        parse_script_block(f"import os\n# /// script\n{content}\n# ///\n")
    assert failed.value.line == 2


def test_a_second_block_is_refused() -> None:
    block = "# /// script\n# dependencies = []\n# ///\n"

    with pytest.raises(BadBlock, match="second") as failed:
        parse_script_block(f"{block}\n{block}")
    assert failed.value.line == 5
