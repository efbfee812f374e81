"""`lcr sounds`: what is known, and what words mean."""

from __future__ import annotations

import json

from lcr.cli import main
from lcr.lexicon import load_lexicon


def asked(capsys, *words):
    status = main(["sounds", "--json", *words])
    return status, json.loads(capsys.readouterr().out)


def test_recorded_described_kind_and_unknown(capsys):
    status, (dog, kind, described, unknown) = asked(
        capsys, "the dog", "animals", "theremin", "zorblax"
    )
    assert (dog["name"], dog["known"]) == ("dog barking", "recordings")
    assert dog["name"] not in dog["nearest"]
    assert kind["kind"] == "animals"
    assert "dog barking" in kind["members"]
    assert described["known"] == "description"
    assert unknown["known"] == "not"
    assert unknown["name"] is None
    assert set(unknown["nearest"]) <= set(load_lexicon().by_name)
    assert status == 4


def test_what_is_known_ends_with_0(capsys):
    assert asked(capsys, "rain")[0] == 0


def test_all_kinds(capsys):
    assert main(["sounds", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["kinds"]) == set(load_lexicon().by_hypernym)
    assert 300 < len(found["recorded"]) < 600
    assert main(["sounds"]) == 0
    assert "animals" in capsys.readouterr().out
