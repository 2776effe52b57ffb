"""Signatures of versions (Ed25519): workers that trust certain keys load only versions signed by one of them.

They lie beside the versions, in ``signatures/VERSION/KEY``. So a version never changes, and it may have the signatures
of several keys while one key takes the place of another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from errors import FinsentError
from model.registry.manifest import MANIFEST, BadVersion, digest
from model.registry.stores import Location, Store, store
from settings import ModelSettings

SIGNATURES = "signatures"
PURPOSE = b"finsent: workers may load this version of the model\n"
"""Put in front of what is signed, so that a signature of something else is never valid here."""

PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class BadKey(FinsentError, ValueError):
    """A key for signatures that cannot be read, or is of another kind."""


def new_key() -> tuple[bytes, bytes]:
    """A new pair of keys in PEM: the private one, and the public one."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def approve(registry: Location, version: str) -> None:
    """Sign ``version`` if the settings name a key. Raises ``BadVersion`` if it then has no trusted signature."""
    settings, place = ModelSettings(), store(registry)
    if settings.signing_secret:
        sign(registry, version, settings)
    check_signature(place, version, place.read(f"{version}/{MANIFEST}"), trusted_keys(settings))


def sign(registry: Location, version: str, settings: ModelSettings | None = None) -> str:
    """Sign ``version`` with the key of the settings, and return the key's name. Raises ``BadKey``, and ``BadVersion``
    for a damaged manifest."""
    secret = (settings or ModelSettings()).signing_secret
    if not secret:
        raise BadKey("no key to sign with; set MODEL_SIGNING_KEY_FILE ('finsent model key' makes one)")
    key, place = _private(secret), store(registry)
    name = key_name(key.public_key())
    signature = key.sign(_signed(version, place.read(f"{version}/{MANIFEST}")))
    place.write(f"{SIGNATURES}/{version}/{name}", signature.hex().encode() + b"\n")
    return name


def signers(registry: Location, version: str) -> list[str]:
    """The names of the keys by which ``version`` is said to be signed; the signatures are not checked."""
    return store(registry).names(f"{SIGNATURES}/{version}")


def check_signature(place: Store, version: str, manifest: bytes, keys: Sequence[Ed25519PublicKey]) -> None:
    """Raises ``BadVersion`` unless ``place`` has a right signature of ``version`` by one of ``keys``; without keys,
    nothing is checked."""
    if not keys:
        return
    wrong = []
    for key in keys:
        with suppress(FileNotFoundError):
            written = place.read(f"{SIGNATURES}/{version}/{key_name(key)}").decode("ascii", "replace").strip()
            with suppress(InvalidSignature, ValueError):
                key.verify(bytes.fromhex(written), _signed(version, manifest))
                return
            wrong.append(key_name(key))
    why = f"the signature by {wrong[0]} is wrong" if wrong else "no trusted key has signed it"
    raise BadVersion(
        f"{version}: {why} (MODEL_TRUSTED_KEYS); whoever has such a key signs it by promoting it, or with "
        f"'finsent model sign {version}'"
    )


def trusted_keys(settings: ModelSettings) -> list[Ed25519PublicKey]:
    """The public keys of the settings. Raises ``BadKey`` if they name a text or file without one."""
    given = settings.trusted
    if given is None:
        return []
    found = []
    for text in PUBLIC.findall(given):
        try:
            key = serialization.load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadKey(f"MODEL_TRUSTED_KEYS: a key cannot be read: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey("MODEL_TRUSTED_KEYS: a key is of another kind than Ed25519")
        found.append(key)
    if not found:
        raise BadKey("MODEL_TRUSTED_KEYS holds no public key (PEM); 'finsent model key' makes one")
    return found


def key_name(key: Ed25519PublicKey) -> str:
    """A short name that follows from the key."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def _private(secret: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(secret.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("MODEL_SIGNING_KEY is no private key (PEM, without a password)") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey("MODEL_SIGNING_KEY is of another kind than Ed25519")
    return key


def _signed(version: str, manifest: bytes) -> bytes:
    """What is signed: the version's name, and the whole digest of what its manifest says."""
    return PURPOSE + f"{version}\n{digest(manifest)}\n".encode()


def trusted_folder(location: Location, version: str) -> Path:
    """The local folder of ``version``. If the settings trust certain keys, one of them must have signed it, and it is
    copied to where nobody else may write first, so that it cannot be changed after it was checked.

    Raises ``FileNotFoundError`` and ``BadVersion``.
    """
    place = store(location)
    keys = trusted_keys(ModelSettings())
    if not keys:
        return place.folder(version)
    folder = place.copied().folder(version)
    check_signature(place, version, (folder / MANIFEST).read_bytes(), keys)
    return folder
