"""Where ClickHouse is and how to sign in there: environment variables with the prefix ``CLICKHOUSE_``."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.kafka import secret_of

SCHEMES = ("clickhouse", "clickhouses")
"""In the clear, and with TLS."""


class ClickHouseSettings(BaseSettings):
    """The addresses of ClickHouse's native protocol, how to sign in there, and time-outs."""

    # What was given may be a secret, so it is not repeated in an error.
    model_config = SettingsConfigDict(env_prefix="CLICKHOUSE_", hide_input_in_errors=True)

    url: SecretStr = Field(
        default="clickhouse://default@127.0.0.1:9000/default",
        validate_default=True,
        description="The native protocol's address, as clickhouse://user@host:port/database, or clickhouses:// with "
        "TLS; several hosts of one service, separated by commas, are tried in turn",
    )
    password: SecretStr | None = Field(default=None, description="The user's password, instead of one in the URL")
    password_file: FilePath | None = Field(default=None, description="A file with the password, instead")
    ssl_ca: FilePath | None = Field(
        default=None,
        description="Certificates (PEM) of who signed the server's; default: those of the package certifi",
    )
    ssl_certificate: FilePath | None = Field(
        default=None, description="Our own certificate (PEM), for a server that asks for one"
    )
    ssl_key: FilePath | None = Field(
        default=None, description="Its private key (PEM); default: the file of the certificate"
    )
    ssl_key_password: SecretStr | None = Field(default=None, description="The password of that key, if it has one")
    ssl_key_password_file: FilePath | None = Field(default=None, description="A file with that password, instead")
    http_url: str = Field(
        default="", description="The HTTP port's address, for people and their tools; the service does not use it"
    )
    account_prefix: str = Field(
        default="",
        pattern="^[a-z][a-z0-9_]*$|^$",
        description="What the names of the users that `finsent storage grant` makes begin with, for instance finsent_: "
        "for a server that others use, too",
    )
    connect_timeout_s: float = Field(
        default=5, gt=0, description="Seconds to wait for a connection, and then for the server's greeting"
    )
    send_receive_timeout_s: float = Field(default=60, gt=0, description="Seconds to wait for an answer")
    fsync: bool = Field(
        default=True,
        description="Whether the server writes each insert of records to its disk before it acknowledges it "
        "(MergeTree's fsync_after_insert); without, a power failure of its host may take back the last minutes, which "
        "workers then notice and read again from Kafka; an insert takes 1 to 3 times as long with it",
    )

    cluster: str = Field(
        default="",
        pattern=r"^[\w.-]*$",
        description="A cluster of the server's configuration, of one shard: tables are then made on all its servers, "
        "as replicas of each other, and records count once a majority of them has them; for an empty database",
    )
    shards: str = Field(
        default="",
        pattern=r"^[\w.-]*$",
        description="A cluster of the server's configuration, of several shards: records are then spread over them, by "
        "topic and partition; everything else stays where CLICKHOUSE_URL leads, on servers of one of the shards; "
        "for an empty database",
    )
    one_server: bool = Field(
        default=False,
        description="Whether CLICKHOUSE_URL always leads to the same server, though that one has replicas or is a "
        "shard: our tables would be on that one only",
    )
    keep_news_days: int = Field(
        default=0, ge=0, description="Days after which titles, texts and addresses of news are emptied; 0: never"
    )
    keep_comments_days: int = Field(
        default=0, ge=0, description="Days after which texts and authors of comments are emptied; 0: never"
    )
    keep_authors_days: int = Field(
        default=0, ge=0, description="Days after which authors are emptied, if that is sooner; 0: with the texts"
    )
    keep_dead_letters_days: int = Field(
        default=0, ge=0, description="Days after which the bytes and errors of bad records are emptied; 0: never"
    )

    @model_validator(mode="after")
    def _the_url_can_be_read(self) -> Self:
        if self._scheme not in SCHEMES or not all(host for host, _ in self.hosts):
            raise ValueError("CLICKHOUSE_URL is not clickhouse://user@host:port/database (clickhouses:// with TLS)")
        if self.ssl_key and not self.ssl_certificate:
            raise ValueError("CLICKHOUSE_SSL_KEY is set and CLICKHOUSE_SSL_CERTIFICATE is not")
        if (self.ssl_ca or self.ssl_certificate) and not self.encrypts:
            raise ValueError("CLICKHOUSE_SSL_* is set and CLICKHOUSE_URL begins with clickhouse://, not clickhouses://")
        return self

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """The servers, to be tried in this order."""
        found = []
        for host in self._location.rpartition("@")[2].split(","):
            parts = urlsplit(f"//{host.strip()}")
            found.append((parts.hostname or "", parts.port or (9440 if self.encrypts else 9000)))
        return found

    def address_of(self, host: str) -> str:
        """The URL with that host alone, as the driver reads it."""
        user, at, _ = self._location.rpartition("@")
        return self.url.get_secret_value().replace(self._location, user + at + host, 1)

    @property
    def address_of_first(self) -> str:
        """The URL without the other hosts."""
        return self.address_of(self._location.rpartition("@")[2].split(",")[0])

    @property
    def shown(self) -> str:
        """The URL without its password, for people."""
        return without_password(self.url.get_secret_value())

    @property
    def encrypts(self) -> bool:
        """Whether connections are TLS."""
        return self._scheme == "clickhouses"

    @property
    def secret(self) -> str:
        """The password that is not in the URL, '' if there is none."""
        return secret_of(self.password, self.password_file)

    @property
    def key_secret(self) -> str:
        """The password of the private key, '' if it has none."""
        return secret_of(self.ssl_key_password, self.ssl_key_password_file)

    @property
    def _scheme(self) -> str:
        return self.url.get_secret_value().partition("://")[0]

    @property
    def _location(self) -> str:
        """User, password and hosts."""
        return re.split(r"[/?]", self.url.get_secret_value().partition("://")[2], maxsplit=1)[0]


def without_password(url: str) -> str:
    """``url`` as it may be shown or written down. Any other text comes back as it is."""
    bare = re.sub(r"(://[^/@:\s]*):\S*@", r"\1@", url)
    return re.sub(r"([?&][^=&\s]*(?:password|keypass|secret|token)[^=&\s]*=)[^&\s]*", r"\1...", bare)
