"""Every airport with its ISO 3166-2 subdivision: derived from two published data sets.

The airports name their subdivision in free text, the ISO list has codes; country and name join
them. A name is taken as it stands, then without accents, case and punctuation. Nothing is guessed
beyond that: what does not match, or matches two codes, stays without a code and says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import Any

import pyarrow as pa

AIRPORTS = "getopendata/world-airports"
SUBDIVISIONS = "getopendata/iso-3166-2-subdivisions"

SCHEMA = pa.schema(
    [
        ("icao", pa.string()),
        ("iata", pa.string()),
        ("name", pa.string()),
        ("country", pa.string()),
        ("subd", pa.string()),
        ("subdivision", pa.string()),
        ("subdivision_name", pa.string()),
        ("subdivision_type", pa.string()),
        ("top_subdivision", pa.string()),
        ("match", pa.string()),
    ]
)

Record = dict[str, Any]
Names = dict[tuple[str, str], list[Record]]


def produce(context: Any) -> pa.Table:
    """The joined table, from exactly the releases that the run was given as inputs."""
    airports = context.inputs[AIRPORTS].table(columns=["icao", "iata", "name", "country", "subd"])
    subdivisions = context.inputs[SUBDIVISIONS].table()
    table = join(airports.to_pylist(), subdivisions.to_pylist())
    counts = table["match"].value_counts().to_pylist()
    context.log.info(
        "%d airports: %s",
        table.num_rows,
        ", ".join(f"{row['counts']} {row['values']}" for row in counts),
    )
    return table


def join(airports: list[Record], subdivisions: list[Record]) -> pa.Table:
    """One row per airport, in the order of its key."""
    by_code = {record["code"]: record for record in subdivisions}
    exact: Names = defaultdict(list)
    folded: Names = defaultdict(list)
    for record in subdivisions:
        country = record["code"].partition("-")[0]
        exact[country, record["name"]].append(record)
        folded[country, fold(record["name"])].append(record)
    rows = []
    for airport in sorted(airports, key=lambda record: record["icao"]):
        how, found = match(airport["country"], airport["subd"], exact, folded)
        rows.append({**airport, "match": how, **_described(found, by_code)})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def match(country: str, name: str | None, exact: Names, folded: Names) -> tuple[str, Record | None]:
    """How a name was found and what it names; see the README for the five outcomes."""
    if name is None:
        return "unnamed", None
    for how, candidates in (
        ("exact", exact.get((country, name))),
        ("folded", folded.get((country, fold(name)))),
    ):
        if candidates:
            found = only_one(candidates)
            return (how, found) if found else ("ambiguous", None)
    return "unmatched", None


def only_one(candidates: list[Record]) -> Record | None:
    """The one subdivision of that name, or the one at the top level where a child shares it."""
    if len(candidates) == 1:
        return candidates[0]
    top = [record for record in candidates if record["parent"] is None]
    return top[0] if len(top) == 1 else None


def fold(name: str) -> str:
    """The name without accents, case and punctuation: `Île-de-France` → `ile de france`."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", plain.casefold()))


def _described(found: Record | None, by_code: dict[str, Record]) -> Record:
    if found is None:
        return {}
    top = found
    seen = {top["code"]}
    while top["parent"] in by_code and top["parent"] not in seen:
        top = by_code[top["parent"]]
        seen.add(top["code"])
    return {
        "subdivision": found["code"],
        "subdivision_name": found["name"],
        "subdivision_type": found["type"],
        "top_subdivision": top["code"],
    }
