"""Authors become keyed pseudonyms."""

from __future__ import annotations

import hashlib
import hmac

from documents.redaction import holds_personal_data
from errors import many

SHORTEST_KEY = 32


class Pseudonymiser:
    """Turns an author's id into a keyed HMAC-SHA256. Without the key, nobody can find the author by trying names."""

    def __init__(self, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(
                f"the pseudonym key has {many(len(key), 'character')}, at least {SHORTEST_KEY} are needed; make one "
                "with `python -c 'import secrets; print(secrets.token_hex(32))'` and set FINSENT_PSEUDONYM_KEY"
            )
        self._key = key.encode()

    def author(self, source: str, author: str) -> str:
        """32 hexadecimal digits, the same for the same author of the same source."""
        return hmac.new(self._key, f"{source}\0{author}".encode(), hashlib.sha256).hexdigest()[:32]

    def identifier(self, name: str) -> str:
        """The id of a document, or the name of a source: as it came, or a pseudonym if it holds personal data.

        The pseudonym is the same wherever the name stands, so that answers and labels still find their document.
        """
        if not holds_personal_data(name):
            return name
        return "pseudonym-" + hmac.new(self._key, f"identifier\0{name}".encode(), hashlib.sha256).hexdigest()[:32]

    def __repr__(self) -> str:
        return "Pseudonymiser(key hidden)"
