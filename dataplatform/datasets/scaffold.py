"""The texts of a new producer: `opendata.yaml`, `main.py` and `README.md`.

Here belongs what `od init` writes, as plain texts by file name; writing them, asking the user and
copying a source file belong to the command line. The words themselves stand in `scaffold_text`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from string import Template
from typing import Any
from urllib.parse import urlsplit

import yaml

from dataplatform.contracts.model import FieldSpec, Shard
from dataplatform.datasets import scaffold_text as text
from dataplatform.datasets.infer import Proposal, propose
from dataplatform.datasets.sample import NULL_WORDS, Format, Sample
from dataplatform.datasets.type_code import type_code
from opendata.reading.type_names import parse_arrow_type
from opendata.wire.ids import DatasetId

DEFAULT_REPO = "https://github.com/<org>/<repo>"
_IMPORTS = {
    Format.CSV: ("", "import pyarrow.csv as pa_csv"),
    Format.PARQUET: ("", "import pyarrow.parquet as pq"),
    Format.JSON: ("import json", ""),
    Format.LINES: ("import json", ""),
}
_READS = {
    Format.CSV: text.READ_CSV,
    Format.PARQUET: text.READ_PARQUET,
    Format.JSON: text.READ_JSON,
    Format.LINES: text.READ_LINES,
}


def scaffold(
    dataset: DatasetId, *, repo: str | None = None, owner: str | None = None
) -> dict[str, str]:
    """A producer that runs as it is, on sample rows that say so."""
    names = _names(dataset, repo, owner)
    columns = [("date", "date32"), ("value", "float64")]
    return {
        "opendata.yaml": Template(text.DEFINITION).substitute(names),
        "main.py": Template(text.MAIN).substitute(names),
        "README.md": _readme(names, text.SAMPLE_ORIGIN, columns),
    }


def scaffold_from_table(
    dataset: DatasetId,
    sample: Sample,
    *,
    source: str,
    repo: str | None = None,
    owner: str | None = None,
) -> dict[str, str]:
    """A producer that reads a given file or address, with contract, key and time as guessed.

    Args:
        dataset: The id of the new data set.
        sample: The file's table and how it was read.
        source: An `https://` address, or the name under which the file lies beside `main.py`.
        repo: Where the producer's code will live.
        owner: Who looks after it.

    Raises:
        InvalidInput: when the columns cannot stand in a contract.
    """
    proposal = propose(sample.table)
    names = _names(dataset, repo, owner)
    origin = Template(text.TABLE_ORIGIN).substitute(source=_code(source))
    columns = [(field.name, field.type) for field in proposal.contract.fields]
    return {
        "opendata.yaml": _definition_of(dataset, sample, proposal, source, names),
        "main.py": _main_of(sample, proposal, source, names),
        "README.md": _readme(names, origin, columns),
    }


def _names(dataset: DatasetId, repo: str | None, owner: str | None) -> dict[str, str]:
    heading = dataset.name.replace("-", " ").capitalize()
    return {
        "id": _flow(str(dataset)),
        "title": _flow(heading),
        "heading": heading,
        "description": text.DESCRIPTION,
        "repo": _flow(repo or DEFAULT_REPO),
        "owner": _flow(owner or dataset.namespace),
        "provider": _flow(dataset.namespace),
    }


def _readme(names: dict[str, str], origin: str, columns: Iterable[tuple[str, str]]) -> str:
    rows = "\n".join(f"| {_code(name)} | {_code(kind)} | |" for name, kind in columns)
    return Template(text.README).substitute(names, origin=origin, columns=rows)


def _definition_of(
    dataset: DatasetId, sample: Sample, proposal: Proposal, source: str, names: dict[str, str]
) -> str:
    key = proposal.contract.primary_key
    release = {"freeze": "soft", "observation": "7d"}
    if proposal.shard is not Shard.NONE:
        release["shard"] = str(proposal.shard)
    return Template(text.TABLE_DEFINITION).substitute(
        names,
        row_count=f"{sample.table.num_rows:,}",
        source=_flow(_source_section(dataset, source)),
        time=f"time: {_flow(proposal.time)}" if proposal.time else text.NO_TIME,
        key=f"  primary_key: {_flow(list(key))}" if key else text.NO_KEY,
        fields="\n".join(f"    - {_flow(_spec(field))}" for field in proposal.contract.fields),
        release=_flow(release),
    )


def _source_section(dataset: DatasetId, source: str) -> dict[str, str]:
    if not _is_address(source):
        return {"provider": dataset.namespace}
    parts = urlsplit(source)
    provider = re.sub(r"[^a-z0-9]+", "_", (parts.hostname or "").lower()).strip("_")
    return {
        "provider": provider or dataset.namespace,
        "homepage": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/",
        "dataset": source,
    }


def _spec(field: FieldSpec) -> dict[str, Any]:
    spec: dict[str, Any] = field.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return spec


def _main_of(sample: Sample, proposal: Proposal, source: str, names: dict[str, str]) -> str:
    types = [(f.name, type_code(parse_arrow_type(f.type))) for f in proposal.contract.fields]
    address = _is_address(source)
    return Template(text.TABLE_MAIN).substitute(
        names,
        origin="the address below" if address else "the file beside it",
        imports=_imports(sample, needs_path=not address),
        source=_text(source) if address else f"Path(__file__).with_name({_text(source)})",
        types="\n".join(f"    {_text(name)}: {code}," for name, code in types),
        settings=_settings(sample),
        path="context.fetch(SOURCE).path" if address else "SOURCE",
        read=_read(sample),
    )


def _imports(sample: Sample, *, needs_path: bool) -> str:
    standard, arrow = _IMPORTS[sample.format]
    if sample.blank_rows:
        standard = "\n".join(filter(None, [standard, "from functools import reduce"]))
        arrow = f"import pyarrow.compute as pc\n{arrow}"
    path = "from pathlib import Path" if needs_path else ""
    lines = [standard, path, "from typing import Any", "\nimport pyarrow as pa", arrow]
    return "\n".join(line for line in lines if line)


def _settings(sample: Sample) -> str:
    if sample.csv is None:
        return ""
    return "\n" + Template(text.CSV_SETTINGS).substitute(
        header="\n".join(f"    {_text(name)}," for name in sample.csv.names),
        no_value=f"[{', '.join(_text(word) for word in NULL_WORDS)}]",
    )


def _read(sample: Sample) -> str:
    shape = sample.csv
    reading = Template(_READS[sample.format]).substitute(
        separator=_text(shape.separator) if shape else "",
        encoding=_text(shape.encoding) if shape else "",
        rows_under=f"[{_text(sample.rows_under)}]" if sample.rows_under else "",
    )
    return reading + text.DROP_BLANK_ROWS if sample.blank_rows else reading


def _text(value: str) -> str:
    """A Python literal of the text, in double quotes as formatters want it."""
    return json.dumps(value, ensure_ascii=False)


def _is_address(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def _code(value: str) -> str:
    return "`" + value.replace("|", "\\|").replace("`", "'") + "`"


class _OneLine(yaml.SafeDumper):
    """Writes every value on one line, and quotes all text that is not plainly a word."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _plain_or_quoted(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # What YAML 1.1 takes for text may be a number in 1.2 (`1e5`); words are words in both.
    style = None if re.fullmatch(r"[A-Za-z][A-Za-z0-9_/ -]*[A-Za-z0-9]", value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_OneLine.add_representer(str, _plain_or_quoted)


def _flow(value: Any) -> str:
    written: str = yaml.dump(
        value,
        Dumper=_OneLine,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )
    return written.removesuffix("...\n").rstrip("\n")
