"""The settings in force, for those who help others: no secret is in them."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from settings.clickhouse import without_password
from settings.environment import VARIABLES, given
from settings.reference import GROUPS


def faults(error: ValidationError) -> list[str]:
    """What is wrong with settings, each with its variable. What was given is left out: it may be a secret."""
    kinds = {kind.__name__: kind for group in GROUPS.values() for kind in group}
    prefix = kinds[error.title].model_config.get("env_prefix", "") if error.title in kinds else None
    found = []
    for one in error.errors():
        where = ".".join(map(str, one["loc"]))
        if where and prefix is not None:
            where = f"{prefix}{where}".upper()
        found.append(f"{where}: {one['msg']}" if where else one["msg"])
    return found


def settings_in_force() -> dict[str, Any]:
    """The value of every variable, "(given)" for a secret that is given; for a group that is wrong, what is wrong."""
    found: dict[str, Any] = {one.name: given(one.name) for one in VARIABLES}
    for title, kinds in GROUPS.items():
        for kind in kinds:
            try:
                found |= _values(kind)
            except ValidationError as error:  # its text would show what was given
                found[title] = {"wrong": faults(error)}
    return found


def _values(kind: type[BaseSettings]) -> dict[str, Any]:
    settings, prefix = kind(), kind.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper(): _shown(getattr(settings, name)) for name in kind.model_fields}


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        # An address with a password in it is a secret to the settings; without it, it says where the server is.
        return without_password(text) if "://" in text else "(given)" if text else ""
    return without_password(str(value)) if value is not None else ""
