"""Who may use the console, and what each may do: a YAML file with names, Argon2 hashes of passwords, and roles."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Literal

import msgspec
import yaml
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from errors import FinsentError

Role = Literal["risk_reader", "annotator", "auditor", "admin"]
ROLES: dict[Role, str] = {
    "risk_reader": "looks at everything but the audit log, acknowledges and silences alerts",
    "annotator": "looks, and labels documents",
    "auditor": "looks, also at the audit log",
    "admin": "all of it",
}
SHORTEST_PASSWORD = 12
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("the password of no one")
"""Checked for unknown names, so that the time an answer takes does not show which names exist."""


class BadUsers(FinsentError, ValueError):
    """The file of users has a fault; the text says where and why."""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person. ``password`` is an Argon2id hash (RFC 9106)."""

    name: str
    password: str
    roles: tuple[Role, ...]

    def may(self, *roles: Role) -> bool:
        """Whether they have one of ``roles``, or are an admin."""
        return not {"admin", *roles}.isdisjoint(self.roles)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    users: list[User]


def load(path: Path) -> dict[str, User]:
    """The users of a file by name. Raises ``BadUsers`` and ``OSError``."""
    try:
        users = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File).users
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise BadUsers(f"{path}: {' '.join(str(error).split())}") from error
    for user in users:
        try:
            _HASHER.check_needs_rehash(user.password)
        except InvalidHashError as error:
            raise BadUsers(f"{path}: {user.name}: the password is not an Argon2 hash") from error
    found = {user.name: user for user in users}
    if len(found) < len(users):
        raise BadUsers(f"{path}: a name stands twice")
    return found


def add(path: Path, name: str, password: str, roles: tuple[Role, ...]) -> None:
    """Write a user to the file, in place of one with that name. Only the file's owner may read it.

    Raises ``BadUsers`` for a short password, an unknown role, or a file with a fault.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise BadUsers(f"a password has at least {SHORTEST_PASSWORD} characters")
    if unknown := set(roles) - ROLES.keys():
        raise BadUsers(f"there is no role {sorted(unknown)[0]!r}; there are {', '.join(ROLES)}")
    users = load(path) if path.exists() else {}
    users[name] = User(name, _HASHER.hash(password), roles)
    scratch = path.with_suffix(path.suffix + ".new")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        yaml.safe_dump({"users": [msgspec.to_builtins(user) for user in users.values()]}, file, sort_keys=False)
    scratch.replace(path)


class People:
    """The users of a file. It is read again when it changes, so a removed user is out at once."""

    def __init__(self, path: Path) -> None:
        """Raises ``BadUsers`` and ``OSError``."""
        self._path = path
        self._lock = threading.Lock()
        self._users, self._read = load(path), path.stat().st_mtime_ns

    def get(self, name: str) -> User | None:
        """The user called ``name``. If the file gets a fault, its last good state counts."""
        with self._lock:
            try:
                if (changed := self._path.stat().st_mtime_ns) != self._read:
                    self._users, self._read = load(self._path), changed
            except (BadUsers, OSError):
                pass
            return self._users.get(name)

    def sign_in(self, name: str, password: str) -> User | None:
        """The user, if the password is right; else None."""
        user = self.get(name)
        try:
            _HASHER.verify(user.password if user else _NOBODY, password)
        except VerificationError:
            return None
        return user
