"""Scores texts: choose the part that reads the language, tokenise, run the network, calibrate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache
from tokenizers import Encoding, Tokenizer

from documents import as_read, naming, whole_words
from model.calibration import calibrate, scale_rows
from model.engine import Engine, Running
from model.explanation import UnsupportedLanguage, explain
from model.language import detect
from model.part import Part, file_digest
from model.passages import combined, passages_to_read, sentences, strongest, within_budget
from model.scores import Scores
from model.topics import Classifier
from settings import ModelSettings

MAX_TOKENS = 256
MOST_ENTITY_CHARACTERS = 120
MOST_CHARACTERS = 20_000
"""Of a text, so many are tokenised: more than its passages that are read have, and the rest only costs time."""


class _Key(NamedTuple):
    """What a score depends on."""

    text: str
    entity: str | None
    language: str | None


_Row = tuple[np.ndarray, ...]
"""One text's row of each field of ``Scores`` but ``supported``."""


class _Long(NamedTuple):
    """A text that is read in passages: those that are read, from where to where, and whether others are left out."""

    encodings: list[Encoding]
    spans: list[tuple[int, int]]
    cut: bool


class _Encoder:
    """One part of a version: its tokenizer, its network and its calibration."""

    def __init__(self, folder: Path, part: Part, running: Running, graph: Path | bytes) -> None:
        self._running, self._pairs, self._stand_in, self._figures = running, part.pairs, part.stand_in, part.figures
        self._scales = scale_rows([part.alone, part.pair])
        self._tokenizer = Tokenizer.from_file(str(folder / f"{part.name}.json"))
        self._tokenizer.no_padding()
        self._words = whole_words(self._tokenizer.get_vocab())
        # Of a pair the longer one is cut, which is the text.
        self._most = min(MAX_TOKENS, part.most_tokens)
        self._tokenizer.enable_truncation(self._most, strategy="longest_first")
        self.engine = Engine(graph, running)

    def encode(self, texts: Sequence[str], entities: Sequence[str | None]) -> list[Encoding]:
        begun = (text[:MOST_CHARACTERS] for text in texts)
        read = (
            as_read(text, entity, self._stand_in, self._words, self._figures)
            for text, entity in zip(begun, entities, strict=True)
        )
        return self._tokenizer.encode_batch_fast(
            [(entity[:MOST_ENTITY_CHARACTERS], text) if entity and self._pairs else text for text, entity in read]
        )

    def run(self, keys: Sequence[_Key]) -> tuple[np.ndarray, ...]:
        """(probabilities, embeddings, tokens, logits, deciding, cut) in the order of ``keys``; see ``Scores``."""
        encodings = self.encode([key.text for key in keys], [key.entity for key in keys])
        long = {
            i: self._in_passages(keys[i], encoding)
            for i, encoding in enumerate(encodings)
            if len(encoding) >= self._most and encoding.overflowing
        }
        places: list[int] = []
        pieces: list[Encoding] = []
        for i, encoding in enumerate(encodings):
            places.append(len(pieces))
            pieces += long[i].encodings if i in long else [encoding]
        of_pieces, vectors = self.engine.score(pieces, self._running.batch_tokens)
        lengths = np.array([len(encoding) for encoding in pieces], np.int32)
        logits, embeddings, tokens = of_pieces[places], vectors[places], lengths[places]
        spans, cut = np.full((len(keys), 2), -1, np.int32), np.zeros(len(keys), bool)
        for i, one in long.items():
            part = slice(places[i], places[i] + len(one.encodings))
            logits[i] = combined(of_pieces[part])
            mean = lengths[part] @ vectors[part]
            embeddings[i] = mean / max(float(np.linalg.norm(mean)), 1e-9)
            tokens[i], cut[i] = lengths[part].sum(), one.cut
            spans[i] = one.spans[strongest(of_pieces[part], logits[i])]
        self._narrow(keys, list(long), spans, logits)
        scales = self._scales[[int(bool(key.entity) and self._pairs) for key in keys]]
        return calibrate(logits, scales), embeddings, tokens, logits, spans, cut

    def _in_passages(self, key: _Key, encoding: Encoding) -> _Long:
        """``key``'s text, whose truncated ``encoding`` does not hold all of it."""
        text = key.text[:MOST_CHARACTERS]
        tokens = len(encoding) + sum(map(len, encoding.overflowing))
        spans = passages_to_read(text, tokens, key.entity, self._most)
        read = within_budget(spans)
        return _Long(self._encode_parts(key, read), read, len(read) < len(spans) or len(text) < len(key.text))

    def _narrow(self, keys: Sequence[_Key], long: Sequence[int], spans: np.ndarray, logits: np.ndarray) -> None:
        """Put in ``spans``, of the ``long`` among ``keys``, the sentence that decided in the place of its passage."""
        parts = {}
        for i in long:
            start, end = spans[i].tolist()
            parts[i] = [(start + a, start + b) for a, b in sentences(keys[i].text[start:end])]
        if not parts:
            return
        encodings = [encoding for i, part in parts.items() for encoding in self._encode_parts(keys[i], part)]
        of_sentences = self.engine.score(encodings, self._running.batch_tokens)[0]
        at = 0
        for i, part in parts.items():
            spans[i] = part[strongest(of_sentences[at : at + len(part)], logits[i])]
            at += len(part)

    def _encode_parts(self, key: _Key, spans: Sequence[tuple[int, int]]) -> list[Encoding]:
        """The encodings of parts of ``key``'s text."""
        parts, entity = [key.text[start:end] for start, end in spans], key.entity
        # A part that does not name the company is about it as well, but must not show its name.
        asked = [
            entity if entity is None or naming(entity).search(part) else self._stand_in or entity for part in parts
        ]
        return self.encode(parts, asked)


class Scorer:
    """One version of the model. Safe to use from several threads; the same text scores the same in any batch.

    Each text goes to the part that reads its language. Within a call, the same text about the same entity is scored
    once. The last ``running.repeats`` different scores are kept and given again.
    """

    def __init__(
        self,
        folder: Path,
        version: str,
        parts: Sequence[Part],
        running: Running = Running(),  # noqa: B008 it is frozen
        graphs: Mapping[str, bytes] | None = None,
    ) -> None:
        """Load ``parts`` from the version's ``folder``.

        ``graphs``, by the names of parts, are used in place of the graphs in ``folder``, which are for CPUs.
        Raises ``NoDevice`` or ``NoKernel`` if the device or the engine of ``running`` cannot be used, and
        ``ValueError`` if the parts have embeddings of different widths.
        """
        self.version, self.running = version, running
        encoders = [
            _Encoder(folder, part, running, (graphs or {}).get(part.name, folder / f"{part.name}.onnx"))
            for part in parts
        ]
        self._encoders = {code: e for e, part in zip(encoders, parts, strict=True) for code in part.languages}
        self.languages = frozenset(self._encoders)
        self.experimental = frozenset(code for part in parts for code in part.experimental)
        self.parts = [frozenset(part.languages) for part in parts]
        self._files = {
            frozenset(part.languages): [folder / f"{part.name}.{kind}" for kind in ("onnx", "json")] for part in parts
        }
        self.providers = encoders[0].engine.providers
        self._width = encoders[0].engine.width
        if any(encoder.engine.width != self._width for encoder in encoders):
            raise ValueError(f"the parts of {version} have embeddings of different widths")
        self._repeats: LRUCache[_Key, _Row] | None = LRUCache(running.repeats) if running.repeats else None
        self._lock = Lock()

    @property
    def device(self) -> str:
        """Where it computes: ``cpu`` or ``cuda``."""
        return self.running.device

    @property
    def stage_share(self) -> dict[str, float]:
        """The share of texts that each stage decides. There is one stage, the encoder, and no cascade."""
        return {"encoder": 1.0}

    def encoder(self, languages: frozenset[str]) -> str:
        """Identifies the encoder of the part that reads ``languages``, one of ``parts``; versions may share it."""
        return " ".join(file_digest(path) for path in self._files[languages])

    def score(
        self,
        texts: Sequence[str],
        entities: Sequence[str | None] | None = None,
        languages: Sequence[str | None] | None = None,
    ) -> Scores:
        """Score each text, about the entity beside it (as written in the text) or as a whole where it is None.

        ``languages`` are ISO 639-1 codes; where one is None, it is detected. A text of more tokens than the network
        reads at once is read in passages (``model.passages``). Raises ``ValueError`` if there are not as many entities
        or languages as texts.
        """
        n = len(texts)
        entities = [None] * n if entities is None else entities
        languages = [None] * n if languages is None else languages
        if not len(entities) == len(languages) == n:
            raise ValueError(f"{n} texts but {len(entities)} entities and {len(languages)} languages")
        places: dict[_Key, list[int]] = {}
        for i, key in enumerate(map(_Key, texts, entities, languages)):
            places.setdefault(key, []).append(i)
        rows = self._known(places)
        reading: dict[_Encoder, list[_Key]] = {}
        for key in places:
            if key not in rows and (encoder := self._encoders.get(key.language or detect(key.text))):
                reading.setdefault(encoder, []).append(key)
        for encoder, keys in reading.items():
            columns = encoder.run(keys)
            new = dict(zip(keys, zip(*columns, strict=True), strict=True))
            rows |= new
            self._keep(new)
        scores = Scores(
            np.full((n, 3), np.nan, np.float32),
            np.zeros((n, self._width), np.float32),
            np.zeros(n, np.int32),
            np.full((n, 3), np.nan, np.float32),
            np.zeros(n, bool),
            np.full((n, 2), -1, np.int32),
            np.zeros(n, bool),
        )
        for key, row in rows.items():
            at = places[key]
            scores.probabilities[at], scores.embeddings[at], scores.tokens[at], scores.logits[at] = row[:4]
            scores.deciding[at], scores.cut[at] = row[4:]
            scores.supported[at] = True
        return scores

    def embed(
        self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]
    ) -> np.ndarray:
        """The embeddings of ``score`` alone, float32 [n, hidden]."""
        return self.score(texts, entities, languages).embeddings

    def _known(self, keys: Iterable[_Key]) -> dict[_Key, _Row]:
        if self._repeats is None:
            return {}
        with self._lock:
            return {key: row for key in keys if (row := self._repeats.get(key)) is not None}

    def _keep(self, new: Mapping[_Key, _Row]) -> None:
        if self._repeats is not None:
            with self._lock:
                # Copies, because a row that is a view would keep the whole batch in memory.
                self._repeats.update({key: tuple(np.copy(value) for value in row) for key, row in new.items()})

    @cached_property
    def topics(self) -> Classifier:
        """The classifier of topics for this version's embeddings, fitted at the first use, or as it is built in."""
        settings = ModelSettings()
        built_in = settings.built_in and settings.built_in.parent / "topics"
        return Classifier.of(self, settings.cache.parent / "topics", built_in)

    def explain(self, text: str, entity: str | None = None) -> list[tuple[str, float]]:
        """(word, weight) of each word of ``text``, in order; see ``model.explanation``. Empty if the text's language
        is not read."""
        try:
            return [(word.text, word.weight) for word in explain(self, text, entity, samples=0).words]
        except UnsupportedLanguage:
            return []
