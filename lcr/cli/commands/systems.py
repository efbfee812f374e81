"""List every registered system: what it is told, whether it runs and if not why, its parameters and
multiply-accumulates, sample rate, licence and reference, as they ship; nothing is downloaded."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from lcr.catalogue.records import System

EXTRA = "model"
_UNKNOWN = "unknown"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="build each system here and count it on a few seconds of noise; takes minutes",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from lcr.catalogue.listing import SCHEMA, list_systems  # numpy, which --help must not wait for

    with Console(stderr=True).status("") as status:
        systems = list_systems(check=options.check, tell=status.update)
    if options.json:
        rows = [{**dataclasses.asdict(one), "runs": one.runs} for one in systems]
        print(json.dumps({"schema": SCHEMA, "systems": rows}, indent=1))
    else:
        show(systems, Console())
    return 0


def show(systems: Sequence[System], console: Console) -> None:
    """Two tables and what their words mean."""
    from lcr.cli.tables import print_notes, print_table

    print_table(
        console,
        {
            "system": "fold",
            "family": "whole",
            "is told": "fold",
            "parameters": "right",
            "GMAC/s": "right",
            "Hz": "right",
            "runs": "whole",
        },
        map(_cells, systems),
    )
    print_table(
        console,
        {"system": "fold", "licence": "fold", "reference": "fold"},
        (
            (
                one.name,
                one.licence or _UNKNOWN,
                one.reference or f"{_UNKNOWN} ({one.package}: {one.target})",
            )
            for one in systems
        ),
    )
    print_notes(console, _notes(systems))


def _cells(system: System) -> tuple[str, ...]:
    known = system.family is not None
    rate = "any" if system.sample_rate is None else str(system.sample_rate)
    return (
        system.name,
        system.family or _UNKNOWN,
        " + ".join(system.uses_oracle) or ("" if known else _UNKNOWN),
        _number(system, system.parameters, 1e6, " M"),
        _number(system, system.macs_per_s, 1e9, ""),
        rate if known else _UNKNOWN,
        "yes" if system.runs else "no",
    )


def _number(system: System, value: int | None, unit: float, suffix: str) -> str:
    if value is None:
        return _UNKNOWN if system.runs else ""
    return f"{value / unit:.2f}{suffix}" if value else "0"


def _notes(systems: Sequence[System]) -> list[str]:
    notes = [f"{one.name} does not run as it is: {one.missing}" for one in systems if one.missing]
    notes += [f"{one.name} does {', '.join(one.tasks)} only" for one in systems if one.tasks]
    notes += [f"{one.name}: {one.uncounted}" for one in systems if one.uncounted]
    notes.append(
        "is told: the truth that it is given beside mixture and prompt; such systems are bounds "
        "and never ranked. parameters: of all its networks, language models included. GMAC/s: "
        "counted for a second of mono audio at its own rate, without what reading a prompt costs "
        "once. Our own systems are listed as they ship; `lcr systems --check` builds them here."
    )
    return notes
