"""How the console is configured: environment variables with the prefix ``CONSOLE_``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, FilePath, Json, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.lists import listed
from settings.secret_files import with_secret_of_file


class ConsoleSettings(BaseSettings):
    """Where the console listens and who may use it.

    On loopback nobody signs in, unless ``users`` names a file or ``oidc_issuer`` a provider. On any other address
    people must sign in, over TLS, so no password crosses the network in the clear. Raises ``ValueError`` otherwise.
    """

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    host: str = Field(default="127.0.0.1", description="The address to listen on")
    port: int = Field(default=8800, ge=0, le=65535, description="The port to listen on; 0: any free one")
    users: Path | None = Field(
        default=None, description="The YAML file of those who may sign in; `finsent console add-user` writes it"
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="The key that signs sessions, at least 32 characters; unset: sessions end with the process",
    )
    secret_file: FilePath | None = Field(default=None, description="A file with that key, instead")
    session_hours: float = Field(default=12, gt=0, description="Hours after which a session ends")
    names: str = Field(default="", description="Host names under which people reach it, separated by commas")
    tls_certificate: Path | None = Field(default=None, description="The file of the TLS certificate")
    tls_key: Path | None = Field(default=None, description="The file of the certificate's key")
    behind_tls: bool = Field(default=False, description="Whether a proxy in front of the console does TLS")
    proxies: str = Field(
        default="",
        description="Addresses or networks of proxies in front of it, by commas, whose X-Forwarded-For counts. "
        "Unset, with CONSOLE_BEHIND_TLS: those on this machine",
    )
    requests: str = Field(default="600/minute", description="The most requests of a person, or of an address")
    pages: int = Field(
        default=500, ge=1, description="The most pages that are kept up to date at once; more must wait (503)"
    )
    pages_of_person: int = Field(
        default=20, ge=1, description="The most of them of one person who has signed in; more must wait (429)"
    )
    sign_ins: str = Field(
        default="10/minute",
        description="The most attempts to sign in with a name from an address, or in a browser where the person has "
        "signed in before",
    )
    sign_ins_of_name: str = Field(
        default="30/minute", description="The most attempts with a name from all other browsers together"
    )
    public_url: str = Field(
        default="",
        description="The address under which browsers reach it, such as https://finsent.example; for OIDC. The "
        "provider must allow to redirect to it, with /sign-in/oidc/callback at its end",
    )
    oidc_issuer: str = Field(
        default="",
        description="The OpenID provider at which people sign in: its issuer, as its discovery document has it",
    )
    oidc_client_id: str = Field(default="", description="The id by which the provider knows the console")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="The secret for that id; unset: the console is a public client, with PKCE alone"
    )
    oidc_client_secret_file: FilePath | None = Field(default=None, description="A file with that secret, instead")
    oidc_ca: FilePath | None = Field(
        default=None, description="Certificates (PEM) of who signed the provider's; default: those of the system"
    )
    oidc_scopes: str = Field(default="openid profile email", description="The scopes to ask the provider for")
    oidc_name_claim: str = Field(
        default="email", min_length=1, description="The claim that names a person; an `email` must be verified"
    )
    oidc_roles_claim: str = Field(
        default="groups", min_length=1, description="The claim, a text or a list, whose values give roles"
    )
    oidc_roles: Json[dict[str, list[str]]] | None = Field(
        default=None,
        description='The roles of each value of that claim, as JSON: `{"risk desk": ["risk_reader", "annotator"]}`; '
        "whoever has none of the values may not sign in",
    )
    url: str = Field(
        default="", description="Where the console of a running service is; `finsent up` sets it for other commands"
    )

    @property
    def loopback(self) -> bool:
        """Whether it can be reached from this machine only."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over HTTPS only."""
        return self.behind_tls or self.tls_certificate is not None

    @model_validator(mode="before")
    @classmethod
    def _of_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        return with_secret_of_file(with_secret_of_file(values, "secret"), "oidc_client_secret")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CONSOLE_TLS_CERTIFICATE and CONSOLE_TLS_KEY come together")
        for proxy in listed(self.proxies):
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"CONSOLE_PROXIES: {error}") from error
        if self.oidc_issuer:
            self._check_oidc()
        if not self.loopback and self.users is None and not self.oidc_issuer:
            raise ValueError(
                f"{self.host} is reached from other machines, so people must sign in: name their file in CONSOLE_USERS "
                "('finsent console add-user FILE NAME' writes it), or a provider in CONSOLE_OIDC_ISSUER"
            )
        if not self.loopback and not self.secure:
            raise ValueError(
                f"{self.host} is reached from other machines, so passwords need TLS: set CONSOLE_TLS_CERTIFICATE and "
                "CONSOLE_TLS_KEY, or CONSOLE_BEHIND_TLS=true if a proxy does it"
            )
        return self

    def _check_oidc(self) -> None:
        for name in ("public_url", "oidc_client_id", "oidc_roles"):
            if not getattr(self, name):
                raise ValueError(f"CONSOLE_OIDC_ISSUER needs CONSOLE_{name.upper()}, too")
        for name in ("public_url", "oidc_issuer"):
            address = urlsplit(getattr(self, name))
            if not (address.scheme == "https" and address.hostname) and not (
                address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1", "::1")
            ):
                raise ValueError(f"CONSOLE_{name.upper()} is no address over https (http for this machine alone)")
        if urlsplit(self.public_url).path.strip("/"):
            raise ValueError("CONSOLE_PUBLIC_URL has a path: the console is at the root of its host name")
