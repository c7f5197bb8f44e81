"""`od search`: which data sets are published in the store."""

from __future__ import annotations

import click

from opendata.cli.output import Output, with_output


@click.command()
@click.argument("text", nargs=-1)
@click.option("--topic", help="Only data sets with this topic.")
@click.option("--namespace", help="Only data sets of this namespace.")
@click.option("--covers", metavar="DATE", help="Only data sets whose coverage holds this date.")
@with_output
def search(
    out: Output,
    text: tuple[str, ...],
    topic: str | None,
    namespace: str | None,
    covers: str | None,
) -> None:
    """Find data sets by words in id, title, description and topics; without words, list all.

    `tag:rates` is short for --topic rates.
    """
    from opendata._settings import Settings
    from opendata.reading.catalogue import load_catalogue, near_words, search_catalogue

    catalogue = load_catalogue(Settings.from_environment().reader())
    words = " ".join(text)
    entries = search_catalogue(catalogue, words, topic=topic, namespace=namespace, covers=covers)
    found = [entry.to_json() for entry in entries]

    def show() -> None:
        if not found:
            out.line("nothing published here fits")
            out.note(near_words(catalogue, words) or "od search lists everything there is")
            return
        out.table(
            ["id", "release", "rows", "coverage", "updated", "health", "title"],
            [
                [
                    entry["id"],
                    entry["release"],
                    entry["row_count"],
                    coverage(entry),
                    str(entry["updated_at"])[:10],
                    (entry.get("health") or {}).get("status"),
                    entry["title"],
                ]
                for entry in found
            ],
        )
        out.note(f"od info {found[0]['id']} tells more")

    out.result(found, show, (entry["id"] for entry in found))


def coverage(facts: dict[str, object]) -> str:
    """`2024-01-01 … 2024-12-31`, or nothing where there is no time column."""
    first, last = facts.get("min_date"), facts.get("max_date")
    return f"{str(first)[:10]} … {str(last)[:10]}" if first and last else ""
