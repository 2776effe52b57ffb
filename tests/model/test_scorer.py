"""The shipped model, built once and run as it is served."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import yaml
from tokenizers import Tokenizer

import model
from deploy.demo import recorded_week
from deploy.doctor import examine
from model import Scorer, Scores, detect
from model.encoder import base_of, graph_of, merged
from model.engine import NoDevice, NoKernel, Running, native, tuning
from model.engine.backend import EngineName
from model.engine.device import cuda_problem
from model.engine.onnx_runtime import OnnxRuntime
from model.engine.packing import pack
from model.registry import best_running, copy_adapters, describe
from settings import ModelSettings

PLAIN = Path(__file__).parent / "plain_sentences.yaml"
TEXTS = [
    "Profit jumps 40 percent and the board raises its dividend",
    "The chief executive resigns after the fraud inquiry widens",
    "The company will publish its results on Thursday",
    "Ok",
    "Shares were little changed " * 80,
    "$ABC to the moon 🚀🚀",
    "Sales remain unchanged, née Renée",
]


@pytest.fixture(scope="session")
def registry(shipped: Path) -> Path:
    return shipped


@pytest.fixture(scope="session", params=["onnxruntime", "native"])
def scorer(registry: Path, request: pytest.FixtureRequest) -> Scorer:
    if request.param == "native":
        request.getfixturevalue("kernel")
    return model.load(model.champion_folder(registry), Running(engine=request.param))


def test_what_anyone_would_say_of_plain_sentences(scorer: Scorer):
    labels = scorer.score(
        [
            "Profit jumps 40 percent and the board raises its dividend",
            "The company warns of heavy losses and cuts a third of its staff",
            "The company will publish its results on Thursday",
        ]
    ).probabilities.argmax(axis=1)
    assert labels.tolist() == [2, 0, 1]


def test_what_anyone_would_say_in_other_languages(scorer: Scorer):
    sample: dict[str, dict[str, list[str]]] = yaml.safe_load(PLAIN.read_text("utf-8"))
    assert sample.keys() | {"en", "zh"} == scorer.languages
    rows = [(text, code, tone) for code, of in sample.items() for tone, texts in of.items() for text in texts]
    told = [detect(text) for text, _, _ in rows]
    assert np.mean([code == wanted for code, (_, wanted, _) in zip(told, rows, strict=True)]) >= 0.97
    p = scorer.score([text for text, _, _ in rows], None, [code for _, code, _ in rows]).probabilities
    right = (p[:, 2] > p[:, 0]) == np.array([tone == "good" for _, _, tone in rows])
    assert right.mean() >= 0.85
    for code in sample:
        assert right[[wanted == code for _, wanted, _ in rows]].mean() >= 0.6, code


def test_a_web_address_says_nothing(scorer: Scorer):
    plain, *others = scorer.score(
        [
            "Profit jumps as orders double",
            "Profit jumps as orders double https://example.com/loss-warning",
            "www.example.com/crash Profit jumps as  orders double",
        ]
    ).logits
    assert all(np.array_equal(plain, other) for other in others)
    plain, other = scorer.score(["订单翻倍 利润大增", "订单翻倍 HTTP://EXAMPLE.COM/crash利润大增"]).logits
    assert np.array_equal(plain, other)


def test_capitals_change_nothing(scorer: Scorer):
    texts = ["profit of alder jumps as its orders double", "alder warns of heavy losses and cuts its dividend"]
    plain = scorer.score(texts, ["alder"] * 2).logits
    assert np.array_equal(plain, scorer.score([text.upper() for text in texts], ["ALDER"] * 2).logits)


def test_a_text_scores_the_same_in_any_batch(scorer: Scorer):
    together = scorer.score(TEXTS * 20)
    for i, text in enumerate(TEXTS):
        alone = scorer.score([text])
        assert np.array_equal(alone.logits[0], together.logits[i]), text
        assert np.array_equal(alone.embeddings[0], together.embeddings[i]), text


def test_results_come_in_the_order_of_the_texts(scorer: Scorer):
    order = np.random.default_rng(1).permutation(len(TEXTS))
    assert np.array_equal(scorer.score([TEXTS[i] for i in order]).logits, scorer.score(TEXTS).logits[order])


def test_shapes_and_units(scorer: Scorer):
    scores = scorer.score(TEXTS)
    assert scores.probabilities.shape == (7, 3) and scores.embeddings.shape == (7, 384)
    assert np.allclose(scores.probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(scores.embeddings, axis=1), 1, atol=1e-5)
    assert scores.tokens[3] == 3 and scores.tokens[4] > 256  # read in passages
    assert scorer.score([]).probabilities.shape == (0, 3)


def test_one_text_is_good_for_one_company_and_bad_for_the_other(scorer: Scorer):
    text = "Deutsche Bank shares plunge after a huge loss, while Commerzbank surges on record profit"
    bad, good = scorer.score([text, text], ["Deutsche Bank", "Commerzbank"]).probabilities
    assert bad[0] > good[0] and good[2] > bad[2]


def test_the_embedding_hardly_depends_on_the_entity_and_tells_topics_apart(scorer: Scorer):
    text = "Regulators open an antitrust inquiry into the search business"
    alone, about = scorer.score([text, text], [None, "Alphabet"]).embeddings
    like, unlike = scorer.score(
        ["Competition authorities investigate the company's search engine", "Crude oil inventories rose last week"]
    ).embeddings
    assert alone @ about > 0.8
    assert alone @ like > alone @ unlike + 0.2


def test_entities_must_match_the_texts(scorer: Scorer):
    with pytest.raises(ValueError, match="2 texts but 1 entities"):
        scorer.score(["a", "b"], ["x"])


def test_the_words_that_decide_are_found(scorer: Scorer):
    words = scorer.explain("On Monday the shares collapsed in early trade", None)
    assert min(words, key=lambda word: word[1])[0] == "collapsed"


def test_a_language_that_the_model_does_not_read_has_no_score(scorer: Scorer):
    scores = scorer.score(["Profit jumps 40 percent", "Τα κέρδη της εταιρείας αυξήθηκαν κατά 40 τοις εκατό"])
    assert scores.supported.tolist() == [True, False]
    assert np.isfinite(scores.probabilities[0]).all() and np.isnan(scores.probabilities[1]).all()
    assert not scores.embeddings[1].any() and scores.tokens[1] == 0
    told = scorer.score(["Profit jumps 40 percent"], languages=["xx"])
    assert not told.supported.any()


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Some thousand different headlines and comments of the recorded week."""
    week = recorded_week.write(tmp_path_factory.mktemp("week"))
    found: list[str] = []
    for path in (week.news, week.comments):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError, AttributeError):
                record = json.loads(line)
                found.append(" ".join(str(record[name]) for name in ("title", "text", "body") if record.get(name)))
    return [text for text in dict.fromkeys(found) if text.strip()]


def test_thousands_of_texts_score_the_same_bits_in_any_order_and_batch(scorer: Scorer, texts: list[str]):
    assert len(texts) > 2000
    order = np.random.default_rng(5).permutation(len(texts))
    first = scorer.score(texts)
    shuffled = scorer.score([texts[i] for i in order])
    assert np.array_equal(first.logits[order], shuffled.logits, equal_nan=True)
    assert np.array_equal(first.embeddings[order], shuffled.embeddings)
    for start in range(0, 600, 3):
        few = scorer.score(texts[start : start + 3])
        assert np.array_equal(few.logits, first.logits[start : start + 3], equal_nan=True)


def test_the_built_graph_says_what_the_float_network_says(
    registry: Path, texts: list[str], tmp_path: Path, engines: list[EngineName]
):
    folder = model.champion_folder(registry)
    adapters = {path.name: path for path in copy_adapters(folder, tmp_path)}
    parts = describe(registry, folder.name).parts

    def of_precision(precision: Literal["fp32", "fp16"]) -> Scores:
        graphs = {
            name: graph_of(merged(adapters[name])[0], base_of(adapters[name]), precision).SerializeToString()
            for name in adapters
        }
        return Scorer(folder, precision, parts, graphs=graphs).score(texts[:600])

    exact = of_precision("fp32")
    known = exact.supported
    found = {name: Scorer(folder, name, parts, Running(engine=name)) for name in engines}
    built = {name: scorer.score(texts[:600]) for name, scorer in found.items()} | {"fp16": of_precision("fp16")}
    for name, scores in built.items():
        same = scores.logits[known].argmax(1) == exact.logits[known].argmax(1)
        # Of real texts 98.8 to 99.2 % agree; these are composed, many alike, and so many that lie between two labels.
        assert same.mean() >= 0.975, f"{name}: {same.mean():.4f} of the labels agree"
        moved = np.abs(scores.logits - exact.logits)[known].mean()
        assert moved <= 0.03 * exact.logits[known].std(), (name, moved)
        cosines = (scores.embeddings * exact.embeddings).sum(1)[known]
        assert np.quantile(cosines, 0.01) >= 0.98 and cosines.min() >= 0.95, (name, cosines.min())


def test_who_it_is_does_not_decide_what_is_said(scorer: Scorer):
    said = "{} warns of losses while {} raises its outlook, and {} says nothing"
    names = [("Alder", "Birch", "Cardo"), ("Wirecard", "Birch", "Cardo"), ("UBS Group", "Birch", "Cardo")]
    scores = scorer.score([said.format(*of) for of in names], [of[0] for of in names], ["en"] * 3)
    assert (scores.logits == scores.logits[0]).all() and (scores.tokens == scores.tokens[0]).all()
    about = scorer.score([said.format(*names[0])] * 2, list(names[0][:2]), ["en"] * 2)
    assert about.probabilities.argmax(1).tolist() == [0, 2]


def test_a_repeat_is_scored_once(scorer: Scorer, registry: Path):
    folder = model.champion_folder(registry)
    keeping = model.load(folder, Running(repeats=3, engine=scorer.running.engine))
    encoded: list[int] = []
    for encoder in set(keeping._encoders.values()):
        real = encoder.encode
        encoder.encode = lambda texts, entities, real=real: (encoded.append(len(texts)), real(texts, entities))[1]
    asked = ["Profit rose", "Profit fell", "Profit rose"], [None, "Acme", None]
    encoded.clear()
    scores = keeping.score(*asked)
    again = keeping.score(*asked)
    assert encoded == [2]
    plain = scorer.score(*asked)
    for found in (scores, again):
        assert np.array_equal(found.logits, plain.logits) and np.array_equal(found.embeddings, plain.embeddings)
        assert found.tokens.tolist() == plain.tokens.tolist() and found.supported.all()
    keeping.score(["Profit rose", "Profit rose"], ["Acme", None])  # about another entity is another score
    assert encoded == [2, 1]
    keeping.score(["a loss", "a gain", "a plan"])
    keeping.score(["Profit rose"])
    assert encoded == [2, 1, 3, 1] and len(keeping._repeats or ()) == 3


def test_cuda_is_taken_only_where_it_can_be_used(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = model.champion_folder(registry)
    if not cuda_problem():
        pytest.skip("this machine has a GPU")
    with pytest.raises(NoDevice, match=r"MODEL_DEVICE=cuda, but .*use MODEL_DEVICE=auto or cpu"):
        best_running(folder, ModelSettings(device="cuda", cache=tmp_path / "models"))
    for wanted, ok, said in (("auto", None, "scores on cpu: "), ("cuda", False, "MODEL_DEVICE=cuda, but ")):
        monkeypatch.setenv("MODEL_DEVICE", wanted)
        found = next(found for found in examine(tmp_path) if found.what == "device")
        assert found.ok is ok and found.state.startswith(said), found
    monkeypatch.delenv("MODEL_DEVICE")
    fixed = ModelSettings(
        device="auto", engine="onnxruntime", threads=1, batch_tokens=256, repeats=7, cache=tmp_path / "models"
    )
    assert best_running(folder, fixed) == Running("cpu", 1, 256, 7)
    assert not (tmp_path / "tuning").exists()  # nothing was left to find


def test_what_is_best_here_is_measured_once(
    registry: Path, tmp_path: Path, engines: list[EngineName], monkeypatch: pytest.MonkeyPatch
):
    folder, settings = model.champion_folder(registry), ModelSettings(device="cpu", cache=tmp_path / "models")
    started = time.monotonic()
    found = best_running(folder, settings)
    assert time.monotonic() - started < 60  # on a busy machine; some 1 s on a quiet one
    assert found.engine == engines[-1]  # the native one wherever it runs: so all machines give the same scores
    assert found.threads in (1, 2, 4, 8, 16, 32) and found.batch_tokens in tuning.BATCHES
    monkeypatch.setattr(tuning, "measure", lambda *_: pytest.fail("it was measured again"))
    assert best_running(folder, settings) == found
    (tmp_path / "tuning").joinpath(next((tmp_path / "tuning").glob("*.json")).name).write_text("{")
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        best_running(folder, settings)


@pytest.mark.parametrize(
    ("speeds", "cores", "chosen"),
    [
        ({1: 100, 2: 149}, 2, 1),
        ({1: 100, 2: 150, 4: 200}, 4, 2),
        ({1: 100, 2: 190, 4: 300, 8: 460}, 8, 8),
        ({1: 100, 2: 190, 4: 300, 8: 460}, 6, 4),
        ({1: 100}, 1, 1),
    ],
)
def test_more_threads_are_chosen_where_they_are_worth_their_cores(
    speeds: dict[int, float], cores: int, chosen: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tuning, "_speed", lambda threads, texts, tokens: speeds[threads] - abs(tokens - 1024) / 1e4)
    found = tuning.measure(lambda threads: threads, [], cores)  # type: ignore[arg-type, return-value]
    assert (found.threads, found.batch_tokens) == (chosen, 1024)


def test_an_engine_that_cannot_run_is_said(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = model.champion_folder(registry)
    monkeypatch.setattr(native, "find_spec", lambda _: None)
    native._library.cache_clear()
    try:
        settings = ModelSettings(engine="native", device="cpu", cache=tmp_path / "models")
        with pytest.raises(NoKernel, match=r"MODEL_ENGINE=native, but it was not compiled .* MODEL_ENGINE=auto"):
            best_running(folder, settings)
        settings = ModelSettings(engine="auto", device="cpu", threads=1, batch_tokens=256, cache=tmp_path)
        assert best_running(folder, settings).engine == "onnxruntime"
    finally:
        native._library.cache_clear()


def test_a_kernel_of_other_sources_is_said(
    registry: Path, kernel: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(native, "VERSION", native.VERSION + 1)
    native._library.cache_clear()
    try:
        assert native.kernel_is_stale()
        settings = ModelSettings(engine="auto", device="cpu", threads=1, batch_tokens=256, cache=tmp_path)
        assert best_running(model.champion_folder(registry), settings).engine == "onnxruntime"
        warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len(warned) == 1 and "compiled from other sources; install finsent again" in warned[0]
        found = next(found for found in examine(tmp_path) if found.what == "native engine")
        assert found.ok is False and "other sources" in found.state and "install finsent again" in found.todo
    finally:
        native._library.cache_clear()


def test_bound_and_bucketed_inputs_change_nothing(registry: Path, texts: list[str]):
    """What a GPU runs: fewer shapes, filled with what is nobody's, and bound memory; here with the CPU's."""
    folder = model.champion_folder(registry)
    tokenizer = Tokenizer.from_file(str(folder / "en.json"))
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch(texts[:37])
    run = OnnxRuntime(folder / "en.onnx")
    plain, bound = run.run(encodings), run.run_bound(pack(encodings, bucketed=True), "cpu")
    for a, b in zip(plain, bound, strict=True):
        assert np.allclose(a, b[:37], atol=2e-2)
    shapes = {
        tuple(value.shape for value in pack(tokenizer.encode_batch(texts[:n]), bucketed=True).values())
        for n in range(1, 200)
    }
    assert len(shapes) < 60
