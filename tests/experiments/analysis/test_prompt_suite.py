from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.prompt_suite import (
    AUDITS,
    Answer,
    Case,
    Source,
    Verdict,
    Voices,
    judge,
    open_reading,
    planning,
    read_cases,
    remixing,
    score,
    sources_of,
    table,
)
from experiments.comparison.errors import ConfigError
from lcr.audio.core import write_audio
from lcr.instruction import AudioDescription, SpeechDescription
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.keywords import KeywordTagger

SHARED = Path(__file__).resolve().parents[4] / "shared"
GONE = -math.inf
RIGHT, TOLD, SILENT = Verdict(True, False), Verdict(False, False), Verdict(False, True)


def source(label: str, *gains_db: float) -> Source:
    return Source(
        description=AudioDescription(label=label),
        clip="",
        level_db=0,
        start_s=None,
        gains_db=gains_db,
    )


def voice(gains_db: float = 0, *, level_db: float = 0, start_s: float = 0, **style: str) -> Source:
    description = SpeechDescription(**style)
    found = replace(source("x", gains_db), description=description)
    return replace(found, level_db=level_db, start_s=start_s)


CASE = Case(
    id="",
    tags=("plain",),
    prompt="remove the dog",
    sources=(source("dog barking", GONE), source("rain", 0)),
    absent=(),
    refused=False,
)


@pytest.mark.parametrize(
    ("half", "prompts", "of_a_kind"),
    [
        ("open", 150, 20),
        ("blind", 150, 20),
        ("blind_2", 100, 13),
        ("blind_3", 60, 6),
        ("blind_4", 60, 6),
        ("blind_5", 80, 8),
    ],
)
def test_the_suite_is_as_it_should_be(half: str, prompts: int, of_a_kind: int) -> None:
    cases = read_cases(AUDITS / f"prompts_{half}.jsonl")
    tags = Counter(tag for case in cases for tag in case.tags)
    kinds = ("negation", "absence", "no request", "wish", "amount")
    assert (
        len({case.prompt.lower() for case in cases}) == len({case.id for case in cases}) == prompts
    )
    assert all(tags[kind] >= of_a_kind for kind in kinds)
    assert tags["plain"] == prompts - sum(tags[kind] for kind in kinds)
    assert tags["outside"] >= prompts / 3
    for case in cases:
        assert 1 <= len(case.sources) <= 4
        assert len({s.clip for s in case.sources}) == len(case.sources)
        assert bool(case.absent) == ("absence" in case.tags)
        assert case.refused == ("no request" in case.tags)
        assert all(words in case.prompt.lower() for words in case.absent)
        asked = any(0 not in s.gains_db for s in case.sources)
        assert asked or case.absent or case.refused


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("half", ["open", "blind", "blind_2", "blind_3", "blind_4", "blind_5"])
def test_clips_are_what_the_banks_say(half: str) -> None:
    known: dict[str, dict[str, str]] = {}
    for bank in ("field-recordings", "real-sounds"):
        with (SHARED / bank / "manifest.csv").open(encoding="utf-8") as file:
            known |= {f"{bank}/{row['path']}": row for row in csv.DictReader(file)}
    for case in read_cases(AUDITS / f"prompts_{half}.jsonl"):
        for one in case.sources:
            row = known[one.clip]
            assert row["split"] == "test"
            if isinstance(one.description, AudioDescription):
                assert row["label"] == one.description.label
            else:
                assert row["gender"] == one.description.gender


@pytest.mark.parametrize(
    ("case", "answer", "verdict"),
    [
        (CASE, Answer(gains_db=(-21, -2.9)), RIGHT),
        (CASE, Answer(gains_db=(-19, 0)), SILENT),
        (CASE, Answer(gains_db=(-19, 0), told=("rain",)), TOLD),
        (CASE, Answer(refused=True), TOLD),
        (replace(CASE, refused=True), Answer(refused=True), RIGHT),
        (replace(CASE, refused=True), Answer(gains_db=(-21, 0)), TOLD),
        (replace(CASE, refused=True), Answer(gains_db=(0, 0)), SILENT),
        (replace(CASE, absent=("church bells",)), Answer(gains_db=(-21, 0)), TOLD),
        (replace(CASE, absent=("bells",)), Answer(gains_db=(-21, 0), told=("the bell",)), RIGHT),
        (replace(CASE, sources=(source("rain", -6, GONE),)), Answer(gains_db=(-8,)), RIGHT),
        (replace(CASE, sources=(source("rain", -6, GONE),)), Answer(gains_db=(-12,)), SILENT),
    ],
)
def test_what_is_right_and_what_nobody_is_told(
    case: Case, answer: Answer, verdict: Verdict
) -> None:
    assert judge(case, answer) == verdict


def test_tables_count() -> None:
    counts = table((CASE, replace(CASE, tags=("wish",))), (RIGHT, SILENT))
    assert counts == {"all": (1, 1, 2), "plain": (1, 0, 1), "wish": (0, 1, 1)}


def test_relations_tell_voices_apart() -> None:
    voices = Voices(
        (
            voice(gender="M", pitch="high", tempo="low", start_s=2),
            voice(gender="F", pitch="low", level_db=-8),
            voice(gender="F", pitch="high", level_db=-2, start_s=4),
        )
    )
    found = {
        relation: voices.related(relation, range(3))
        for relation in ("first to speak", "second", "last", "louder", "quieter", "deeper")
    }
    assert list(found.values()) == [(1,), (0,), (2,), (0,), (1,), (0,)]
    assert voices.related("higher", range(3)) == (2,)
    assert voices.related("slower", range(3)) == (0,)
    assert voices.related("older", range(3)) == ()


@pytest.mark.parametrize(
    ("prompt", "gains_db", "verdict"),
    [
        ("remove the second speaker", (0, GONE, 0), RIGHT),
        ("remove the dog", (0, 0, GONE), RIGHT),
        ("remove the dog", (0, GONE, 0), SILENT),
        ("remove the siren", (0, 0, GONE), TOLD),
    ],
)
def test_readings_are_judged(prompt: str, gains_db: tuple[float, ...], verdict: Verdict) -> None:
    first, second, dog = gains_db
    sources = (
        voice(first, gender="M"),
        voice(second, gender="M", start_s=3),
        source("dog barking", dog),
    )
    case = replace(CASE, prompt=prompt, sources=sources)
    read = open_reading(OpenReader(KeywordTagger()))
    assert judge(case, read(case)) == verdict


def test_planners_are_judged() -> None:
    assert judge(CASE, planning("keyword")(CASE)) == RIGHT


def test_systems_are_judged_by_what_became_of_each_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("dog", "man"):
        write_audio(tmp_path / f"{name}.wav", rng.normal(0, 0.1, (1, 16_000)).astype("f4"), 16_000)
    man = replace(voice(gender="M", level_db=-6, start_s=3.0), clip="man.wav")
    case = replace(CASE, sources=(man, replace(CASE.sources[0], clip="dog.wav")))
    sources = sources_of(case, tmp_path)
    assert sources.shape == (2, 6 * 16_000)
    assert not sources[0, : 3 * 16_000].any()
    assert 20 * np.log10(sources[0, 48_000:64_000].std()) == pytest.approx(-34, abs=0.5)
    assert np.array_equal(sources, sources_of(case, tmp_path))
    ((answer, verdict),) = score([case], remixing("mixture", tmp_path))
    assert answer.gains_db == pytest.approx((0, 0), abs=1e-3)
    assert verdict == SILENT


def test_a_file_that_is_no_suite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_text('{"id": "1"}\n')
    with pytest.raises(ConfigError):
        read_cases(tmp_path / "some.jsonl")
