"""`od`: the command line of the SDK. One file per noun or verb, one output sink, one error face.

Here belong words for people: options, tables, sentences, exit codes. What a command does stands in
the modules that `import opendata` uses as well; commands of the platform are found by name.
Modules load when their command runs, so that `od --help` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """The `od` command; ends the process with the exit code."""
    from opendata.cli.app import od

    od(prog_name="od")
