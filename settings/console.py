"""How the console is configured: environment variables with the prefix ``CONSOLE_``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ConsoleSettings(BaseSettings):
    """Where the console listens and who may use it.

    On loopback nobody signs in, unless ``users`` names a file. On any other address people must sign in, and their
    passwords must not cross the network in the clear: raises ``ValueError`` otherwise.
    """

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    host: str = "127.0.0.1"
    port: int = Field(default=8800, ge=0, le=65535)
    users: Path | None = Field(default=None, description="YAML file of those who may sign in")
    secret: SecretStr | None = Field(
        default=None, min_length=32, description="signs the sessions; without it they end with the process"
    )
    session_hours: float = Field(default=12, gt=0)
    names: str = Field(default="", description="host names that people use for it, separated by commas")
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_tls: bool = Field(default=False, description="a proxy in front of it does TLS")
    requests: str = Field(default="600/minute", description="so many requests a person (or address)")
    sign_ins: str = Field(default="10/minute", description="so many attempts an address, and a name")

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by HTTPS alone."""
        return self.behind_tls or self.tls_certificate is not None

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CONSOLE_TLS_CERTIFICATE and CONSOLE_TLS_KEY come together")
        if not self.loopback and self.users is None:
            raise ValueError(
                f"{self.host} is reached from other machines, so people must sign in: name their file in CONSOLE_USERS "
                "('finsent console add-user FILE NAME' writes it)"
            )
        if not self.loopback and not self.secure:
            raise ValueError(
                f"{self.host} is reached from other machines, so passwords need TLS: set CONSOLE_TLS_CERTIFICATE and "
                "CONSOLE_TLS_KEY, or CONSOLE_BEHIND_TLS=true if a proxy does it"
            )
        return self
