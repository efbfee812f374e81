"""Let a language model write the prompts of a set of mixtures, as in the paper's section V:
`python -m experiments.training.write_prompts SET --run DIR --model openai:NAME --base-url URL`.

SET is what `lcr data build` wrote, with prompts of our grammar; for each of its mixtures the model
is asked for five prompts. DIR/worded is the set with these at the end, for `training.manifest`;
DIR/answers.sqlite has every answer as it came, so that the same command goes on after a stop of
any kind, and asks nothing again that it has been told.

Tokens are counted before a request at the most that it can cost, and at what the server counted
once it is answered: after a kill the count is never below the bill, and above it by the requests
that were under way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from rich.progress import track

from agents.llm.budget import Budget, ModelCall, Price, Usage, call_within
from agents.llm.chat_models import chat_model
from agents.llm.errors import AgentError
from agents.planners.choose import PLANNERS
from baselines.composite.planning import Planner
from experiments.command import EXIT_FAILED, EXIT_OK, command, option
from experiments.comparison.errors import ConfigError, OutputError
from lcr.data.authors.set import PaperMixture, line_of, manifest_files, read_paper_set
from lcr.data.mixtures import WORDINGS
from lcr.errors import LcrError, one_line
from lcr.files import locked, write_whole
from lcr.instruction import Action, AudioDescription, Instruction

_ATTEMPTS = 5
"""Requests for one instruction in one run of the command."""
_IN_A_ROW = 25
"""Requests that fail one after the other, of all instructions, before the job gives up."""
_TASK = f"""\
You write what people say to a program that remixes a recording. You are told what is to happen to \
each source in it: remove, keep, up (louder) or down (softer). Write {WORDINGS} different prompts, \
each of which asks for exactly that in one sentence. Use imperative and interrogative sentences, \
and synonyms for the names of sounds and for words of style such as female, male, low, high, pitch \
and tempo. Say only what tells a source from the others; what is kept need not be named. \
Answer with a JSON list of {WORDINGS} strings and nothing else."""
_NONE = Usage()
_PROMPTS = TypeAdapter(
    Annotated[
        list[
            Annotated[
                str,
                StringConstraints(
                    strip_whitespace=True, min_length=5, max_length=600, pattern=r"^[^\n{}\[\]]+$"
                ),
            ]
        ],
        Field(min_length=1, max_length=4 * WORDINGS),
    ]
)
"""What an answer must be, as JSON."""


class CapError(LcrError):
    """The money is used up."""


@dataclass(frozen=True)
class Task:
    """An instruction to be worded. `key` tells it and the model from all others, and the second
    time that the same is asked for from the first."""

    key: str
    instruction: Instruction

    @property
    def messages(self) -> list[BaseMessage]:
        lines = "\n".join(f"- {line}" for line in _lines(self.instruction))
        return [SystemMessage(_TASK), HumanMessage(lines)]


def tasks_of(mixtures: Sequence[PaperMixture], model: str) -> list[Task]:
    """The task of each mixture."""
    seen: Counter[str] = Counter()

    def task(instruction: Instruction) -> Task:
        words = json.dumps([model, _TASK, _lines(instruction)])
        seen[words] += 1
        key = hashlib.sha256(f"{words} {seen[words]}".encode()).hexdigest()
        return Task(key, instruction)

    return [task(mixture.instruction) for mixture in mixtures]


def _lines(instruction: Instruction) -> list[str]:
    """A line for the model on each source."""
    found = []
    for action, what in zip(instruction.actions, instruction.descriptions, strict=True):
        if isinstance(what, AudioDescription):
            found.append(f"{action.name.lower()}: the sound of {what.label}")
            continue
        style = dict(what.known)
        told = [{"M": "male", "F": "female"}.get(style.pop("gender", ""), "")]
        told += [style.pop("emotion", "")]
        told += [f"{value} {name}" for name, value in style.items()]
        found.append(f"{action.name.lower()}: a speaker ({', '.join(filter(None, told))})")
    return found


class Store:
    """The prompts that were written and the tokens that were spent, on disk. For many threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._data = sqlite3.connect(path, check_same_thread=False)
        with self._data:
            self._data.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                "CREATE TABLE IF NOT EXISTS prompts"
                " (task TEXT, folded TEXT, text TEXT, PRIMARY KEY (task, folded));"
                "CREATE TABLE IF NOT EXISTS spent (tokens_in INT, tokens_out INT, cached INT);"
                "INSERT INTO spent SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT * FROM spent);"
            )

    def close(self) -> None:
        self._data.close()

    def prompts(self, task: Task) -> list[str]:
        """At most `WORDINGS`, in the order in which they were written."""
        ask = "SELECT text FROM prompts WHERE task = ? ORDER BY rowid LIMIT ?"
        with self._lock:
            return [text for (text,) in self._data.execute(ask, (task.key, WORDINGS))]

    def add(self, task: Task, texts: Sequence[str]) -> None:
        """Keep `texts` but for those that differ from another only in case or punctuation."""
        rows = [(task.key, "".join(filter(str.isalnum, t.casefold())), t) for t in texts]
        with self._lock, self._data:
            self._data.executemany("INSERT OR IGNORE INTO prompts VALUES (?, ?, ?)", rows)

    @property
    def spent(self) -> Usage:
        with self._lock:
            return self._spent()

    def _spent(self) -> Usage:
        tokens_in, tokens_out, cached = self._data.execute("SELECT * FROM spent").fetchone()
        return Usage(tokens_in=tokens_in, tokens_out=tokens_out, cached=cached)

    def spend(
        self, usage: Usage, *, before: Usage = _NONE, most: Callable[[Usage], None] | None = None
    ) -> None:
        """Replace the amount `before`, which was counted earlier, by `usage`. `most` may refuse the
        new total by raising."""
        change = (
            usage.tokens_in - before.tokens_in,
            usage.tokens_out - before.tokens_out,
            usage.cached - before.cached,
        )
        ask = "UPDATE spent SET tokens_in = tokens_in + ?, tokens_out = tokens_out + ?,"
        with self._lock, self._data:
            if most is not None:
                most(self._spent() + usage)
            self._data.execute(f"{ask} cached = cached + ?", change)


class Pace:
    """Lets `per_minute` requests begin in a minute, evenly spread. For many threads."""

    def __init__(self, per_minute: float) -> None:
        self._gap_s, self._next, self._lock = 60 / per_minute, 0.0, threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            begin = max(self._next, now)
            self._next = begin + self._gap_s
        time.sleep(begin - now)

    def count(self, requests: int) -> None:
        """Count `requests` that were made without `wait`: later ones begin as much later."""
        with self._lock:
            self._next += requests * self._gap_s


@dataclass
class Job:
    """Words tasks by `chat` into `store`. `problem` is the latest thing that went wrong, `ended`
    what ended the job before all was tried."""

    chat: BaseChatModel
    store: Store
    budget: Budget
    pace: Pace
    price: Price | None = None
    reads: Callable[[str, Task], bool] | None = None
    problem: BaseException | None = None
    ended: BaseException | None = None
    _failures: int = 0

    def word(self, task: Task) -> None:
        """Ask until there are enough prompts for `task`, a few times."""
        for _ in range(_ATTEMPTS):
            if self.ended or len(self.store.prompts(task)) >= WORDINGS:
                return
            try:
                texts = _PROMPTS.validate_json(self._ask(task.messages))
                if self.reads is not None:
                    texts = [text for text in texts if self.reads(text, task)]
                self.store.add(task, texts)
                self._failures = 0
            except CapError as error:
                self.ended = error
            except (AgentError, ValidationError) as error:
                self.problem = error
                self._failures += 1
                if self._failures >= _IN_A_ROW:
                    self.ended = error

    def _ask(self, messages: list[BaseMessage]) -> str:
        """The answer's text. Raises CapError where it might cost more than there is, AgentError.
        A request that is refused costs nothing, one whose cost is not told the most that it can."""
        sent = sum(len(message.text.encode()) + 16 for message in messages)
        most = Usage(tokens_in=sent, tokens_out=self.budget.answer_tokens)
        self.store.spend(most, most=self._check)
        self.pace.wait()
        call, spent, told = ModelCall(self.budget.seconds), _NONE, None
        try:
            answer = call_within(call, lambda: self.chat.invoke(messages))
            told = answer.usage_metadata
            return str(answer.text)
        finally:
            self.pace.count(max(0, len(call.requests) - 1))
            unknown = sum(not _refused(request["status"]) for request in call.requests)
            if told is not None:
                cached = told.get("input_token_details", {}).get("cache_read", 0)
                spent = Usage(
                    tokens_in=told["input_tokens"],
                    tokens_out=told["output_tokens"],
                    cached=min(cached, told["input_tokens"]),
                )
                unknown -= 1
            for _ in range(unknown):
                spent += most
            self.store.spend(spent, before=most)

    def _check(self, spent: Usage) -> None:
        limit = self.budget.usd
        if limit is not None and self.price is not None and self.price.of(spent) > limit:
            raise CapError(f"one more request may cost more than {limit:g} USD in all")


def _refused(status: object) -> bool:
    return isinstance(status, int) and status >= 400


def _reads(planner: Planner) -> Callable[[str, Task], bool]:
    lock = threading.Lock()

    def reads(text: str, task: Task) -> bool:
        try:
            with lock:
                gains = planner.plan(text, list(task.instruction.descriptions)).gains
        except (ValueError, LcrError):
            return False
        return tuple(Action.of_gain(gain) for gain in gains) == task.instruction.actions

    return reads


def _positive(text: str) -> float:
    if not 0 < (value := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


@command(
    __doc__,
    option("file", type=Path, metavar="SET", help="what lcr data build wrote"),
    option("--run", type=Path, required=True, metavar="DIR"),
    option("--model", required=True, help="openai:NAME, or local:FOLDER (transformers)"),
    option("--base-url", default="", help="of a server with OpenAI's protocol: vLLM, Ollama"),
    option("--temperature", type=float, default=1.0, help="default: 1"),
    option("--concurrent", type=int, default=8, help="requests at a time (default: 8)"),
    option("--per-minute", type=_positive, default=500.0, help="requests (default: 500)"),
    option("--usd", type=_positive, metavar="CAP", help="spend no more in all; needs --price"),
    option(
        "--price",
        type=float,
        nargs=2,
        metavar=("IN", "OUT"),
        help="USD per million tokens that are sent and written",
    ),
    option(
        "--verify",
        choices=sorted(PLANNERS),
        help="keep only prompts that this planner reads rightly; it cannot read all good ones",
    ),
    bad_input=(ValueError,),
    resumes=True,
)
def main(options: argparse.Namespace) -> int:
    """Run the job; status 1 where instructions are left without their prompts."""
    if options.usd and not options.price:
        raise ConfigError("a cap of money needs --price IN OUT")
    if options.concurrent < 1:
        raise ConfigError(f"--concurrent must be at least 1; got {options.concurrent}")
    price = Price(input=options.price[0], output=options.price[1]) if options.price else None
    budget = Budget(retries=5, seconds=600.0, usd=options.usd)
    sets = [(file, list(read_paper_set(file))) for file in manifest_files(options.file)]
    tasks = tasks_of([mixture for _, some in sets for mixture in some], options.model)
    chat = chat_model(
        options.model,
        base_url=options.base_url,
        budget=budget,
        temperature=options.temperature,
    )
    with locked(options.run):
        try:
            with closing(Store(options.run / "answers.sqlite")) as store:
                job = Job(chat, store, budget, Pace(options.per_minute), price)
                if options.verify:
                    job.reads = _reads(PLANNERS[options.verify]())
                _run(job, tasks, options.concurrent)
                return _finish(job, sets, tasks, options.run / "worded")
        except sqlite3.Error as error:
            raise OutputError(f"{options.run / 'answers.sqlite'}: {error}") from error


def _run(job: Job, tasks: Sequence[Task], concurrent: int) -> None:
    with ThreadPoolExecutor(concurrent) as pool:
        words = [pool.submit(job.word, task) for task in tasks]
        try:
            quiet = not sys.stderr.isatty()
            for one in track(as_completed(words), "writing", total=len(words), disable=quiet):
                one.result()
        except BaseException as error:
            job.ended = error  # what has not begun ends at once
            raise


def _finish(
    job: Job, sets: list[tuple[Path, list[PaperMixture]]], tasks: list[Task], folder: Path
) -> int:
    written = [tuple(job.store.prompts(task)) for task in tasks]
    short = sum(len(prompts) < WORDINGS for prompts in written)
    spent, count = job.store.spent, len(tasks)
    cost = f", {job.price.of(spent):.6f} USD" if job.price else ""
    print(f"{spent.tokens_in} tokens sent and {spent.tokens_out} written{cost}")
    if short:
        why = one_line(job.ended or job.problem or "too few in what came")
        print(f"{short} of {count} instructions lack prompts ({why}); the same command goes on")
        return EXIT_FAILED
    texts = iter(written)
    for stale in folder.glob("*"):  # of another set that was worded here
        stale.unlink()
    for file, mixtures in sets:
        lines = [line_of(replace(mixture, prompts=next(texts))) for mixture in mixtures]
        path, tar = folder / f"{file.name.partition('.')[0]}.jsonl", file.with_suffix(".tar")
        write_whole(path, "".join(lines))
        if tar.exists():
            path.with_suffix(".tar").symlink_to(tar.resolve())
    print(f"{folder}: {WORDINGS} prompts for each of {count} mixtures")
    return EXIT_OK


if __name__ == "__main__":
    raise SystemExit(main())
