"""Asks a schema registry with Confluent's API."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from documents.messages import InvalidMessage
from errors import FinsentError
from settings import KafkaSettings
from stream.registry.contract import Schema

TIMEOUT_S = 3.0
MOST_BYTES = 10_000_000
NOT_THERE = {40401, 40402, 40403}
"""The registry's own codes for a subject, a version and a schema that it does not have. The bare status 404 is no such
word: it may come from a wrong address, or from a proxy."""

LARGEST_ID = 2**31 - 1


class SchemaUnavailable(FinsentError, RuntimeError):
    """A schema cannot be had now, but perhaps later."""


class RegistryClient:
    """The registries at ``urls`` have the same schemas; the first that answers is used."""

    def __init__(self, urls: Sequence[str], user: str = "", password: str = "", ca: Path | None = None) -> None:
        self._urls, self._ca = list(urls), ca
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._authorization = f"Basic {login}" if user else ""

    @classmethod
    def of(cls, settings: KafkaSettings) -> RegistryClient:
        """The client that ``settings`` describe."""
        password = settings.schema_registry_password
        return cls(
            settings.schema_registries,
            settings.schema_registry_user,
            password.get_secret_value() if password else "",
            settings.schema_registry_ca,
        )

    def formats(self) -> list[str]:
        """The formats that the registry takes. Raises ``SchemaUnavailable``."""
        return [str(one) for one in self._get("/schemas/types")]

    def schema(self, number: int) -> Schema:
        """The schema with the id ``number``.

        Raises ``SchemaUnavailable``, or ``InvalidMessage`` of kind ``no_schema`` if the registry says that it has no
        such schema.
        """
        if not 0 < number <= LARGEST_ID:
            raise InvalidMessage("no_schema", f"{number} is no schema's id")
        found = self._object(f"/schemas/ids/{number}", f"schema {number}")
        references: dict[str, str] = {}
        self._collect(found, references, f"schema {number}")
        return Schema(number, str(found.get("schemaType") or "AVRO"), str(found["schema"]), references)

    def _collect(self, found: Mapping[str, Any], into: dict[str, str], whose: str) -> None:
        """Add the schemas that ``found`` refers to, those that they refer to first."""
        for reference in found.get("references") or []:
            name, subject, version = (str(reference[key]) for key in ("name", "subject", "version"))
            if name not in into:
                what = f"version {version} of {subject!r}, to which {whose} refers,"
                inner = self._object(f"/subjects/{quote(subject, safe='')}/versions/{version}", what)
                self._collect(inner, into, what)
                into[name] = str(inner["schema"])

    def _object(self, path: str, what: str) -> Mapping[str, Any]:
        found = self._get(path, what)
        if not isinstance(found, dict) or "schema" not in found:
            raise SchemaUnavailable(f"the schema registry answers {path} with something else than a schema")
        return found

    def _get(self, path: str, what: str = "") -> Any:
        """The registry's answer; see ``schema``."""
        problems = []
        for url in self._urls:
            request = Request(
                url + path, headers={"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
            )
            if self._authorization:  # not sent on where the registry redirects to
                request.add_unredirected_header("Authorization", self._authorization)
            try:
                # The certificates are read each time: they may be renewed while the worker runs.
                context = ssl.create_default_context(cafile=self._ca) if url.startswith("https:") else None
                with urlopen(request, timeout=TIMEOUT_S, context=context) as answer:
                    return json.loads(answer.read(MOST_BYTES))
            except HTTPError as error:
                code = _error_code(error)
                if what and code in NOT_THERE:
                    raise InvalidMessage(
                        "no_schema", f"the schema registry does not have {what} (code {code})"
                    ) from None
                problems.append(f"{url} answers {error.code} {error.reason}")
            except URLError as error:
                problems.append(f"{url}: {error.reason}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                problems.append(f"{url}: {str(error) or type(error).__name__}")
        raise SchemaUnavailable("; ".join(problems))


def _error_code(error: HTTPError) -> int:
    """The registry's own code in the answer ``error``, 0 where there is none."""
    try:
        with error:
            return int(json.loads(error.read(MOST_BYTES))["error_code"])
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return 0
