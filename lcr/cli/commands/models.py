"""List every remixer and reader with its size and cost. Multiply-accumulates are counted, of
matrix products, convolutions, attention, recurrent layers and scans; real-time factors are
measured here, on the remixing network alone."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from lcr.catalogue.models import Model, ModelListing
    from lcr.catalogue.readers import Reader

EXTRA = "model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="a checkpoint to list beside those that ship, of lcr or of the paper's authors",
    )
    parser.add_argument("--variants", action="store_true", help="the rows of Table VII as well")
    parser.add_argument(
        "--no-timing", dest="timing", action="store_false", help="count only; takes seconds"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=2.0, help="audio to time on (default 2)"
    )
    parser.add_argument("--rounds", type=_count, default=3, help="timed rounds (default 3)")
    parser.add_argument("--threads", type=_count, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    import torch

    from lcr.catalogue.models import Timing, list_models

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    timing = Timing(seconds=options.seconds, rounds=options.rounds) if options.timing else None
    with Console(stderr=True).status("") as status:
        inventory = list_models(
            folders=options.folders, variants=options.variants, timing=timing, tell=status.update
        )
    if options.json:
        print(json.dumps(dataclasses.asdict(inventory), indent=1))
    else:
        show(inventory, Console())
    return 0


def show(inventory: ModelListing, console: Console) -> None:
    """Two tables and what their numbers mean, legible from 80 columns on."""
    timing = inventory.timing
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("remixer")
    heads = ["z", "parameters", "in FiLM", "GMAC/s", "causal", *(["RTF"] if timing else [])]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for model in inventory.models:
        table.add_row(*_cells(model, timed=timing is not None))
    console.print(table)
    readers = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    readers.add_column("reader", no_wrap=True)
    readers.add_column("language model", overflow="fold")
    readers.add_column("trained", no_wrap=True)
    readers.add_column("z", justify="right", no_wrap=True)
    readers.add_column("parameters", overflow="fold")
    for reader in inventory.readers:
        readers.add_row(*_reader_cells(reader))
    console.print(readers)
    for line in _notes(inventory):
        console.print(line, markup=False, highlight=False)


def _cells(model: Model, *, timed: bool) -> list[str]:
    title = " ".join(part for part in (model.name, model.scale) if part)
    if model.folder is not None:
        title += " (checkpoint)"
    elif model.variants[0] != "default" or len(model.variants) > 1:
        title += f": {', '.join(model.variants)}"
    cells = [
        title,
        str(model.z_dim),
        _millions(model.parameters),
        _millions(model.film_parameters),
        f"{model.macs_per_s / 1e9:.2f}",
        "yes" if model.causal else "no",
    ]
    factor = model.real_time_factor
    if timed:
        cells.append("" if factor is None else f"{factor.median:.3f}")
    return cells


def _reader_cells(reader: Reader) -> list[str]:
    return [
        reader.name,
        reader.base,
        reader.trains,
        "" if reader.width is None else str(reader.width),
        "not here" if reader.parameters is None else _millions(reader.parameters),
    ]


def _notes(inventory: ModelListing) -> list[str]:
    notes = [
        f"{reader.name} not here: {reader.missing}"
        for reader in inventory.readers
        if reader.missing is not None
    ]
    notes += [
        f"{model.name} also holds {_millions(model.reader_parameters)} trained parameters of its "
        "reader"
        for model in inventory.models
        if model.reader_parameters is not None
    ]
    notes.append(
        "GMAC/s: counted on 4 s of 16 kHz mono, one instruction (for LCR-G of one action). "
        "z: how many values the semantic filter has."
    )
    timing = inventory.timing
    if timing is not None:
        notes.append(
            f"RTF: real-time factor of the network alone on {timing.seconds:g} s, "
            f"{inventory.threads} thread(s), median of {timing.rounds} rounds (range: --json)."
        )
    notes.append(f"{inventory.cpu}, torch {inventory.torch}")
    return notes


def _millions(values: int) -> str:
    return f"{values / 1e6:.2f} M"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
