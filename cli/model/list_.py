"""``finsent model list``."""

from __future__ import annotations

from typing import Any

import typer

from cli.model.options import Json, write_json
from cli.shared.output import Format, print_rows
from cli.shared.versions import registry_of_models


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("list")(list_versions)


def list_versions(json_out: Json = None) -> None:
    """List the versions, oldest first.

    `finsent model list`

    `finsent model list --json -`
    """
    import model
    from model.registry import describe, publication_times

    registry = registry_of_models()
    try:
        champion = model.champion_name(registry)
    except FileNotFoundError:
        champion = ""
    rows = []
    for name, at in publication_times(registry).items():
        row: dict[str, Any] = {"version": name, "champion": name == champion, "published_at": at}
        try:
            found = describe(registry, name)
            row |= {"parent": found.parent, "base": " ".join(part.base for part in found.parts)}
            row["languages"] = [code for part in found.parts for code in part.languages]
            row |= {"bytes": sum(file.bytes for file in found.files.values()), "error": ""}
        except model.BadVersion as error:
            row |= {"parent": "", "base": "", "languages": [], "bytes": 0, "error": str(error)}
        rows.append(row)
    if json_out:
        write_json(rows, json_out)
    else:
        columns = ["version", "", "published", "parent", "base", "languages", "MB", "error"]
        cells = [
            [
                row["version"],
                "champion" if row["champion"] else "",
                f"{row['published_at']:%Y-%m-%d %H:%M}",
                row["parent"],
                row["base"],
                " ".join(row["languages"]),
                f"{row['bytes'] / 1e6:.1f}",
                row["error"],
            ]
            for row in rows
        ]
        print_rows(columns, cells, Format.table)
