"""``finsent model``: the versions of the model in a registry."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.common import Format, fail, print_rows
from cli.compare import compare
from cli.shadow import shadow
from errors import FinsentError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""The versions of the model, and which of them scores: the champion.

They lie in MODEL_REGISTRY: a folder, or a URL such as s3://bucket/models (with s3fs installed). A version is never
changed; its name ends in a digest of its content. A version that is damaged is refused, and the champion stays.

`finsent model list` · `finsent model promote finsent-6d4f` · `finsent model rollback`
""",
)

app.command()(compare)
app.command()(shadow)

Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version's name, or enough of its beginning.")]
Chosen = Annotated[
    str | None, typer.Argument(metavar="VERSION", help="A version's name, or its beginning; default the champion.")
]
Why = Annotated[str, typer.Option(help="A reason for the history.")]
Promote = Annotated[bool, typer.Option("--promote", help="Make it the champion, too.")]
Json = Annotated[str | None, typer.Option("--json", metavar="OUT", help="Write JSON to a file; - is stdout.")]


def _registry() -> str | Path:
    import model

    return model.ModelSettings().registry


def resolve(registry: str | Path, wanted: str | None) -> str:
    """The one version whose name begins with ``wanted``; the champion for None."""
    import model

    if wanted is None:
        return model.champion_name(registry)
    found = [name for name in model.versions(registry) if name.startswith(wanted)]
    if wanted in found:
        return wanted
    if len(found) > 1:
        fail(f"{wanted!r} may be {', '.join(found)}; give more of the name")
    return found[0] if found else fail(f"{registry} has no version {wanted!r}; 'finsent model list' names them")


def _write(content: Any, out: str) -> None:
    text = json.dumps(content, indent=1, default=_plain)
    if out == "-":
        typer.echo(text)
    else:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    import msgspec

    return value.isoformat() if isinstance(value, datetime) else msgspec.to_builtins(value)


@app.command("list")
def list_versions(json_out: Json = None) -> None:
    """List the versions, oldest first.

    `finsent model list`

    `finsent model list --json -`
    """
    import model

    registry = _registry()
    try:
        champion = model.champion_name(registry)
    except FileNotFoundError:
        champion = ""
    rows = []
    for name, at in model.published(registry).items():
        row: dict[str, Any] = {"version": name, "champion": name == champion, "published_at": at}
        try:
            found = model.describe(registry, name)
            row |= {"parent": found.parent, "base": " ".join(part.base for part in found.parts)}
            row["languages"] = [code for part in found.parts for code in part.languages]
            row |= {"bytes": sum(file.bytes for file in found.files.values()), "error": ""}
        except model.BadVersion as error:
            row |= {"parent": "", "base": "", "languages": [], "bytes": 0, "error": str(error)}
        rows.append(row)
    if json_out:
        _write(rows, json_out)
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


@app.command()
def show(version: Chosen = None, json_out: Json = None) -> None:
    """Show what a version was made from, its figures and files, and when it was the champion.

    `finsent model show`

    `finsent model show finsent-6d4f --json version.json`
    """
    import msgspec

    import model

    registry = _registry()
    name = resolve(registry, version)
    moves = [change for change in model.history(registry) if name in (change.source, change.target)]
    content: dict[str, Any] = msgspec.to_builtins(model.describe(registry, name))
    content |= {"published_at": model.published(registry)[name], "history": msgspec.to_builtins(moves)}
    try:
        content["champion"] = model.champion_name(registry) == name
    except FileNotFoundError:
        content["champion"] = False
    if json_out:
        _write(content, json_out)
        return
    rows = [[key, content[key]] for key in ("version", "champion", "published_at", "parent")]
    rows += [
        [f"part {part['name']}", f"{part['base']}, for {' '.join(part['languages'])}"] for part in content["parts"]
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


def _published(registry: str | Path, name: str, promoted: bool, why: str) -> None:
    import model

    typer.echo(name)
    if promoted:
        model.promote(registry, name, why)


@app.command()
def build(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="An adapter; default the one shipped."),
    ] = None,
    promoted: Promote = False,
    why: Why = "",
) -> None:
    """Build an adapter (what `retrain` writes, or the one that ships) into a version, and print its name.

    `finsent model build --promote`

    `finsent model build ./adapter`
    """
    import model
    from model.encoder.weights import default_folders

    registry = _registry()
    try:
        name = model.publish(registry, folder or default_folders())
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise FinsentError(f"{folder} is no adapter: {type(error).__name__}: {error}") from error
    _published(registry, name, promoted, why)


@app.command("import")
def import_directory(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False)],
    name: Annotated[str | None, typer.Option(help="Begins the version's name; default the directory's.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="What its outputs mean, in their order; default its config.json's id2label.")
    ] = None,
    languages: Annotated[str, typer.Option(help="The languages that it reads (ISO 639-1), with commas.")] = "en",
    promoted: Promote = False,
    why: Why = "",
) -> None:
    """Import a local Hugging Face sequence classifier of BERT's or RoBERTa's kind, and print the version's name.

    It has the classes negative, neutral and positive, its weights are safetensors, and it brings tokenizer.json or
    vocab.txt. It scores whole texts: it was not trained on what a text says about one company.

    `finsent model import ./finbert`

    `finsent model import ./mine --name mine --labels positive,negative,neutral --languages en,de --promote`
    """
    import model

    registry = _registry()
    order = labels.split(",") if labels is not None else None
    _published(registry, model.import_directory(registry, folder, name, order, languages.split(",")), promoted, why)


@app.command()
def promote(version: Version, why: Why = "") -> None:
    """Make a version the champion, once it is verified. Returns when every live worker scores with it.

    `finsent model promote finsent-6d4f --why "better on tweets"`
    """
    import model
    from cli.rollout import moved

    registry = _registry()
    name = resolve(registry, version)
    before = model.promote(registry, name, why)
    typer.echo(f"{name} is the champion" + (f", after {before}" if before not in ("", name) else ""))
    moved("promoted", name, before, why)


@app.command()
def rollback(why: Why = "") -> None:
    """Go back to the champion before; once more, to the one before that. Returns when every live worker scores with it.

    `finsent model rollback --why "odd scores since noon"`
    """
    import model
    from cli.rollout import moved

    left, name = model.rollback(_registry(), why)
    typer.echo(f"{name} is the champion again, after {left}")
    moved("rolled_back", name, left, why)


@app.command()
def verify(
    version: Chosen = None,
    everything: Annotated[bool, typer.Option("--all", help="Every version.")] = False,
) -> None:
    """Check a version's files and that it still gives what it gave when it was published.

    Exit code 1, with the reason, if it does not.

    `finsent model verify`

    `finsent model verify --all`
    """
    import model

    registry = _registry()
    bad = 0
    for name in model.versions(registry) if everything else [resolve(registry, version)]:
        try:
            model.verify(registry, name)
            typer.echo(f"{name}: ok")
        except model.BadVersion as error:
            bad += 1
            typer.echo(f"finsent: {error}", err=True)
    raise typer.Exit(int(bad > 0))
