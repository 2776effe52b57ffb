"""``finsent model``: the versions of the model in a registry. One file a command."""

from __future__ import annotations

import typer

from cli.model import build, compare, import_, key, list_, promote, rollback, shadow, show, sign, verify

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""The versions of the model, and which of them scores: the champion.

They lie in MODEL_REGISTRY: a folder, or a URL such as s3://bucket/models (with s3fs installed). A version is never
changed; its name ends in a digest of its content. A version that is damaged is refused, and the champion stays.

`finsent model list` · `finsent model promote finsent-6d4f` · `finsent model rollback`
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    for module in (compare, shadow, list_, show, build, import_, promote, rollback, verify, key, sign):
        module.register(group)
    app.add_typer(group, name="model")
