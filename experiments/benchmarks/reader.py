"""How many prompts a second does a reader take? `python -m experiments.benchmarks.reader`.

MiniLM frozen, read anew and from the cache of embeddings, against the plain transformers loop that
everybody writes (tokenise, run, masked mean) and, where it is installed, sentence-transformers;
then with LoRA as trained and merged. All interleaved in one process on the same prompts.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.benchmarks.timing import interleaved, summary
from experiments.comparison.environment import machine_line
from lcr.base_weights import minilm_folder
from lcr.instruction import AudioDescription, SpeechDescription, instruction, patterns
from lcr.nn.reader.embedding_cache import EmbeddingCache
from lcr.nn.reader.prompt_reader import PromptReader, preset
from lcr.prompts.generator import write_prompt

CACHED, FIRST, UNCACHED = "lcr frozen, cached", "lcr frozen, first time", "lcr frozen, no cache"
LOOP, SENTENCES = "plain transformers loop", "sentence-transformers"
LORA, MERGED = "lcr LoRA", "lcr LoRA, merged"
Read = Callable[[Sequence[str]], Tensor]


def written_prompts(count: int) -> list[str]:
    """`count` different prompts of our own generator, over all patterns of four sources."""
    rng = np.random.default_rng(0)
    sources = (
        SpeechDescription(gender="M", emotion="angry"),
        SpeechDescription(gender="F", tempo="high"),
        AudioDescription(label="rain"),
        AudioDescription(label="dog barking"),
    )
    found: dict[str, None] = {}
    for pattern in itertools.cycle(patterns(2, 2)):
        found[write_prompt(instruction(pattern, sources), rng).text] = None
        if len(found) == count:
            return list(found)
    raise AssertionError("cycle() never ends")


def frozen_reader(cache: EmbeddingCache | None) -> PromptReader:
    return PromptReader(replace(preset("minilm"), mode="frozen"), cache=cache).eval()


def plain_loop() -> Read:
    """The peer: transformers alone, as its documentation shows for this model."""
    transformers: Any = import_module("transformers")
    folder = minilm_folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def read(prompts: Sequence[str]) -> Tensor:
        tokens = tokenizer(list(prompts), padding=True, truncation=True, return_tensors="pt")
        mask = tokens["attention_mask"].unsqueeze(-1)
        mean: Tensor = (model(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)
        return mean

    return read


def sentence_encoder() -> Read:
    sentences: Any = import_module("sentence_transformers")
    model = sentences.SentenceTransformer(str(minilm_folder()), device="cpu", local_files_only=True)

    def read(prompts: Sequence[str]) -> Tensor:
        out: Tensor = model.encode(
            list(prompts),
            convert_to_tensor=True,
            show_progress_bar=False,
            batch_size=len(prompts),
            output_value="sentence_embedding",
        )
        return out

    return read


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    logging: Any = import_module("transformers.utils.logging")
    logging.disable_progress_bar()
    print(machine_line())
    prompts = written_prompts(options.prompts)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for batch in options.batch:
            _race(prompts, batch, options.rounds, Path(folder))
    return 0


def _race(prompts: Sequence[str], batch: int, rounds: int, folder: Path) -> None:
    kept = EmbeddingCache(folder / f"kept-{batch}.sqlite")
    merged = PromptReader(preset("minilm")).eval()
    merged.merge()
    readers: dict[str, Read] = {
        LOOP: plain_loop(),
        UNCACHED: frozen_reader(None),
        CACHED: frozen_reader(kept),
        LORA: PromptReader(preset("minilm")).eval(),
        MERGED: merged,
    }
    if find_spec("sentence_transformers") is not None:
        readers[SENTENCES] = sentence_encoder()
    first = EmbeddingCache(folder / f"first-{batch}.sqlite")
    fresh = frozen_reader(first)

    def read_all(read: Read) -> Tensor:
        return torch.cat([read(prompts[i : i + batch]) for i in range(0, len(prompts), batch)])

    def read_first() -> Tensor:
        first.clear()
        return read_all(fresh)

    expected = read_all(readers[LOOP])
    for name in (UNCACHED, CACHED, LORA, MERGED):
        error = float((read_all(readers[name]) - expected).abs().max())
        assert error < 1e-4, f"{name} is not what the plain loop makes of it: {error}"
    runs = {name: lambda read=read: read_all(read) for name, read in readers.items()}
    times = interleaved(runs | {FIRST: read_first}, rounds)
    print(
        f"\n{len(prompts)} prompts, {batch} at a time, {torch.get_num_threads()} thread(s), "
        f"{rounds} interleaved rounds: median (range)"
    )
    for name, seconds in times.items():
        rates = summary([len(prompts) / s for s in seconds], ".0f")
        ratios = summary([p / s for p, s in zip(times[LOOP], seconds, strict=True)], ".2f")
        print(f"  {name:24} {rates} prompts/s   {ratios} x the {LOOP}")
    print(f"  cache: {kept.used_bytes / len(prompts):.0f} bytes a prompt")
    kept.close()
    first.close()


if __name__ == "__main__":
    raise SystemExit(main())
