"""Prompts by a server that fails: none is lost, none is asked for twice, and the cost is right."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from experiments.training.write_prompts import Store, main, tasks_of
from lcr.data.authors.set import read_paper_set
from tests.agents.llm_server import completion, fails, says, send_json, served

AT_ONCE = {"retry_after_ms": "1"}
PRICE = (0.5, 1.5)


class Model:
    """Writes five prompts for each new request, 10 % of the time nothing, and 5 % of the time what
    is no list of prompts. It keeps its own account, and what it was asked for."""

    def __init__(self, seed: int = 0) -> None:
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.usd, self.refused, self.garbage = 0.0, 0, 0
        self.answered: list[str] = []

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        told = str(handler.body["messages"])  # type: ignore[attr-defined]
        with self._lock:
            luck = self._random.random()
            tokens = (self._random.randrange(50, 200), self._random.randrange(20, 90), 0)
            if luck >= 0.10:
                self.usd += (tokens[0] * PRICE[0] + tokens[1] * PRICE[1]) / 1e6
            self.refused += luck < 0.10
            self.garbage += 0.10 <= luck < 0.15
            if luck >= 0.15:
                self.answered.append(told)
        if luck < 0.10:
            fails(429, **AT_ONCE)(handler)
            return
        name = hashlib.sha256(told.encode()).hexdigest()[:12]
        texts = [f"Could you do number {n} of {name}?" for n in range(5)]
        garbage = ("Sure! Here they are.", '["one", 2]', '{"prompts": []}', '["Half a list, ')
        broken = self._random.choice(garbage)
        content = json.dumps(texts) if luck >= 0.15 else broken
        send_json(handler, completion(content, tokens=tokens))


def mixtures(path: Path, count: int) -> Path:
    """A set of `count` mixtures, a different instruction each."""
    rows = []
    for number in range(count):
        speech = {"kind": "speech", "file": "a", "snr_db": 0, "gender": "F", "pitch": "high"}
        audio = {"kind": "audio", "file": "b", "snr_db": 0, "label": f"machine {number}"}
        row = {"id": f"m{number}", "task": "MEVC", "acts": "U0", "sources": [speech, audio]}
        rows.append({**row, "prompts": ["x"]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(file: Path, run: Path, url: str, *more: str) -> list[str]:
    sent = ["--model", "openai:tiny", "--base-url", url, "--per-minute", "1e6"]
    price = ["--price", *map(str, PRICE)]
    return [str(file), "--run", str(run), *sent, *price, *more]


def spent(run: Path) -> float:
    with closing(Store(run / "answers.sqlite")) as store:
        usage = store.spent
    return (usage.tokens_in * PRICE[0] + usage.tokens_out * PRICE[1]) / 1e6


def check(run: Path, count: int) -> None:
    found = list(read_paper_set(run / "worded"))
    texts = [text for mixture in found for text in mixture.prompts]
    assert [mixture.id for mixture in found] == [f"m{number}" for number in range(count)]
    assert len(texts) == len(set(texts)) == 5 * count


@pytest.mark.slow
def test_a_thousand_prompts_of_a_server_that_fails(tmp_path: Path) -> None:
    model, run = Model(), tmp_path / "run"
    with served(model) as server:
        first = mixtures(tmp_path / "some.jsonl", 80)
        assert main(command(first, run, server.url)) == 0
        whole = mixtures(tmp_path / "all.jsonl", 200)  # of which 80 are answered already
        assert main(command(whole, run, server.url)) == 0
    check(run, 200)
    assert model.refused > 10
    assert model.garbage > 5
    assert len(model.answered) == len(set(model.answered)) == 200
    assert spent(run) == pytest.approx(model.usd)


@pytest.mark.rehearsal
@pytest.mark.slow
def test_ten_thousand_prompts_with_a_kill_in_the_middle(tmp_path: Path) -> None:
    model, run = Model(), tmp_path / "run"
    file = mixtures(tmp_path / "all.jsonl", 2_000)
    with served(model) as server:
        words = ["-m", "experiments.training.write_prompts", *command(file, run, server.url)]
        killed = subprocess.Popen([sys.executable, *words], start_new_session=True)
        while len(model.answered) < 900:
            assert killed.poll() is None, "the job ended by itself"
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        time.sleep(0.5)  # the server's last answers to the killed job
        with closing(sqlite3.connect(run / "answers.sqlite")) as data:
            kept = data.execute("SELECT COUNT(DISTINCT task) FROM prompts").fetchone()[0]
        lost = len(model.answered) - kept
        assert 0 <= lost <= 8
        assert kept < 2_000
        assert subprocess.run([sys.executable, *words], check=False).returncode == 0
    check(run, 2_000)
    assert len(set(model.answered)) == 2_000
    assert len(model.answered) == 2_000 + lost
    # Of the requests that were under way, eight at most, the longest answer is counted.
    assert model.usd <= spent(run) <= model.usd + 8 * (3_000 * PRICE[0] + 1_024 * PRICE[1]) / 1e6


def test_the_cap_of_money_ends_the_job_before_it_is_passed(tmp_path: Path) -> None:
    file, run, cap = mixtures(tmp_path / "all.jsonl", 50), tmp_path / "run", 0.005
    model = Model()
    with served(model) as server:
        assert main(command(file, run, server.url, "--usd", str(cap), "--concurrent", "1")) == 1
        assert 0.5 * cap < spent(run) <= cap
        assert not (run / "worded").exists()
        assert main(command(file, run, server.url, "--usd", "1")) == 0
    check(run, 50)
    assert len(model.answered) == 50


@pytest.mark.parametrize("answer", [fails(401), says("I would rather not.")])
def test_a_server_that_only_fails_is_soon_left_alone(tmp_path: Path, answer: object) -> None:
    file, run = mixtures(tmp_path / "all.jsonl", 100), tmp_path / "run"
    with served(answer) as server:  # type: ignore[arg-type]
        assert main(command(file, run, server.url, "--concurrent", "2")) == 1
        assert 25 <= len(server.bodies) <= 30


def test_what_is_told_twice_counts_once(tmp_path: Path) -> None:
    (mixture,) = read_paper_set(mixtures(tmp_path / "all.jsonl", 1))
    task, again = tasks_of([mixture, mixture], "openai:tiny")
    assert task.key != again.key
    assert task.instruction == again.instruction
    with closing(Store(tmp_path / "answers.sqlite")) as store:
        store.add(task, ["Hush the fan.", "hush the fan!", "Mute the fan."])
        store.add(task, ["Mute the fan.", "Is the fan needed?"])
        assert store.prompts(task) == ["Hush the fan.", "Mute the fan.", "Is the fan needed?"]
        assert store.prompts(again) == []


def test_a_planner_may_read_the_prompts_back(tmp_path: Path) -> None:
    file, run = mixtures(tmp_path / "all.jsonl", 1), tmp_path / "run"
    row = json.loads(file.read_text())
    row["sources"][1]["label"] = "dog barking"
    file.write_text(json.dumps(row))
    right = [
        f"{please}make the woman louder and remove the dog."
        for please in ("Please ", "Kindly ", "Now ", "Can you ", "Could you ")
    ]
    wrong = ["Remove the woman.", "Make the dog louder."]
    with served(says(json.dumps(wrong + right))) as server:
        assert main(command(file, run, server.url, "--verify", "keyword")) == 0
    told = json.loads((run / "worded" / "all.jsonl").read_text())
    assert told["prompts"] == right
    assert told["sources"] == row["sources"]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.jsonl"
    command_line = [str(file), "--run", str(tmp_path / "run"), "--model", "openai:x"]
    assert main(command_line) == 2
    file.write_text('{"mixture": 0, "prompts": []}\n')
    assert main(command_line) == 2
    mixtures(file, 1)
    assert main([*command_line, "--usd", "1"]) == 2
    assert main([*command_line, "--price", "1", "1", "--concurrent", "0"]) == 2
