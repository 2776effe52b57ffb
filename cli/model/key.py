"""``finsent model key``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import echo


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(key)


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; the public one: FILE.pub.")],
) -> None:
    """Make a pair of keys for signing versions (Ed25519, PEM).

    MODEL_SIGNING_KEY_FILE=FILE belongs to those who promote: a person, or the scheduler. Workers get
    MODEL_TRUSTED_KEYS_FILE=FILE.pub, and then load nothing that this key has not signed. Keep FILE away from them.

    `finsent model key signing.pem`
    """
    from model.registry import new_key

    private, public = new_key()
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(private)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}; a key is never written over another")
    file.with_name(f"{file.name}.pub").write_bytes(public)
    echo(f"{file} is the private key, {file}.pub the public one")
