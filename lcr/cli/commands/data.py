"""Fetch and check published corpora, make one bank of them, and build the paper's sets of mixtures.

DIR holds the corpora, unpacked as they are published, by name: TextrolSpeech, VGGSound, FSD50K,
ESC-50, FUSS, AudioSet. `fetch` downloads what anybody may have, and says where the rest is; `check`
reads every recording; `index` does so too and writes DIR/manifest.csv, with what can be used, and
DIR/quarantine.csv, with what is wrong; `build` makes mixtures of what the manifest names. `fetch`
and `build` go on where they were stopped."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lcr.cli.status import EXIT_BAD_INPUT, EXIT_PARTIAL

if TYPE_CHECKING:
    from rich.console import Console

    from lcr.data.corpora import Clip, Fault

EXTRA = "run"
_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    jobs = parser.add_subparsers(dest="job", required=True, metavar="JOB")
    fetch = jobs.add_parser("fetch", help="download and unpack corpora, and say where others are")
    check = jobs.add_parser("check", help="say what is missing, corrupt, silent or not licensed")
    index = jobs.add_parser("index", help="check, and write manifest.csv and quarantine.csv")
    build = jobs.add_parser("build", help="build the paper's sets of mixtures")
    for job in (fetch, check, index, build):
        job.add_argument("dir", type=Path, metavar="DIR", help="folder of the corpora")
    fetch.add_argument("corpora", nargs="+", metavar="CORPUS", help="such as ESC-50")
    for job in (check, index, build):
        job.add_argument(
            "--processes", type=int, default=os.cpu_count() or 1, help="default: one a core"
        )
    for job in (check, index):
        job.add_argument("--commercial", action="store_true", help="refuse other licences")
    index.add_argument(
        "--test",
        type=Path,
        metavar="MANIFEST",
        help="the authors' test manifest, or a folder of them: whom it has is not trained on",
    )
    build.add_argument("out", type=Path, metavar="OUT", help="folder for the sets")
    build.add_argument(
        "--sets", nargs="+", metavar="SET[=COUNT]", help="default: all, as many as in the paper"
    )
    build.add_argument("--seed", type=int, default=0)
    build.add_argument("--part", type=int, default=1_000, help="mixtures a file (default: 1,000)")
    build.add_argument(
        "--shards",
        action="store_true",
        help="write the sound too: WebDataset shards of 16-bit FLAC, 0.1 to 0.5 MB a mixture",
    )


def run(options: argparse.Namespace) -> int:
    from lcr.errors import LcrError

    for name, least in (("processes", 1), ("part", 1), ("seed", 0)):
        if getattr(options, name, least) < least:
            raise LcrError(f"--{name} must be at least {least}; got {getattr(options, name)}")
    jobs = {"fetch": _fetch, "build": _build}
    return jobs.get(options.job, _check)(options)


def _fetch(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    from lcr.data.corpora import CORPORA
    from lcr.data.fetch import ARCHIVES, BY_HAND, FetchError, fetch
    from lcr.errors import LcrError
    from lcr.files import locked

    if unknown := set(options.corpora) - set(CORPORA):
        raise LcrError(f"unknown corpus {sorted(unknown)[0]}; known: {', '.join(CORPORA)}")
    console, here, missing = Console(stderr=True), 0, 0
    shown = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*shown, console=console, disable=not console.is_terminal) as bars:
        for name in options.corpora:
            print(f"{name}: licence: {CORPORA[name].licence}", flush=True)
            for archive in ARCHIVES.get(name, ()):
                bar = bars.add_task(archive.name)
                try:
                    with locked(options.dir / name):
                        new = fetch(
                            archive,
                            options.dir / name,
                            lambda part, done, total, bar=bar: bars.update(  # type: ignore[misc]
                                bar, description=part, completed=done, total=total
                            ),
                        )
                except FetchError as error:
                    missing += 1
                    print(f"lcr data: {error}", file=sys.stderr)
                    continue
                finally:
                    bars.remove_task(bar)
                here += 1
                unchecked = not all(part.digest for part in archive.parts)
                told = "not checksummed: no digest is known" if unchecked else "checksum right"
                print(f"{name}: {archive.name}: {told if new else 'here already'}", flush=True)
            if name in BY_HAND:
                missing += 1
                print(f"{name}: not fetched: {BY_HAND[name]}. It is {CORPORA[name].where}")
    return (EXIT_PARTIAL if here else EXIT_BAD_INPUT) if missing else 0


def _check(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import track

    from lcr.cli.tables import print_table
    from lcr.data.authors.set import read_paper_set
    from lcr.data.corpora import (
        CORPORA,
        Clip,
        Fault,
        LeftOut,
        assign_splits,
        check_files,
        corpora_in,
        group_of,
        may_be_sold,
        read_corpus,
        write_manifest,
        write_table,
    )
    from lcr.data.folder import MANIFEST

    console = Console()
    root: Path = options.dir
    given = read_paper_set(options.test) if getattr(options, "test", None) else ()
    test = {group_of(source.file) for mixture in given for source in mixture.sources}
    good: list[Clip] = []
    faults: list[Fault] = []
    rows: list[tuple[str, ...]] = []
    for name in corpora_in(root):
        found = read_corpus(root, name)
        clips = assign_splits([one for one in found if isinstance(one, Clip)], test)
        wrong = [one for one in found if isinstance(one, Fault)]
        if options.commercial:
            what = "no commercial use: {}"
            wrong += [
                Fault(where=c.path, kind="licence", what=what.format(c.licence or "the corpus"))
                for c in clips
                if not may_be_sold(name, c)
            ]
        bad = {fault.where for fault in wrong}
        checked = check_files(root, clips, processes=options.processes)
        kept = []
        quiet = not console.is_terminal
        for clip, fault in track(checked, f"reading {name}", total=len(clips), disable=quiet):
            if fault is not None:
                wrong.append(fault)
            elif clip.path not in bad:
                kept.append(clip)
        splits = Counter(clip.split for clip in kept)
        left = Counter(one.why for one in found if isinstance(one, LeftOut))
        rows.append(
            (
                name,
                *(str(splits[split]) for split in ("train", "valid", "test")),
                ", ".join(f"{count} {why}" for why, count in left.items()),
                str(len(wrong)),
                CORPORA[name].licence,
            )
        )
        good += kept
        faults += wrong
    heads = ("corpus", "train", "valid", "test", "left out", "wrong", "licence")
    kinds = ("whole", "right", "right", "right", "fold", "right", "fold")
    print_table(console, dict(zip(heads, kinds, strict=True)), rows)  # type: ignore[arg-type]
    _name(console, faults, shown=_SHOWN if options.job == "index" else len(faults))
    if options.job == "index":
        write_table(root / "quarantine.csv", ("where", "kind", "what"), map(vars, faults))
        write_manifest(root, good)
        print(f"{root / MANIFEST}: {len(good)} recordings; {len(faults)} things in quarantine.csv")
    return EXIT_PARTIAL if faults else 0


def _name(console: Console, faults: list[Fault], *, shown: int) -> None:
    for fault in faults[:shown]:
        line = f"{fault.kind}: {fault.where}: {fault.what}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _build(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import Progress

    from lcr.data.build import PLANS, Build, build
    from lcr.errors import LcrError
    from lcr.files import locked

    plans = {}
    for text in options.sets or PLANS:
        name, _, count = text.partition("=")
        if name not in PLANS or not (count.isdecimal() or not count) or count == "0":
            raise LcrError(f"--sets {text}: NAME or NAME=COUNT of {', '.join(PLANS)}")
        plans[name] = replace(PLANS[name], count=int(count)) if count else PLANS[name]
    job = Build(
        root=options.dir,
        out=options.out,
        plans=plans,
        seed=options.seed,
        shards=options.shards,
        part=options.part,
    )
    console = Console(stderr=True)
    with locked(options.out), Progress(console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("building")
        build(
            job,
            processes=options.processes,
            tell=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    print(f"{options.out / 'README.md'}: {sum(plan.count for plan in plans.values())} mixtures")
    return 0
