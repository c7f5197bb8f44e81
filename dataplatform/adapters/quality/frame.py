"""The pandas frame that an expectation looks at: its named columns, if they fit into memory.

Here belongs what is read and as which dtypes. Nothing is sampled: what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb.session import readable_paths
from dataplatform.contracts.values import EXACT_INTEGER_MAX
from opendata.reading.type_names import plain_type
from opendata.wire.errors import Corrupt, Rejected

if TYPE_CHECKING:
    import pandas as pd

TOO_LARGE: Final = "too_large_for_pandas"
_PLAIN_CELL_BYTES: Final = 8
# A Python object and the pointer to it; texts and bytes add their own length.
_OBJECT_CELL_BYTES: Final = 64


@dataclass(frozen=True)
class Files:
    """Parquet files with one schema."""

    paths: tuple[str, ...]
    schema: pa.Schema
    row_count: int

    def check_fits(self, columns: Iterable[str], memory_bytes: int) -> None:
        """Refuse columns that pandas could not hold.

        Raises:
            Rejected: naming the need and the limit.
        """
        needed = sum(self._bytes_in_pandas(column) for column in set(columns))
        if needed > memory_bytes:
            raise Rejected(
                f"its columns take about {_mebibytes(needed)} in pandas over "
                f"{self.row_count:,} rows; the limit is {_mebibytes(memory_bytes)}",
                code=TOO_LARGE,
            )

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """All rows of some columns; without any column, rows that only can be counted."""
        import pandas as pd

        if not columns:
            return pd.DataFrame(index=pd.RangeIndex(self.row_count))
        tables = [pq.ParquetFile(path).read(columns=list(columns)) for path in self.paths]
        table = pa.concat_tables(tables)
        return pd.DataFrame({name: _series(table.column(name)) for name in columns})

    def empty_frame(self) -> pd.DataFrame:
        """All columns and no row, for what is asked of the columns themselves."""
        import pandas as pd

        return pd.DataFrame({name: pd.Series(dtype=object) for name in self.schema.names})

    def _bytes_in_pandas(self, column: str) -> int:
        kind = plain_type(self.schema.field(column).type)
        plain = pa.types.is_primitive(kind) and not pa.types.is_decimal(kind)
        stored = sum(_stored_bytes(path, column) for path in self.paths)
        return stored + self.row_count * (_PLAIN_CELL_BYTES if plain else _OBJECT_CELL_BYTES)


def open_files(files: Sequence[str]) -> Files:
    """Read the files' schema and size.

    Raises:
        InvalidInput, NotFound: where there is no file.
        Corrupt: where a file is no readable Parquet.
    """
    paths = readable_paths(files)
    try:
        rows = sum(pq.read_metadata(path).num_rows for path in paths)
        return Files(tuple(paths), pq.read_schema(paths[0]), rows)
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(f"the candidate cannot be read: {error}", code="bad_parquet") from error


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.4g} MiB"


def _stored_bytes(path: str, column: str) -> int:
    """The column's uncompressed size in a file; of nested columns, that of all their parts."""
    metadata = pq.read_metadata(path)
    return sum(
        part.total_uncompressed_size
        for at in range(metadata.num_row_groups)
        for index in range(metadata.num_columns)
        if (part := metadata.row_group(at).column(index)).path_in_schema.split(".")[0] == column
    )


def _fits_a_float(column: pa.ChunkedArray) -> bool:
    bounds = pc.min_max(column).as_py()
    return all(abs(bound or 0) <= EXACT_INTEGER_MAX for bound in bounds.values())


def _series(column: pa.ChunkedArray) -> Any:
    """A column in the dtype in which comparing and averaging works as one expects."""
    import pandas as pd

    kind = plain_type(column.type)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_integer(kind) and column.null_count and not _fits_a_float(column):
        # With nulls they would become floats, which whole numbers beyond 2^53 do not survive.
        dtype: Any = f"{'UInt' if pa.types.is_unsigned_integer(kind) else 'Int'}{kind.bit_width}"
        return pd.Series(column.to_pylist(), dtype=dtype)
    return column.to_pandas(date_as_object=False)
