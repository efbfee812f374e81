"""`python -m lcr.prompts.generator --n 20 --seed 0`: print sample prompts with their patterns."""

from __future__ import annotations

import argparse

import numpy as np

from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.writer import write_prompt


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lcr.prompts.generator", description=__doc__)
    parser.add_argument("--n", type=int, default=20, help="how many prompts (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    parser.add_argument("--speech", type=int, default=2, help="speech sources (default 2)")
    parser.add_argument("--audio", type=int, default=2, help="non-speech sources (default 2)")
    options = parser.parse_args()
    if options.n < 1 or options.speech < 0 or options.audio < 0:
        parser.error("--n must be at least 1, --speech and --audio at least 0")
    if options.speech + options.audio < 1:
        parser.error("a mixture needs at least one source")
    rng = np.random.default_rng(options.seed)
    for _ in range(options.n):
        instruction = random_instruction(rng, options.speech, options.audio)
        prompt = write_prompt(instruction, rng)
        print(f"{instruction.pattern}  {instruction.task.value:5}  {prompt.form:9}  {prompt.text}")


if __name__ == "__main__":
    main()
