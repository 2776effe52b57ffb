"""The file with people's passwords."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from errors import FinsentError
from storage.access.people import Person

PASSWORDS_FILE = "clickhouse-passwords.json"
"""The file in the data directory with people's passwords."""


class BadPasswords(FinsentError):
    """The file of the passwords is another one, or damaged."""


def passwords(path: Path, everybody: Sequence[Person]) -> dict[str, str]:
    """The password of each user, from the file ``path``, which only its owner may read. Missing ones are made."""
    known = _read(path) if path.exists() else {}
    lacking = {person.user: secrets.token_urlsafe(18) for person in everybody if person.user not in known}
    if lacking:
        scratch = path.with_name(path.name + ".new")
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known | lacking, file, indent=1)
        scratch.replace(path)
    return known | lacking


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, ValueError, RecursionError):  # their texts may have a password
        raise BadPasswords(f"{path} is no file of passwords, which is JSON: a password for each user") from None


def hashed(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
