"""List every registered system: what it is told, whether it runs here and if not why, its
parameters and multiply-accumulates, sample rate, licence and reference. Each is built and run on a
few seconds of noise to count; nothing is downloaded."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from lcr.catalogue.systems import System, SystemListing

EXTRA = "all"
_UNKNOWN = "unknown"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-counting",
        dest="count",
        action="store_false",
        help="leave out parameters and multiply-accumulates",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    from lcr.catalogue.systems import list_systems  # numpy, which `lcr --help` must not wait for

    with Console(stderr=True).status("") as status:
        listing = list_systems(count=options.count, tell=status.update)
    if options.json:
        print(json.dumps(dataclasses.asdict(listing), indent=1))
    else:
        show(listing, Console())
    return 0


def show(listing: SystemListing, console: Console) -> None:
    """Two tables and what their words mean, legible from 80 columns on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("system", overflow="fold")
    table.add_column("family", no_wrap=True)
    table.add_column("is told", overflow="fold")
    for head in ("parameters", "GMAC/s", "Hz"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("runs", no_wrap=True)
    for system in listing.systems:
        table.add_row(*_cells(system))
    console.print(table)
    origins = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    origins.add_column("system", overflow="fold")
    origins.add_column("licence", overflow="fold")
    origins.add_column("reference", overflow="fold")
    for system in listing.systems:
        reference = system.reference or f"{_UNKNOWN} ({system.package}: {system.target})"
        origins.add_row(system.name, system.licence or _UNKNOWN, reference)
    console.print(origins)
    for line in _notes(listing):
        console.print(line, markup=False, highlight=False)


def _cells(system: System) -> list[str]:
    known = system.family is not None
    rate = _UNKNOWN
    if known:
        rate = "any" if system.sample_rate is None else str(system.sample_rate)
    return [
        system.name,
        system.family or _UNKNOWN,
        " + ".join(system.uses_oracle) or ("" if known else _UNKNOWN),
        _number(system, system.parameters, 1e6, " M"),
        _number(system, system.macs_per_s, 1e9, ""),
        rate,
        "yes" if system.runs else "no",
    ]


def _number(system: System, value: int | None, unit: float, suffix: str) -> str:
    if value is None:
        return _UNKNOWN if system.runs else ""
    return f"{value / unit:.2f}{suffix}" if value else "0"


def _notes(listing: SystemListing) -> list[str]:
    notes = [
        f"{one.name} does not run here: {one.missing}" for one in listing.systems if one.missing
    ]
    notes += [
        f"{one.name} does {', '.join(one.tasks)} only"
        for one in listing.systems
        if one.tasks is not None
    ]
    notes += [
        f"{one.name}: {one.uncounted}" for one in listing.systems if one.uncounted is not None
    ]
    notes.append(
        "is told: the truth that it is given beside mixture and prompt; such systems are bounds "
        "and never ranked. parameters: of all its networks, language models included. GMAC/s: "
        "counted for a second of mono audio at its own rate, without what reading a prompt costs "
        "once."
    )
    return notes
