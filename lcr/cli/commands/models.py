"""List every remixer and reader with its size and cost, as they ship. Multiply-accumulates are
counted, of matrix products, convolutions, attention, recurrent layers and scans."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from lcr.catalogue.readers import Reader
    from lcr.catalogue.records import Model

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
        "--timing",
        action="store_true",
        help="measure real-time factors here, of the network alone; takes a minute or two",
    )
    parser.add_argument(
        "--seconds", type=_positive, default=2.0, help="audio to time on (default 2)"
    )
    parser.add_argument("--rounds", type=_count, default=3, help="timed rounds (default 3)")
    parser.add_argument("--threads", type=_count, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from lcr.catalogue.listing import SCHEMA, list_models
    from lcr.catalogue.readers import find_reader
    from lcr.catalogue.records import Timing
    from lcr.nn.reader.config import PRESETS

    timing, machine = None, None
    if options.timing:
        timing = Timing(seconds=options.seconds, rounds=options.rounds)
        machine = dataclasses.asdict(timing) | _machine(options.threads)
    with Console(stderr=True).status("") as status:
        models = list_models(
            folders=options.folders, variants=options.variants, timing=timing, tell=status.update
        )
        status.update("looking for language models")
        readers = [find_reader(name) for name in PRESETS]
    if options.json:
        told: dict[str, Any] = {"schema": SCHEMA, "timing": machine}
        told["models"] = [dataclasses.asdict(model) for model in models]
        told["readers"] = [dataclasses.asdict(reader) for reader in readers]
        print(json.dumps(told, indent=1))
    else:
        show(models, readers, machine, Console())
    return 0


def _machine(threads: int | None) -> dict[str, Any]:
    """What a measured number must name; sets the number of threads where one is given."""
    import torch

    from lcr.catalogue.machine import cpu_model

    if threads is not None:
        torch.set_num_threads(threads)
    return {"cpu": cpu_model(), "torch": torch.__version__, "threads": torch.get_num_threads()}


def show(
    models: Sequence[Model],
    readers: Sequence[Reader],
    machine: dict[str, Any] | None,
    console: Console,
) -> None:
    """Two tables and what their numbers mean."""
    from lcr.cli.tables import Column, print_notes, print_table

    columns: dict[str, Column] = {"remixer": "fold"}
    for head in ("z", "parameters", "in FiLM", "GMAC/s", "causal", *(["RTF"] if machine else [])):
        columns[head] = "right"
    print_table(console, columns, map(_cells, models))
    print_table(
        console,
        {
            "reader": "whole",
            "language model": "fold",
            "trained": "whole",
            "z": "right",
            "parameters": "fold",
        },
        map(_reader_cells, readers),
    )
    print_notes(console, _notes(models, readers, machine))


def _cells(model: Model) -> list[str]:
    title = " ".join(part for part in (model.name, model.scale) if part)
    if model.folder is not None:
        title += " (checkpoint)"
    elif model.variants != ("default",):
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
    return cells if factor is None else [*cells, f"{factor.median:.3f}"]


def _reader_cells(reader: Reader) -> list[str]:
    return [
        reader.name,
        reader.base,
        reader.trains,
        "" if reader.width is None else str(reader.width),
        "not here" if reader.parameters is None else _millions(reader.parameters),
    ]


def _notes(
    models: Sequence[Model], readers: Sequence[Reader], machine: dict[str, Any] | None
) -> list[str]:
    notes = [f"{reader.name} not here: {reader.missing}" for reader in readers if reader.missing]
    notes += [
        f"{model.name} also holds {_millions(model.reader_parameters)} trained parameters of its "
        "reader"
        for model in models
        if model.reader_parameters
    ]
    notes.append(
        "GMAC/s: counted on 4 s of 16 kHz mono, one instruction (for LCR-G of one action). "
        "z: how many values the semantic filter has."
    )
    if machine is not None:
        notes.append(
            f"RTF: real-time factor of the network alone on {machine['seconds']:g} s, "
            f"{machine['threads']} thread(s), median of {machine['rounds']} rounds (range: "
            f"--json). {machine['cpu']}, torch {machine['torch']}"
        )
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
