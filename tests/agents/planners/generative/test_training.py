"""Training of the generative planner: what it is taught, that it learns, and that it resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agents.plan import parse_plan
from agents.planners.generative.data import Lesson, draw_lesson
from agents.planners.generative.planner import load_planner
from agents.planners.generative.text import plan_text, request
from agents.planners.generative.tokenizer import END, PIECES, PLAN, USER, train_tokenizer
from agents.planners.generative.training import (
    GenerativeConfig,
    GenerativeStage,
    build_model,
    save_planner,
)
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop

pytestmark = pytest.mark.slow

WORDS = ("apple", "bottle", "candle", "dolphin", "engine", "flower", "garden", "hammock")
CONFIG = GenerativeConfig(
    vocabulary=600, width=32, layers=2, heads=2, batch=8, parts=2, held_out=8, cpu_bfloat16=False
)
LOOP = LoopConfig(
    steps=6,
    warmup_steps=2,
    muon_parts=("transformer",),
    muon_except=("wte", "wpe"),
    validate_every=3,
    save_every=1,
)


def drawn(count: int, seed: int = 0) -> list[Lesson]:
    rng = np.random.default_rng(seed)
    return [draw_lesson(rng, WORDS) for _ in range(count)]


@pytest.fixture(scope="module")
def tokenizer():
    texts = [request(one.prompt, one.inventory) for one in drawn(200)]
    return train_tokenizer(texts, WORDS, size=CONFIG.vocabulary)


@pytest.fixture
def stage(tokenizer) -> GenerativeStage:
    torch.manual_seed(0)
    return GenerativeStage(build_model(CONFIG, tokenizer), tokenizer, WORDS, CONFIG)


def test_a_plan_is_a_few_tokens_that_decode_to_it(tokenizer) -> None:
    for one in drawn(60, seed=1):
        ids = tokenizer(plan_text(one.plan))["input_ids"]
        assert parse_plan(tokenizer.decode(ids)) == one.plan
        if one.inventory:
            assert len(ids) == 3 * len(one.plan.changes) + 1
            assert tokenizer.decode(ids) == plan_text(one.plan)


def test_case_is_no_matter(tokenizer) -> None:
    shouted = tokenizer("REMOVE THE DOG\ns1 dog")["input_ids"]
    assert shouted == tokenizer("Remove the dog\ns1 dog")["input_ids"]


def test_an_id_is_one_token_and_words_that_hold_it_are_not(tokenizer) -> None:
    assert tokenizer.tokenize("s1") == ["s1"]
    assert "s1" not in tokenizer.tokenize("this1 s12x")
    assert all(tokenizer.tokenize(piece) == [piece] for piece in PIECES)


def test_the_chat_template_makes_what_is_trained_on(tokenizer, stage: GenerativeStage) -> None:
    (one,) = drawn(1)
    ids, labels = stage.batch([one])
    user = {"role": "user", "content": request(one.prompt, one.inventory)}
    told = [{"role": "system", "content": "Anything."}, user]
    asked = tokenizer.apply_chat_template(told, add_generation_prompt=True, tokenize=False)
    assert asked == USER + user["content"] + PLAN
    answer = {"role": "assistant", "content": plan_text(one.plan)}
    whole = tokenizer.apply_chat_template([user, answer], tokenize=False)
    assert whole == asked + answer["content"] + END
    assert ids[0].tolist() == tokenizer(whole)["input_ids"]
    count = int((labels[0] != -100).sum())
    assert labels[0, -count:].tolist() == tokenizer(answer["content"] + END)["input_ids"]


def test_other_prompts_of_a_batch_do_not_matter(stage: GenerativeStage) -> None:
    stage.model.eval()
    lessons = drawn(6)
    together, right, count = stage._read(lessons)
    alone = [stage._read([one]) for one in lessons]
    assert together.item() == pytest.approx(sum(nats.item() for nats, *_ in alone), rel=1e-4)
    assert (right, count) == (sum(r for _, r, _ in alone), sum(c for *_, c in alone))


def test_the_loss_is_transformers_own(stage: GenerativeStage) -> None:
    stage.model.eval()
    lessons = drawn(3)
    nats, _, count = stage._read(lessons)
    expected = 0.0
    for one in lessons:
        ids, labels = stage.batch([one])
        mean = stage.model(input_ids=ids, labels=labels).loss.item()
        expected += mean * int((labels != -100).sum())
    assert nats.item() == pytest.approx(expected, rel=1e-4)
    assert count == sum(int((stage.batch([one])[1] != -100).sum()) for one in lessons)


def loop(tokenizer, folder: Path) -> Loop:
    torch.manual_seed(0)
    stage = GenerativeStage(build_model(CONFIG, tokenizer), tokenizer, WORDS, CONFIG)
    return Loop(stage, LOOP, folder, {"held-out": ()})


def test_it_learns_and_a_resumed_run_ends_where_an_undisturbed_one_ends(
    tokenizer, tmp_path: Path
) -> None:
    whole = loop(tokenizer, tmp_path / "whole")
    before = whole.validate()["held-out/nats"]
    scores = whole.run(budget_s=1e9, report=lambda *_: None)
    assert scores["held-out/nats"] < before - 0.3
    while True:  # each call trains one step
        parts = loop(tokenizer, tmp_path / "parts")
        parts.resume()
        if parts.done >= 1:
            break
        parts.run(budget_s=0.0, report=lambda *_: None)
    for a, b in zip(whole.state.trained, parts.state.trained, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(whole.state.average, parts.state.average, strict=True):
        assert torch.equal(a, b)


def test_greedy_decoding_writes_what_validation_counts_as_right(
    tokenizer, stage: GenerativeStage, tmp_path: Path
) -> None:
    """A model that has learnt one lesson by heart: right in validation, and written so."""
    (one,) = drawn(1)
    optimiser = torch.optim.AdamW(stage.model.parameters(), lr=5e-3)
    for _ in range(60):
        nats, right, count = stage._read([one])
        optimiser.zero_grad()
        nats.backward()
        optimiser.step()
    assert right == count
    save_planner(stage.model, tokenizer, tmp_path)
    written = load_planner(weights=tmp_path).write([one.prompt], [one.inventory])[0]
    assert parse_plan(written.text) == one.plan
    assert written.tokens == count
