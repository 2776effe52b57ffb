"""``finsent model show``."""

from __future__ import annotations

from typing import Any

import typer

from cli.model.options import Json, write_json
from cli.shared.output import Format, print_rows
from cli.shared.versions import Chosen, registry_of_models, resolve_version


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(show)


def show(version: Chosen = None, json_out: Json = None) -> None:
    """Show what a version was made from, its figures and files, and when it was the champion.

    `finsent model show`

    `finsent model show finsent-6d4f --json version.json`
    """
    import msgspec

    import model
    from model.registry import champion_history, describe, publication_times

    registry = registry_of_models()
    name = resolve_version(registry, version)
    moves = [change for change in champion_history(registry) if name in (change.source, change.target)]
    content: dict[str, Any] = msgspec.to_builtins(describe(registry, name))
    content |= {"published_at": publication_times(registry)[name], "history": msgspec.to_builtins(moves)}
    try:
        content["champion"] = model.champion_name(registry) == name
    except FileNotFoundError:
        content["champion"] = False
    if json_out:
        write_json(content, json_out)
        return
    rows = [[key, content[key]] for key in ("version", "champion", "published_at", "parent")]
    rows += [
        [
            f"part {part['name']}",
            f"{part['base']}, for {' '.join(part['languages'])}"
            + (f"; experimental: {' '.join(part['experimental'])}" if part["experimental"] else ""),
        ]
        for part in content["parts"]
    ]
    rows += [["data sha256", content["data_sha256"]]]
    rows += [
        [f"metric {key}", f"{m['value']:.4f} ({m['low']:.4f} to {m['high']:.4f}, n = {m['n']})"]
        for key, m in content["metrics"].items()
    ]
    rows += [[f"fact {key}", value] for key, value in content["facts"].items()]
    rows += [[f"file {key}", f"{f['bytes']:,} bytes, sha256 {f['sha256']}"] for key, f in content["files"].items()]
    rows += [["libraries", ", ".join(f"{key} {value}" for key, value in content["libraries"].items())]]
    rows += [
        [m["at"], f"{m['action']}: {m['from'] or 'none'} to {m['to']}, by {m['by']}{': ' * bool(m['why'])}{m['why']}"]
        for m in content["history"]
    ]
    print_rows(["what", ""], rows, Format.table)
