"""Hugging Face directories made here: small networks of random weights, imported and compared with transformers."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.processors import RobertaProcessing
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
)

import model
from model.encoder.graph import build
from model.encoder.importing import CannotImport, read_classifier
from model.engine.packing import pack
from model.registry import describe, import_directory
from tests.support.commands import assert_one_line_failure, within

PROSE = (
    "profit loss rises falls sharply shares of the company bank board dividend cut warns beats misses estimates strong "
    "weak demand lawsuit settles record quarter year sales unit in london chief resigns approves merger"
)
WORDS = PROSE.split()
SIZE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
NAMES = {0: "Positive", 1: "NEGATIVE", 2: "neutral"}
ORDER = [1, 2, 0]
"""Where (negative, neutral, positive) are in ``NAMES``."""


def sentences(count: int) -> list[str]:
    made = random.Random(7)
    return [" ".join(made.choices(WORDS, k=made.randint(1, 40))) for _ in range(count)]


def network(kind: str, words: int) -> torch.nn.Module:
    torch.manual_seed(3)
    # Far from their usual scale, so that texts differ in their label.
    settings = {**SIZE, "vocab_size": words, "initializer_range": 0.2, "id2label": NAMES, "num_labels": 3}
    if kind == "bert":
        return BertForSequenceClassification(BertConfig(**settings, max_position_embeddings=64)).eval()
    return RobertaForSequenceClassification(
        RobertaConfig(**settings, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1)
    ).eval()


def bert(folder: Path) -> Path:
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", *"abcdefghijklmnopqrstuvwxyz"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    network("bert", len(vocabulary)).save_pretrained(folder)
    return folder


def roberta(folder: Path) -> Path:
    folder.mkdir()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made = ByteLevelBPETokenizer()
    made.train_from_iterator(sentences(100), vocab_size=320, special_tokens=specials)
    tokenizer = Tokenizer.from_str(made.to_str())
    tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    network("roberta", tokenizer.get_vocab_size()).save_pretrained(folder)
    return folder


MAKERS = {"bert": bert, "roberta": roberta}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make(tmp_path_factory.mktemp("hf") / f"tiny-{kind}") for kind, make in MAKERS.items()}


@pytest.fixture
def folder(made: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made["bert"], tmp_path / "tiny-bert"))


def expected(folder: Path, ids: list[list[int]]) -> np.ndarray:
    """transformers' logits as (negative, neutral, positive)."""
    classifier = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        rows = [classifier(torch.tensor([row])).logits[0].numpy() for row in ids]
    return np.stack(rows)[:, ORDER]


@pytest.mark.parametrize("kind", MAKERS)
def test_the_float_graph_computes_what_transformers_computes(made: dict[str, Path], kind: str):
    found = read_classifier(made[kind])
    assert (found.labels, found.positions) == (("positive", "negative", "neutral"), 64)
    tokenizer = Tokenizer.from_str(found.tokenizer)
    tokenizer.enable_truncation(found.positions)
    encodings = tokenizer.encode_batch(sentences(24))
    session = onnxruntime.InferenceSession(build(found.weights, found.shape, "fp32").SerializeToString())
    logits = session.run(["logits"], pack(encodings))[0]
    wanted = expected(made[kind], [encoding.ids for encoding in encodings])
    assert np.abs(logits - wanted).max() < 1e-3
    assert len(set(wanted.argmax(axis=1))) > 1  # or nothing was compared


@pytest.mark.parametrize("kind", MAKERS)
def test_an_imported_version_labels_as_transformers_does(made: dict[str, Path], kind: str, tmp_path: Path):
    version = import_directory(tmp_path / "registry", made[kind], languages=["en"])
    assert version.startswith(f"tiny-{kind}-")
    scorer = model.load(model.version_folder(tmp_path / "registry", version))
    tokenizer = Tokenizer.from_str(read_classifier(made[kind]).tokenizer)
    texts = [text for text in sentences(400) if len(tokenizer.encode(text)) <= 64][:150]  # its positions
    assert len(texts) > 100
    wanted = expected(made[kind], [encoding.ids for encoding in tokenizer.encode_batch(texts)])
    got = scorer.score(texts, languages=["en"] * len(texts))
    same = got.probabilities.argmax(axis=1) == wanted.argmax(axis=1)
    close = np.sort(wanted, axis=1)
    assert same.mean() >= 0.97 and same[close[:, 2] - close[:, 1] > 0.2].all()
    assert set(wanted.argmax(axis=1)) == {0, 1, 2}
    # Longer than its 64 positions: read in passages.
    long = scorer.score([" ".join(sentences(20))], languages=["en"])
    assert long.tokens[0] > 64 and long.deciding[0, 1] > 0
    # It was not made for pairs of an entity and a text: the text is scored as it is.
    about = scorer.score(texts[:5], ["company"] * 5, ["en"] * 5)
    assert np.array_equal(about.logits, got.logits[:5])
    found = describe(tmp_path / "registry", version)
    assert found.parts[0].languages == ["en"] and found.facts["labels"] == ["positive", "negative", "neutral"]


def test_a_vocabulary_makes_the_tokenizer_that_transformers_makes(folder: Path):
    texts = [*sentences(5), "Caf\u00e9 SHARES, rises; 利润 unknownwords!"]
    ours = Tokenizer.from_str(read_classifier(folder).tokenizer)
    theirs = BertTokenizer.from_pretrained(folder)
    assert [ours.encode(text).ids for text in texts] == theirs(texts)["input_ids"]


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def reshape(folder: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor | None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    changed = change(tensors.pop(name))
    if changed is not None:
        tensors[name] = changed.contiguous()
    save_file(tensors, folder / "model.safetensors")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 438000000\n"
REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle": (pickled, "save_pretrained"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "cut short": (lambda f: (f / "model.safetensors").write_bytes(b"12345678"), "cannot be read"),
    "no config": (lambda f: (f / "config.json").unlink(), "no Hugging Face directory"),
    "labels without a meaning": (
        lambda f: edit(f, id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}),
        "--labels positive,negative,neutral",
    ),
    "no labels": (lambda f: edit(f, id2label=None), "--labels"),
    "other labels": (lambda f: edit(f, id2label={"0": "joy", "1": "anger", "2": "fear"}), "joy, anger, fear"),
    "two labels": (lambda f: edit(f, id2label={"0": "positive", "1": "negative"}), "2 classes .* no option"),
    "five stars": (lambda f: edit(f, id2label={str(n): f"{n + 1} stars" for n in range(5)}), "5 classes .*5 stars"),
    "two labels without a meaning": (lambda f: edit(f, id2label={"0": "LABEL_0", "1": "LABEL_1"}), "2 classes"),
    "a pointer of Git LFS": (lambda f: (f / "model.safetensors").write_bytes(POINTER), "Git LFS pointer.*git lfs pull"),
    "pointers of Git LFS": (lambda f: (f / "config.json").write_bytes(POINTER), "config.json is a Git LFS pointer"),
    "a pointer to a vocabulary": (lambda f: (f / "vocab.txt").write_bytes(POINTER), "vocab.txt is a Git LFS pointer"),
    "another kind": (lambda f: edit(f, model_type="gpt2"), "gpt2"),
    "another activation": (lambda f: edit(f, hidden_act="relu"), "relu"),
    "several labels at once": (lambda f: edit(f, problem_type="multi_label_classification"), "choice of one"),
    "relative positions": (lambda f: edit(f, position_embedding_type="relative_key"), "relative_key"),
    "other heads": (lambda f: edit(f, num_attention_heads=5), "does not divide"),
    "no classifier": (lambda f: reshape(f, "classifier.weight", lambda _: None), "sequence classifier"),
    "another width": (lambda f: edit(f, hidden_size=32), "which config.json does not give"),
    "more layers": (lambda f: edit(f, num_hidden_layers=3), "no weights bert.encoder.layer.2"),
    "not numbers": (lambda f: reshape(f, "classifier.bias", lambda t: t * np.nan), "not numbers"),
    "five outputs": (lambda f: reshape(f, "classifier.weight", lambda t: t.repeat(2, 1)[:5]), "5 outputs"),
    "more words": (
        lambda f: reshape(f, "bert.embeddings.word_embeddings.weight", lambda t: t[:20]),
        "only 20 words",
    ),
    "no tokenizer": (lambda f: (f / "vocab.txt").unlink(), "neither tokenizer.json nor vocab.txt"),
    "a bad tokenizer": (lambda f: (f / "tokenizer.json").write_text("{"), "tokenizer cannot be read"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_imported_is_refused_with_the_remedy(folder: Path, kind: str):
    change, sentence = REFUSED[kind]
    change(folder)
    with pytest.raises(CannotImport, match=sentence):
        read_classifier(folder)


def test_weights_in_several_files_of_half_precision(folder: Path):
    whole = read_classifier(folder)
    tensors = {name: value.to(torch.bfloat16) for name, value in load_file(folder / "model.safetensors").items()}
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, chosen in parts.items():
        save_file({name: tensors[name].contiguous() for name in chosen}, folder / file)
    index = {"weight_map": {name: file for file, chosen in parts.items() for name in chosen}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    for name, value in read_classifier(folder).weights.items():
        assert np.allclose(value, whole.weights[name], rtol=0.01), name
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../../a.safetensors"}}')
    with pytest.raises(CannotImport, match="not a file in the directory"):
        read_classifier(folder)


def test_from_the_command_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MODEL_REGISTRY", str(tmp_path / "registry"))
    edit(folder, id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
    assert_one_line_failure(within("model", "import", str(folder)), "--labels")
    labels = ["--labels", "positive,negative,neutral", "--name", "small", "--promote"]
    done = within("model", "import", str(folder), *labels)
    version = done.stdout.split()[0]
    assert done.returncode == 0 and version.startswith("small-")
    scored = within("score", "profit rises sharply in london", "--json")
    assert json.loads(scored.stdout)["model_version"] == version
    for name in ("Small one", "../x", ""):
        assert_one_line_failure(within("model", "import", str(folder), "--name", name, *labels[:2]), "--name")
