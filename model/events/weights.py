"""The weights of an event reader, in a safetensors file with the digest of its content beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from documents.events import EventRole, EventState
from errors import FinsentError
from model.events.head import EventHead

FORMAT = 2
WEIGHTS, CONFIG = "weights.safetensors", "config.json"
HEAD = ("first", "first_bias", "second", "second_bias", "probed")
"""The arrays of ``EventHead``, in half precision."""


class BadEventWeights(FinsentError, ValueError):
    """The weights of the event reader cannot be used. The text says why."""


@dataclass(frozen=True, slots=True)
class EventWeights:
    """What the reader has learnt.

    ``vocabulary`` gives the row of each feature in ``rows`` (int8 [features, outputs]). Times ``scale`` (float32
    [outputs]), the sum of a text's rows and ``bias`` are its logits: first those of ``types``, then of the roles, then
    of the states. ``role_of`` and ``state_of`` (float32 [types, roles] and [types, states]) are added for a type.
    ``head`` is None where only the words are read.
    """

    types: list[str]
    vocabulary: dict[str, int]
    rows: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    role_of: np.ndarray
    state_of: np.ndarray
    head: EventHead | None = None

    @property
    def outputs(self) -> int:
        """The number of logits."""
        return len(self.types) + len(EventRole) + len(EventState)

    def write(self, folder: Path) -> None:
        """Write both files into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        names = "\n".join(self.vocabulary).encode()
        tensors = {
            "names": np.frombuffer(names, np.uint8),
            "rows": self.rows,
            "scale": self.scale,
            "bias": self.bias,
            "role_of": self.role_of,
            "state_of": self.state_of,
        }
        if self.head is not None:
            tensors |= {f"head.{name}": getattr(self.head, name).astype(np.float16) for name in HEAD}
        # A transposed array would be written in the order of its memory, and read in another.
        content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
        (folder / WEIGHTS).write_bytes(content)
        config = {
            "format": FORMAT,
            "sha256": hashlib.sha256(content).hexdigest(),
            "types": self.types,
            "roles": list(EventRole),
            "states": list(EventState),
            "head": None if self.head is None else {"words": self.head.words, "probes": self.head.probes},
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> EventWeights:
        """The weights in ``folder``. Raises ``BadEventWeights``."""
        try:
            config = json.loads((folder / CONFIG).read_bytes())
            content = (folder / WEIGHTS).read_bytes()
        except (OSError, ValueError) as error:
            raise BadEventWeights(
                f"{folder}: the event reader cannot be read: {error}; install finsent again"
            ) from error
        if config.get("format") != FORMAT:
            raise BadEventWeights(
                f"{folder}: format {config.get('format')} of the event reader; this finsent reads {FORMAT}"
            )
        if hashlib.sha256(content).hexdigest() != config.get("sha256"):
            raise BadEventWeights(f"{folder / WEIGHTS} is not the file that {CONFIG} describes: its sha256 differs")
        if config["roles"] != list(EventRole) or config["states"] != list(EventState):
            raise BadEventWeights(f"{folder}: other roles or states than this finsent's; train the event reader again")
        try:
            tensors = load(content)
            names = tensors["names"].tobytes().decode().split("\n")
            found = cls(
                types=config["types"],
                vocabulary={name: i for i, name in enumerate(names)},
                rows=tensors["rows"],
                scale=tensors["scale"],
                bias=tensors["bias"],
                role_of=tensors["role_of"],
                state_of=tensors["state_of"],
                head=_head(tensors, **config["head"]) if config["head"] else None,
            )
        except (SafetensorError, KeyError, UnicodeDecodeError) as error:
            raise BadEventWeights(f"{folder / WEIGHTS}: {error}") from error
        if found.rows.shape != (len(names), found.outputs):
            raise BadEventWeights(f"{folder / WEIGHTS}: {found.rows.shape} weights for {len(names)} features")
        return found


def _head(tensors: dict[str, np.ndarray], words: float, probes: list[str]) -> EventHead:
    first, first_bias, second, second_bias, probed = (tensors[f"head.{name}"].astype(np.float32) for name in HEAD)
    return EventHead(first, first_bias, second, second_bias, words, probes, probed)
