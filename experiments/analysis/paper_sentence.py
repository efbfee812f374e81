"""Does "turn down the excited man and remove the traffic", the paper's first example, do that?

Studio mixtures of two voices of one gender, told apart by the style that the sentence states, and a
vehicle. Each is asked twice: in the sentence's words ("said"), and with everything that is true of
the voice ("described": "the low-pitched fast high-energy man"), which a hearing half is given where
something else finds the styles. An action is right where the effective gain of its source
(`lcr.evaluation.effective`) is nearer to it than to the three others, a removal being 20 dB.

    python experiments/analysis/paper_sentence.py --system lcr
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.command import command, option
from lcr.data.bank import SAMPLE_RATE, SPLITS, Entry, Split
from lcr.data.mixtures import MixtureConfig, place, set_level
from lcr.data.studio.bank import StudioBank
from lcr.evaluation.effective import effective_gains
from lcr.evaluation.statistics import share_improved
from lcr.instruction import STYLE_VALUES, Action, SpeechDescription
from lcr.prompts.generator.phrases import Dice, speaker_words
from lcr.registry import create

VOICES = (
    ("excited man", "M", "energy", "high"),
    ("calm man", "M", "energy", "low"),
    ("angry woman", "F", "emotion", "angry"),
)
TRAFFIC = ("car engine idling", "motorcycle revving", "race car passing", "car horn honking")
RIGHT = (Action.DOWN, Action.KEEP, Action.REMOVE)
"""Of the named voice, the other one and the traffic."""
_LEVELS_DB = {Action.REMOVE: -20.0, Action.DOWN: -6.0, Action.KEEP: 0.0, Action.UP: 6.0}
_MIX = MixtureConfig(duration_s=5.0)


def draw(bank: StudioBank, split: Split, index: int) -> tuple[str, Entry, NDArray[np.float32]]:
    """What the named voice is called, its entry, and the waves (3, samples) in the order of
    `RIGHT`."""
    rng = np.random.default_rng([index, 31])
    said, gender, style, value = VOICES[index % len(VOICES)]
    fits: dict[bool, list[Entry]] = defaultdict(list)
    sounds = []
    for entry in bank.entries(split):
        known = entry.description
        if not isinstance(known, SpeechDescription):
            sounds += [entry] if known.label in TRAFFIC else []
        elif known.gender == gender:
            fits[getattr(known, style) == value].append(entry)
    chosen = [some[int(rng.integers(len(some)))] for some in (fits[True], fits[False], sounds)]
    waves = [
        set_level(place(bank.load(e), _MIX.samples, rng, _MIX), float(rng.uniform(-2.5, 2.5)), _MIX)
        for e in chosen
    ]
    return said, chosen[0], np.stack(waves)


def described(entry: Entry) -> str:
    """A voice by all that is true of it."""
    styles = {name: getattr(entry.description, name) for name in STYLE_VALUES}
    return speaker_words(
        tuple(styles.items()), Dice(np.random.default_rng(0)), voice_like_beside=True
    )


def nearest(gain_db: float | None) -> Action:
    """The action that an effective gain comes nearest to; no gain is a removal."""
    level = -np.inf if gain_db is None else gain_db
    return min(_LEVELS_DB, key=lambda action: abs(_LEVELS_DB[action] - max(level, -20.0)))


@command(
    __doc__,
    option("--system", default="lcr", help="default: lcr"),
    option("--split", choices=SPLITS, default="test", help="default: test"),
    option("--mixtures", type=int, default=60, metavar="N"),
)
def main(options: argparse.Namespace) -> None:
    """Print the share of right actions with its 95 % interval (Wilson), for each way to ask."""
    torch.set_num_threads(1)
    system, bank = create(options.system), StudioBank()
    right: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for index in range(options.mixtures):
        said, entry, waves = draw(bank, options.split, index)
        for way, voice in (("said", f"the {said}"), ("described", described(entry))):
            prompt = f"turn down {voice} and remove the traffic"
            done = system.remix(waves.sum(0)[None], SAMPLE_RATE, prompt)
            found = effective_gains(estimate=done.audio[0], sources=waves).gains_db
            fits = [nearest(g) is a for g, a in zip(found, RIGHT, strict=True)]
            for name, fit in zip(("voice", "other voice", "traffic"), fits, strict=True):
                right[way][name].append(1.0 if fit else -1.0)
            right[way]["all three"].append(1.0 if all(fits) else -1.0)
    table = {}
    for way, columns in right.items():
        shares = {name: share_improved(values) for name, values in columns.items()}
        table[way] = {name: [one.mean, one.low, one.high] for name, one in shares.items()}
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    raise SystemExit(main())
