"""docs/reproduce.md from an empty disk to Table II: every command of the page, in order, on
miniature corpora, with shrunken copies of the recipes and a language model that always answers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from itertools import count, product
from pathlib import Path

import pytest

from lcr.cli import main as lcr
from lcr.cli.status import EXIT_PARTIAL
from lcr.data import fetch
from tests.agents.llm_server import says, served
from tests.corpus_server import hand_out, publish, serving
from tests.corpus_trees import corpora, speech_files
from tests.experiments.training import test_rows, test_train_cli
from tests.test_pages import ROOT, blocks

torch_as_it_was = test_train_cli.torch_as_it_was
PAGE = ROOT / "docs" / "reproduce.md"
SIZES = "train=16 valid=16 test=16 zero-shot-2s=8 fsd50k-unseen=4"


def commands() -> Iterator[list[str]]:
    for block in blocks(PAGE, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)


def authors_manifest(path: Path) -> None:
    """Two mixtures of the authors' layout, of recordings of the miniature corpora."""
    men = [file for file, _, gender, _ in speech_files() if gender == "M" and "/VCTK" in f"/{file}"]
    women = [file for file, _, gender, _ in speech_files() if gender == "F" and "libri" in file]
    rows = []
    for number, (man, woman) in enumerate(product(men[:1], women[:2])):
        sources = [
            {"kind": "speech", "file": f"TextrolSpeech/{man}", "gender": "M"},
            {"kind": "speech", "file": f"TextrolSpeech/{woman}", "gender": "F"},
            {"kind": "audio", "file": "VGGSound/audio/0-_x14AbCdE_000420.wav", "label": "dog"},
            {"kind": "audio", "file": "VGGSound/audio/1-_x15AbCdE_000450.wav", "label": "flute"},
        ]
        row = {"id": f"m{number}", "task": "TSR", "acts": "0111", "prompts": ["Mute the man."]}
        rows.append({**row, "sources": [{**source, "snr_db": 0} for source in sources]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def shrunken(recipe: str, folder: Path) -> list[str]:
    """Options that make a recipe's training a few steps of something tiny."""
    sets = [
        one
        for one in test_rows.shrunken(Path(recipe).stem, folder)
        if not one.startswith(("training.", "validation=", "system.encoder=", "loop."))
    ]
    sets += ["training.mixtures=1", "validation=2", "loop.steps=2", "loop.validate_every=2"]
    if "clap" in recipe:
        sets += ["training.mixtures=2", 'loop.watch="recall1"']
    return [word for one in sets for word in ("--set", one)]


@pytest.mark.rehearsal
@pytest.mark.filterwarnings("ignore:a prompt of")  # the tiny tokenizer has no long words
@pytest.mark.usefixtures("torch_as_it_was")
def test_every_command_of_the_page_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    made = corpora(tmp_path / "made")
    authors_manifest(tmp_path / "TEST.jsonl")
    numbers = count()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        number = next(numbers)
        says(json.dumps([f"Do {number} to {i} of them." for i in range(5)]))(handler)

    ran = []
    with served(answer) as server, serving() as publisher:
        monkeypatch.setattr(fetch, "ARCHIVES", publish(publisher, made))
        hand_out(made, tmp_path / "CORPORA")
        for program, *words in commands():
            words = [word.replace("TEST", "TEST.jsonl") for word in words]
            if program == "make":
                continue
            if program == "lcr":
                words += ["--processes", "1"] if "fetch" not in words else []
                words += ["--sets", *SIZES.split()] if "build" in words else []
                assert lcr(words) == (EXIT_PARTIAL if "fetch" in words else 0), words
                continue
            name = words[1] if words[0] == "-m" else words[0].removesuffix(".py").replace("/", ".")
            words = words[2 if words[0] == "-m" else 1 :]
            ran.append(name)
            if name.endswith("write_prompts"):
                words += ["--base-url", server.url, "--per-minute", "1e6"]
            elif name.endswith("make_tables"):
                words += ["--per-task", "1", "--only", "2", "--device", "cpu"]
            else:
                words += shrunken(words[0], tmp_path / "models")
            if name.endswith("train"):
                words += ["--processes", "1", "--device", "cpu"]
            assert import_module(name).main(words) == 0, (name, words)
    assert [ran.count(f"experiments.{name}") for name in ("train", "ship")] == [6, 3]
    lines = (tmp_path / "results").rglob("*.jsonl")
    records = [json.loads(line) for path in lines for line in path.read_text().splitlines()]
    assert [(record["system"], record["status"]) for record in records] == [("lcr-c-given", "ok")]
    assert list((tmp_path / "results").rglob("table_2.md"))
