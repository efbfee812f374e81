"""Say which sounds are known: all kinds, or what some words mean and which known sounds are near.

A sound is known from recordings (the weights of lcr-q heard it in training) or by description (its
name stands in the lexicon with how it sounds)."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lcr.cli.status import EXIT_MISSING

if TYPE_CHECKING:
    from rich.console import Console

EXTRA = "run"
_WEIGHTS = "lcr-q"


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What some words mean to lcr: `name` of the lexicon, or a `kind` that holds several, or
    neither; `known` from "recordings", by "description" or "not"; `nearest` known sounds."""

    words: str
    name: str | None = None
    kind: str | None = None
    known: str = "not"
    members: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="WORD", help='such as "tuba" or "the traffic"')
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from lcr.lexicon import load_lexicon

    heard = set(_recorded_names())
    console = Console()
    if not options.words:
        kinds = {
            kind: [sound.name for sound in sounds]
            for kind, sounds in sorted(load_lexicon().by_hypernym.items())
        }
        if options.json:
            print(json.dumps({"recorded": sorted(heard), "kinds": kinds}, indent=1))
        else:
            _show_kinds(kinds, heard, console)
        return 0
    found = [meaning_of(words, heard) for words in options.words]
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=1))
    else:
        for one in found:
            console.print(_sentence(one), markup=False, highlight=False, soft_wrap=True)
    return EXIT_MISSING if any(one.known == "not" for one in found) else 0


def meaning_of(words: str, heard: set[str]) -> Meaning:
    """Look `words` up, where `heard` are the names known from recordings. Raises LcrError where
    the reader's weights are missing."""
    from lcr.lexicon import load_lexicon
    from lcr.prompts.reading import OpenReader
    from lcr.prompts.reading.names import look_up

    found, reader = look_up(words), OpenReader.load()
    assert reader.meanings is not None
    if found.hypernym is not None:
        members = tuple(sound.name for sound in load_lexicon().by_hypernym[found.hypernym])
        known = "recordings" if heard & set(members) else "description"
        return Meaning(words=words, kind=found.hypernym, known=known, members=members)
    if found.sound is not None:
        known = "recordings" if found.sound.name in heard else "description"
        nearest = reader.meanings.nearest([found.sound.name], 6)[0]
        others = tuple(name for name in nearest if name != found.sound.name)[:5]
        return Meaning(words=words, name=found.sound.name, known=known, nearest=others)
    return Meaning(words=words, nearest=reader.meanings.nearest([words])[0])


def _recorded_names() -> list[str]:
    from lcr.checkpoints import find_checkpoint, read_config

    names: list[str] = read_config(find_checkpoint(_WEIGHTS))["names"]["labels"]
    return names


def _show_kinds(kinds: dict[str, list[str]], heard: set[str], console: Console) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("names", justify="right")
    table.add_column("recorded", justify="right")
    table.add_column("such as")
    for kind, names in kinds.items():
        recorded = [name for name in names if name in heard]
        such = ", ".join((recorded + [n for n in names if n not in heard])[:4])
        table.add_row(kind, str(len(names)), str(len(recorded)), such)
    console.print(table)
    count = len({name for names in kinds.values() for name in names})
    console.print(
        f"{count} names, {len(heard)} of them known from recordings, the others by description. "
        'What a word means: lcr sounds "WORD".'
    )


def _sentence(one: Meaning) -> str:
    if one.known == "not":
        return f'"{one.words}": not known. Nearest in meaning: {", ".join(one.nearest)}.'
    from_where = {
        "recordings": "known from recordings",
        "description": "known by description only, so expect less",
    }[one.known]
    if one.kind is not None:
        some = ", ".join(one.members[:8])
        return f'"{one.words}": the kind {one.kind}, {len(one.members)} sounds such as {some}.'
    return f'"{one.words}": {one.name}, {from_where}. Near it: {", ".join(one.nearest)}.'
