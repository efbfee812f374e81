"""What do typing errors cost, and does correction pay?
`python -m experiments.analysis.typo_robustness`.

Prompts of our own generator are given one or two slips (two letters exchanged, one dropped, doubled
or hit beside its key), each in a word of at least four letters. A planner reads the clean prompt,
the garbled one, and that one as `lcr.prompts.spelling` corrects it; the score is the share whose
plan stays that of the clean prompt (Wilson interval). Correction must also leave alone what is
spelt right: the share of clean prompts that it changes, and which words, is told for our prompts
and, with `--prompts DIR|FILE.jsonl`, for other people's (`lcr.data.authors.set`).
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.planners.choose import load_planner
from baselines.composite.planning import Planner
from experiments.command import command, option
from experiments.comparison.table import Table, interval_text
from lcr.data.authors.set import read_paper_set
from lcr.errors import LcrError
from lcr.evaluation.statistics import share_improved
from lcr.instruction import Description
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.spelling import NEIGHBOURS, corrected

_LEAST_LETTERS, _SHOWN = 4, 12
_WORD = re.compile(rf"[^\W\d_]{{{_LEAST_LETTERS},}}")
Prompts = Sequence[tuple[str, Sequence[Description]]]


def garbled(text: str, slips: int, rng: np.random.Generator) -> str:
    """Put a slip into `slips` words of `text`, or into all that are long enough."""
    words = list(_WORD.finditer(text))
    chosen = rng.choice(len(words), min(slips, len(words)), replace=False)
    for match in sorted((words[i] for i in chosen), key=lambda m: -m.start()):
        text = text[: match.start()] + _slip(match[0], rng) + text[match.end() :]
    return text


def _slip(word: str, rng: np.random.Generator) -> str:
    while True:
        at = int(rng.integers(len(word)))
        keys = NEIGHBOURS.get(word[at].lower(), word[at])
        made = (
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + keys[int(rng.integers(len(keys)))] + word[at + 1 :],
        )[int(rng.integers(4))]
        if made != word:
            return made


def own_prompts(count: int, seed: int) -> list[tuple[str, Sequence[Description]]]:
    rng = np.random.default_rng(seed)
    asked = [random_instruction(rng) for _ in range(count)]
    return [(write_prompt(one, rng).text, one.descriptions) for one in asked]


def changed(texts: Sequence[str]) -> tuple[int, Counter[str]]:
    """Count the texts that correction changes, and each word it replaces by which."""
    count, pairs = 0, Counter[str]()
    for text in texts:
        better = corrected(text)
        if better != text:
            count += 1
            old, new = text.split(), better.split()
            for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new).get_opcodes():
                if tag != "equal":
                    pairs[f"{' '.join(old[a:b])} -> {' '.join(new[c:d])}"] += 1
    return count, pairs


def plans(
    planner: Planner, texts: Sequence[str], prompts: Prompts
) -> list[tuple[float, ...] | None]:
    """Plan each text; the gains of all sources, None where the planner refuses."""
    found: list[tuple[float, ...] | None] = []
    for text, (_, sources) in zip(texts, prompts, strict=True):
        try:
            found.append(planner.plan(text, sources).gains)
        except (ValueError, LcrError):
            found.append(None)
    return found


def share(kept: Sequence[bool]) -> str:
    found = share_improved([1.0 if one else -1.0 for one in kept])
    interval = {"mean": found.share, "low": found.low, "high": found.high}
    return interval_text(interval, scale=100, unit=" %")


def robustness(planner: Planner, prompts: Prompts, seed: int) -> list[str]:
    """Measure how many plans survive slips, with and without correction, as a Markdown table."""
    clean = plans(planner, [text for text, _ in prompts], prompts)
    rows = []
    for slips in (1, 2):
        rng = np.random.default_rng([seed, slips])
        worse = [garbled(text, slips, rng) for text, _ in prompts]
        cells = []
        for texts in (worse, [corrected(text) for text in worse]):
            found = plans(planner, texts, prompts)
            cells.append(share([a == b for a, b in zip(clean, found, strict=True)]))
        rows.append((str(slips), *cells))
    return Table(heads=("slips", "plan stays", "with correction"), rows=tuple(rows)).markdown()


def false_alarms(name: str, texts: Sequence[str]) -> str:
    count, pairs = changed(texts)
    found = share([i < count for i in range(len(texts))])
    words = ", ".join(f"{pair} ({n})" for pair, n in pairs.most_common(_SHOWN))
    return f"{name}: correction changes {found} of {len(texts)} prompts as written; {words or '-'}"


@command(
    __doc__,
    option("--planner", default="offline", metavar="NAME"),
    option("--count", type=int, default=400, help="prompts of our own"),
    option("--seed", type=int, default=1),
    option("--prompts", type=Path, metavar="DIR|FILE.jsonl"),
)
def main(options: argparse.Namespace) -> None:
    """Print what slips cost and what correction changes."""
    prompts = own_prompts(options.count, options.seed)
    print(f"planner {options.planner}, {options.count} prompts, seed {options.seed}\n")
    print("\n".join(robustness(load_planner(options.planner), prompts, options.seed)) + "\n")
    print(false_alarms("our generator", [text for text, _ in prompts]))
    if options.prompts is not None:
        mixtures = read_paper_set(options.prompts)
        print(false_alarms("others", [text for one in mixtures for text in one.prompts]))


if __name__ == "__main__":
    raise SystemExit(main())
