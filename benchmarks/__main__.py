"""`python -m benchmarks`: list the cases, run some of them, keep what they measured."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks.cases import Case
from benchmarks.measure import Plan, run_case, run_contender

RESULTS = Path(__file__).resolve().parent / "results"
NO_CASES = ("__main__", "cases", "measure", "tables")


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 1 where a case failed to run. A missed goal is no failure."""
    options = _parser().parse_args(arguments)
    if options.command == "contender":
        case = _cases(options.module)[options.case]
        print(json.dumps(run_contender(case, options.contender, Path(options.folder))))
        return 0
    if options.command == "prepare":
        _cases(options.module)[options.case].prepare(Path(options.folder), options.scale)
        return 0
    found = {name: (module, case) for module in _modules() for name, case in _cases(module).items()}
    if options.command == "list":
        for name, (module, case) in found.items():
            print(f"{module:14} {name:32} {case.title}")
        return 0
    wanted = [
        name
        for name, (module, _) in found.items()
        if not options.names or {name, module} & set(options.names)
    ]
    if not wanted:
        print(
            f"no case is called {' or '.join(options.names)}; see: python -m benchmarks list",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory(prefix="opendata-benchmarks-") as scratch:
        plan = Plan(options.rounds, options.scale, Path(options.folder or scratch))
        for name in wanted:
            module, case = found[name]
            result = run_case(
                module, case, plan, lambda line: print(line, file=sys.stderr, flush=True)
            )
            _tell(result)
            if options.keep:
                RESULTS.mkdir(exist_ok=True)
                text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
                (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the cases and their modules")
    run = commands.add_parser(
        "run", help="run cases, by their name or their module's; all by default"
    )
    run.add_argument("names", nargs="*")
    run.add_argument("--rounds", type=int, default=3)
    run.add_argument("--scale", type=float, default=1.0, help="share of the full size (default 1)")
    run.add_argument(
        "--folder", help="where prepared data is kept for the next run; default: nowhere"
    )
    run.add_argument(
        "--keep",
        action="store_true",
        help="write benchmarks/results/<case>.json for the documentation",
    )
    prepare = commands.add_parser("prepare", help="what a case needs, in this very process")
    for name in ("module", "case", "folder"):
        prepare.add_argument(name)
    prepare.add_argument("scale", type=float)
    contender = commands.add_parser("contender", help="one contender, in this very process")
    for name in ("module", "case", "contender", "folder"):
        contender.add_argument(name)
    return parser


def _modules() -> list[str]:
    return sorted(
        one.name
        for one in pkgutil.iter_modules(benchmarks.__path__)
        if one.name not in NO_CASES and not one.name.startswith("_")
    )


def _cases(module: str) -> dict[str, Case]:
    cases: tuple[Case, ...] = getattr(importlib.import_module(f"benchmarks.{module}"), "CASES", ())
    return {case.name: case for case in cases}


def _tell(result: dict[str, Any]) -> None:
    print(f"\n{result['title']}")
    for name, figures in result["medians"].items():
        shown = (
            f"{figure} {value / 1e6:,.0f} MB"
            if figure.endswith("_bytes")
            else f"{figure} {value:.3f}"
            for figure, value in figures.items()
        )
        print(f"  {name:34} {', '.join(shown)}")
    for goal in result["goals"]:
        low, high = goal["at_least"], goal["at_most"]
        limit = f"at most {high:g}" if high is not None else f"at least {low:g}"
        verdict = "met   " if goal["met"] else "MISSED"
        print(f"  {verdict} {goal['text']}: {goal['value']:.3g} ({limit})")


if __name__ == "__main__":
    sys.exit(main())
