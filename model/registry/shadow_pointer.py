"""The pointer to the version in the shadow: it scores live documents beside the champion, and its scores are only
compared."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from model.registry.catalogue import verify
from model.registry.manifest import BadVersion
from model.registry.signatures import approve
from model.registry.stores import Location, store

SHADOW = "shadow"
"""The name of the pointer's file."""


class Shadow(msgspec.Struct, frozen=True):
    """A version that scores a ``share`` of the live documents beside the champion, since ``at`` (RFC 3339).

    If ``documents`` is above 0, the version is judged once it has scored that many documents and ``minutes`` have
    passed, and is promoted if it passes. With 0 a person decides.
    """

    version: str
    share: float
    at: str
    documents: int = 0
    minutes: float = 0.0
    why: str = ""


def current_shadow(registry: Location) -> Shadow | None:
    """The version in the shadow, or None. Raises ``BadVersion`` if the pointer cannot be read."""
    try:
        data = store(registry).read(SHADOW).strip()
        return msgspec.json.decode(data, type=Shadow) if data else None
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise BadVersion(f"{registry}: the pointer to the version in the shadow is damaged: {error}") from error


def put_in_shadow(
    registry: Location, version: str, share: float, documents: int = 0, minutes: float = 0.0, why: str = ""
) -> Shadow:
    """Verify ``version`` and let workers score a ``share`` of the live documents with it, beside the champion.

    Atomic. It replaces a version that is in the shadow already. Raises ``FileNotFoundError`` for an unknown version,
    ``BadVersion`` for a damaged one or one without a wanted signature, and ``ValueError`` unless the share is above 0
    and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share {share} is not above 0 and at most 1")
    verify(registry, version)
    approve(registry, version)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = Shadow(version, share, now, documents, minutes, why)
    store(registry).write(SHADOW, msgspec.json.encode(made) + b"\n")
    return made


def clear_shadow(registry: Location, version: str | None = None) -> str:
    """Empty the shadow; if ``version`` is given, only if that one is in it. Returns the version that was removed, or
    ''."""
    found = current_shadow(registry)
    if found is None or version not in (None, found.version):
        return ""
    store(registry).write(SHADOW, b"")
    return found.version
