"""Check the Markdown of this project: links, anchors, the code it shows, and pages nobody finds.

Here: what can be wrong inside the text of a page, and between pages. Whether a page is complete or
well written is not checked here, and nothing is fetched: addresses outside the project are left
alone.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN = MarkdownIt("commonmark").enable("table")


def pages(root: Path = ROOT) -> list[Path]:
    """Every Markdown file of the project that git knows or would know."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"],
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    files = (root / name for name in listing.split("\0") if name)
    return sorted(path for path in files if path.is_file())


def findings(path: Path, root: Path = ROOT) -> list[str]:
    """What is wrong on one page, as sentences that begin with file and line."""
    tokens = MARKDOWN.parse(path.read_text(encoding="utf-8"))
    place = path.relative_to(root)
    broken = [
        f"{place}:{line}: {problem}"
        for line, target in links(tokens)
        if (problem := link_problem(path, target, root))
    ]
    return broken + [
        f"{place}:{line}: {problem}"
        for line, language, text in code_blocks(tokens)
        if (problem := code_problem(language, text))
    ]


def links(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """Line and target of every link and picture."""
    for block in tokens:
        line = (block.map or [0])[0] + 1
        for token in block.children or []:
            target = token.attrGet("href" if token.type == "link_open" else "src")
            if token.type in ("link_open", "image") and target:
                yield line, str(target)


def code_blocks(tokens: list[Token]) -> Iterator[tuple[int, str, str]]:
    """Line, language and text of every fenced block."""
    for token in tokens:
        if token.type == "fence":
            yield (token.map or [0])[0] + 1, token.info.strip().split(" ")[0], token.content


def link_problem(page: Path, target: str, root: Path = ROOT) -> str | None:
    """Why a link inside the project leads nowhere, or None."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not path.is_relative_to(root):
        return f"link leads out of the project: {target}"
    if not path.exists():
        return f"link leads nowhere: {target}"
    if parts.fragment and path.suffix == ".md" and parts.fragment not in anchors(path):
        return f"no such heading: {target}"
    return None


def anchors(path: Path) -> set[str]:
    """The anchors that a page's headings get, as GitHub forms them."""
    tokens = MARKDOWN.parse(path.read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    found = set()
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(
            t.content for t in inline.children or [] if t.type in ("text", "code_inline")
        )
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return found


def unreachable(root: Path = ROOT) -> list[str]:
    """Pages under `docs/` that no path of links leads to from `docs/index.md`."""
    every = {path for path in pages(root) if path.is_relative_to(root / "docs")}
    waiting, seen = [root / "docs" / "index.md"], set[Path]()
    while waiting:
        page = waiting.pop()
        if page in seen or page not in every:
            continue
        seen.add(page)
        tokens = MARKDOWN.parse(page.read_text(encoding="utf-8"))
        targets = (urlsplit(target) for _, target in links(tokens))
        waiting += [(page.parent / unquote(t.path)).resolve() for t in targets if not t.scheme]
    return [
        f"{path.relative_to(root)}:1: no link leads here from docs/index.md"
        for path in sorted(every - seen)
    ]


def code_problem(language: str, text: str) -> str | None:
    """Why a block that claims to be Python, YAML or JSON is none, or None."""
    try:
        if language == "python" and ">>>" not in text:
            ast.parse(text)
        elif language in ("yaml", "yml"):
            list(yaml.safe_load_all(text))
        elif language == "json":
            json.loads(text)
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return f"this is no {language}: {' '.join(str(error).split())}"
    return None


def main() -> int:
    """Print what is wrong on all pages."""
    checked = pages()
    problems = [problem for path in checked for problem in findings(path)] + unreachable()
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(checked)} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
