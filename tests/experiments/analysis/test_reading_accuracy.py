from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.analysis.reading_accuracy import PEOPLE, Said, is_right, main, read_people
from lcr.instruction import AudioDescription
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.keywords import KeywordTagger

SAID = Said(
    group="names",
    prompt="remove the dog",
    sources=(AudioDescription(label="dog barking"), AudioDescription(label="rain")),
    gains_db=(None, 0),
    request=True,
    absent=(),
)


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (SAID, True),
        (replace(SAID, prompt="turn down the dog"), False),
        (replace(SAID, prompt="turn down the dog", gains_db=(-6, 0)), True),
        (replace(SAID, prompt="turn down the dog", gains_db=(-12, 0)), False),
        (replace(SAID, prompt="remove the dog and the guitar"), False),
        (replace(SAID, prompt="remove the dog and the guitar", absent=("guitar",)), True),
        (replace(SAID, prompt="what time is it?"), False),
        (replace(SAID, prompt="what time is it?", request=False), True),
    ],
)
def test_right_and_wrong(said: Said, right: bool) -> None:
    reading = OpenReader(KeywordTagger()).read([said.prompt])[0]
    assert is_right(said, reading) is right


def test_prompts_of_people() -> None:
    people = read_people(PEOPLE)
    assert len(people) >= 200
    assert all(len(said.sources) == len(said.gains_db) for said in people)
    assert all(said.sources[0].kind >= said.sources[-1].kind for said in people)


def test_the_rules_are_a_floor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rules"]) == 0
    lines = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    right, _, of = lines["all"].split()
    assert int(right) > 0.7 * int(of)
