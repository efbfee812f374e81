"""The instructions of a recipe's fixed mixtures, to be worded by others than our grammar:
`python -m experiments.training.wordings RECIPE --out FILE --field DIR`.

FILE gets a line for each of the `training.distinct` mixtures: its number, every instruction in
plain words (what is to be done with which source), and for each a list of prompts, which are the
grammar's. Have them reworded, by people or by a language model, keep the rest as it is, and train
with `training.wordings = "FILE"`. The mixtures are drawn from the banks that are given here.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from experiments.command import command, option, set_option
from experiments.comparison.errors import ConfigError, OutputError
from experiments.training.recipe import BANK_OPTIONS, bank_paths, open_mixtures
from experiments.training.schema import load_recipe
from lcr.files import write_whole
from lcr.instruction import Instruction
from lcr.training.data import WORDINGS, TrainingMixtures


def lines(mixtures: TrainingMixtures) -> list[str]:
    """A line of JSON a mixture."""
    found = []
    for number in range(mixtures.config.distinct):
        asked = mixtures.instructions(number)
        prompts = [
            [mixtures.word(one, number, place, wording).text for wording in range(WORDINGS)]
            for place, one in enumerate(asked)
        ]
        row = {"mixture": number, "instructions": [_plain(one) for one in asked]}
        found.append(json.dumps({**row, "prompts": prompts}, ensure_ascii=False))
    return found


def _plain(instruction: Instruction) -> list[dict[str, str]]:
    return [
        {"action": action.name.lower(), **{k: v for k, v in asdict(what).items() if v}}
        for action, what in zip(instruction.actions, instruction.descriptions, strict=True)
    ]


@command(
    __doc__,
    option("recipe", type=Path),
    option("--out", type=Path, required=True, metavar="FILE"),
    *BANK_OPTIONS,
    set_option(),
)
def main(options: argparse.Namespace) -> None:
    """Write the file."""
    recipe = load_recipe(options.recipe, options.overrides)
    if not recipe.training.distinct:
        raise ConfigError("only fixed mixtures can be worded: set training.distinct")
    if recipe.training.wordings:
        raise ConfigError("this recipe's mixtures are worded already: leave training.wordings out")
    mixtures = open_mixtures(recipe, bank_paths(options))
    if not isinstance(mixtures, TrainingMixtures):
        raise ConfigError("a stage of queries has no instructions")
    try:
        write_whole(options.out, "".join(f"{line}\n" for line in lines(mixtures)))
    except OSError as error:
        raise OutputError.of(options.out, error) from error
    print(f"{options.out}: {recipe.training.distinct} mixtures to be worded")


if __name__ == "__main__":
    raise SystemExit(main())
