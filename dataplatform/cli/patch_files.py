"""Files of a patch: its own text, and the rows that it names in files beside it.

Here belongs reading them. What they mean is decided by `patching.parse` and `plan`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv

from dataplatform.cli.frames import as_reader
from dataplatform.datasets.sample import NULL_WORDS, csv_parsing
from dataplatform.releases.conform import lossless_cast
from dataplatform.releases.patching.parse import Patch, parse_patch
from opendata.wire.errors import InvalidInput, NotFound

STDIN: Final = "-"
_CSV: Final = (".csv", ".tsv", ".txt")
_SEPARATORS: Final = ",;\t|"


def load_patch(file: str) -> Patch:
    """The patch in a YAML or JSON file, or on standard input (`-`).

    Raises:
        NotFound: if there is no such file.
        InvalidPatch: with every finding at its line and column.
    """
    if file == STDIN:
        return parse_patch(sys.stdin.buffer.read(), "<stdin>")
    path = Path(file).expanduser()
    if not path.is_file():
        raise NotFound(f"there is no file {file}", code="missing_file", hint="od patch --help")
    return parse_patch(path.read_bytes(), file)


def rows_beside(folder: Path) -> Callable[[str, pa.Schema], pa.Table]:
    """What reads the rows of a file that a patch names, relative to `folder`."""

    def read(name: str, schema: pa.Schema) -> pa.Table:
        path = folder / Path(name).expanduser()
        if not path.is_file():
            raise NotFound(
                f"there is no file {path}, which the patch names",
                code="missing_file",
                hint="a file is looked for beside the patch",
            )
        if path.suffix.lower() in _CSV:
            return _csv(path, schema)
        table = as_reader(path).read_all()
        return _conformed(table, schema, path)

    return read


def _csv(path: Path, schema: pa.Schema) -> pa.Table:
    """A CSV file by the types of the fields: nothing is guessed, so 007 stays what it is."""
    data = path.read_bytes()
    header = data[: 64 << 10].split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    separator = max(_SEPARATORS, key=header.count)
    try:
        return pa_csv.read_csv(
            pa.BufferReader(data),
            parse_options=csv_parsing(separator),
            convert_options=pa_csv.ConvertOptions(
                column_types=schema, null_values=list(NULL_WORDS), strings_can_be_null=True
            ),
        )
    except (pa.ArrowException, UnicodeError) as error:
        raise InvalidInput(
            f"{path} does not fit the fields: {error}",
            code="unreadable_file",
            hint="write values as the types of the data set have them: od info shows these",
        ) from error


def _conformed(table: pa.Table, schema: pa.Schema, path: Path) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name in schema.names:
            try:
                column = lossless_cast(column, schema.field(name).type)
            except (pa.ArrowException, ValueError) as error:
                raise InvalidInput(
                    f"column {name!r} of {path} does not fit {schema.field(name).type}: {error}",
                    code="unreadable_file",
                ) from error
        columns[name] = column
    return pa.table(columns)
