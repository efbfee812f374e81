"""Look at what is installed and which weights are here, and tell what to do. It remixes a second of
noise to see whether the default system works; nothing is downloaded. Exit status: 0 if it works, 2
if not."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lcr.cli.status import EXIT_BAD_INPUT

if TYPE_CHECKING:
    from lcr.cli.checkup import Check

EXTRA = "run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(options: argparse.Namespace) -> int:
    from lcr.cli.bars import Bars
    from lcr.cli.checkup import SCHEMA, examine

    with Bars("lcr doctor", total=1) as bars, bars.step("looking"):
        checks = list(examine())
    failed = [check for check in checks if check.status == "bad"]
    if options.json:
        told = [dataclasses.asdict(check) for check in checks]
        print(json.dumps({"schema": SCHEMA, "works": not failed, "checks": told}, indent=1))
    else:
        marks = {"good": "ok     ", "missing": "missing", "bad": "BROKEN "}
        for check in checks:
            print(f"{marks[check.status]}  {check.name}: {check.found}")
            if check.advice:
                print(f"         -> {check.advice}")
        print(_verdict(checks))
    return EXIT_BAD_INPUT if failed else 0


def _verdict(checks: Sequence[Check]) -> str:
    bad = [check.name for check in checks if check.status == "bad"]
    if bad:
        return f"lcr does not work: {', '.join(bad)} broken"
    absent = [check.name for check in checks if check.status == "missing"]
    others = "; only other systems and commands need what is not here: "
    return "lcr works" + (others + ", ".join(absent) if absent else "")
