"""The README and the pages of docs/: every block of code runs, or is a command that exists."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments.command import Command
from lcr.cli import make_parser

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVER = re.compile(r'chat_model\("openai[^)]*\)')


def blocks(page: Path, *languages: str) -> list[str]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [code for language, code in found if language in languages]


def commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    yield f"{page.name}: {line}", words


def test_every_block_says_what_it_is() -> None:
    known = {"sh", "python", "toml"}
    for page in PAGES:
        found = FENCE.findall(page.read_text(encoding="utf-8"))
        assert {language for language, _ in found} <= known, page
        assert page.read_text(encoding="utf-8").count("```") == 2 * len(found), page


def test_the_readme_is_short() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_toml_is_toml(page: Path) -> None:
    for block in blocks(page, "toml"):
        tomllib.loads(block)


@pytest.mark.parametrize("words", [pytest.param(words, id=told) for told, words in commands()])
def test_a_command_exists_and_takes_its_options(words: list[str]) -> None:
    program, *arguments = words
    if program in ("lcr", ".venv/bin/lcr"):
        make_parser().parse_args(arguments)
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{arguments[0]}:", makefile, flags=re.MULTILINE)
    elif program == "python":
        if arguments[0] == "-m":
            module, arguments = arguments[1], arguments[2:]
        else:
            module, arguments = arguments[0].removesuffix(".py").replace("/", "."), arguments[1:]
        main = import_module(f"{module}.__main__" if (ROOT / module).is_dir() else module)
        command = getattr(main, "main", None)
        if isinstance(command, Command):
            _, unknown = command.parser.parse_known_args(arguments)
            assert command.passes_on or not unknown
    else:
        assert program == "pip"


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one namespace a page, with what its text speaks of; hubs and servers are not asked."""
    from baselines.pit.separation import load_separator
    from baselines.shipped import find_weights

    monkeypatch.chdir(tmp_path)
    tone = (0.1 * np.sin(np.arange(8_000) / 3)).astype(np.float32)
    soundfile.write("street.wav", tone, 16_000)
    names = {"mixture": tone[None], "audio": tone[None], "sample_rate": 16_000}
    names["my_separator"] = load_separator(find_weights("separator")).separator
    for block in blocks(page, "python"):
        lines = [line for line in block.splitlines() if "push_to_hub" not in line]
        exec(SERVER.sub('chat_model("planner:keyword")', "\n".join(lines)), names)
