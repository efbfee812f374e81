"""The studio bank: the same entries and samples anywhere, with and without its cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lcr.data.bank import SPLITS, Entry
from lcr.data.studio.bank import StudioBank
from lcr.data.studio.classes import SEEN_LABELS, UNSEEN
from lcr.data.studio.pack import PackedBank, main, packed
from lcr.instruction import AudioDescription, SpeechDescription

pytestmark = pytest.mark.slow

ELSEWHERE = """
import hashlib, os
from lcr.data.studio.bank import StudioBank
bank = StudioBank(seed=3, speech_per_split=6, clips_per_class=1)
entries = bank.entries("test")
for entry in reversed([entries[0], entries[4], entries[6]]):
    print(entry.id, hashlib.sha256(bank.load(entry).tobytes()).hexdigest())
if hasattr(os, "fork") and os.fork() == 0:
    print("forked", hashlib.sha256(bank.load(entries[0]).tobytes()).hexdigest(), flush=True)
    os._exit(0)
if hasattr(os, "fork"):
    os.wait()
print("digest", bank.digest)
"""


@pytest.fixture
def bank() -> StudioBank:
    return StudioBank(seed=3, speech_per_split=6, clips_per_class=1)


def test_another_process_in_another_order_gives_the_same_samples(bank: StudioBank) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    result = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(__file__).parents[4],
    )
    theirs = dict(line.split() for line in result.stdout.splitlines())
    entries = bank.entries("test")
    for index in (0, 4, 6):
        mine = hashlib.sha256(bank.load(entries[index]).tobytes()).hexdigest()
        assert theirs[entries[index].id] == mine
    assert theirs["digest"] == bank.digest
    if hasattr(os, "fork"):
        assert theirs["forked"] == theirs[entries[0].id]


def test_entries_are_unique_and_groups_stay_in_one_split() -> None:
    bank = StudioBank(speech_per_split=200, clips_per_class=2)
    groups = [{entry.group for entry in bank.entries(split)} for split in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups))
    ids = [entry.id for split in SPLITS for entry in bank.entries(split)]
    assert len(set(ids)) == len(ids)


def test_speech_has_full_descriptions_half_of_them_neutral() -> None:
    bank = StudioBank(speech_per_split={"train": 1000}, clips_per_class=0)
    descriptions = [entry.description for entry in bank.entries("train")]
    speech = [d for d in descriptions if isinstance(d, SpeechDescription)]
    assert len(speech) == len(descriptions) == 1000
    assert all(len(d.known) == 5 for d in speech)
    neutral = np.mean([d.emotion == "neutral" for d in speech])
    assert neutral == pytest.approx(0.5 + 0.5 / 8, abs=0.05)
    assert np.mean([d.gender == "F" for d in speech]) == pytest.approx(0.5, abs=0.05)


def test_unseen_classes_appear_only_in_test_and_only_when_asked() -> None:
    def labels(bank: StudioBank, split: str) -> set[str]:
        entries = bank.entries(split)  # type: ignore[arg-type]
        return {e.description.label for e in entries if isinstance(e.description, AudioDescription)}

    usual = StudioBank(speech_per_split=1, clips_per_class=1)
    unseen = StudioBank(speech_per_split=1, clips_per_class=1, unseen=True)
    for split in SPLITS:
        assert labels(usual, split) == set(SEEN_LABELS)
    assert labels(unseen, "test") == UNSEEN
    assert labels(unseen, "train") == set(SEEN_LABELS)
    assert usual.digest != unseen.digest


def test_digest_depends_on_seed_and_counts(bank: StudioBank) -> None:
    assert bank.digest == StudioBank(seed=3, speech_per_split=6, clips_per_class=1).digest
    assert bank.digest != StudioBank(seed=4, speech_per_split=6, clips_per_class=1).digest
    assert bank.digest != StudioBank(seed=3, speech_per_split=7, clips_per_class=1).digest


def test_cache_gives_the_same_samples_and_survives_damage(bank: StudioBank, tmp_path: Path) -> None:
    cached = StudioBank(seed=3, speech_per_split=6, clips_per_class=1, cache_dir=tmp_path)
    entry = bank.entries("valid")[2]
    truth = bank.load(entry)
    np.testing.assert_array_equal(cached.load(entry), truth)
    np.testing.assert_array_equal(cached.load(entry), truth)
    (path,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    whole = path.read_bytes()
    for damaged in (b"", b"junk", whole[:-10], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(cached.load(entry), truth)
        assert path.read_bytes() == whole


def test_samples_are_16_bit_steps_within_full_scale(bank: StudioBank) -> None:
    wave = bank.load(bank.entries("train")[0])
    assert wave.dtype == np.float32
    assert np.abs(wave).max() <= 1
    np.testing.assert_allclose(wave * 32767, np.rint(wave * 32767), atol=1e-2)


def test_a_pack_reads_back_as_the_bank_it_came_from(tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--split", "valid", "--speech", "3", "--per-class", "0"]
    assert main(arguments) == 0
    kept = PackedBank(tmp_path)
    bank = StudioBank(speech_per_split={"valid": 3}, clips_per_class={"valid": 0})
    assert kept.digest == bank.digest
    assert list(kept.entries("valid")) == list(bank.entries("valid"))
    assert list(kept.entries("train")) == []
    for entry in bank.entries("valid"):
        np.testing.assert_array_equal(kept.load(entry), bank.load(entry))


def test_a_bank_is_packed_by_the_first_process_that_asks(
    bank: StudioBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = packed(bank, "valid", tmp_path)
    monkeypatch.setattr(StudioBank, "load", lambda self, entry: pytest.fail("was packed already"))
    again = packed(bank, "valid", tmp_path)
    entries = again.entries("valid")
    assert list(entries) == list(bank.entries("valid"))
    np.testing.assert_array_equal(first.load(entries[0]), again.load(entries[0]))


def test_an_incomplete_or_empty_pack_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"index\.json is missing"):
        PackedBank(tmp_path)
    assert main([str(tmp_path), "--speech", "0", "--per-class", "0"]) == 2
    assert "nothing to pack" in capsys.readouterr().err


def test_bad_arguments_are_refused(bank: StudioBank) -> None:
    with pytest.raises(ValueError, match="splits are train, valid, test; got 'dev'"):
        bank.entries("dev")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got \\['dev'\\]"):
        StudioBank(speech_per_split={"dev": 3})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="0 or more"):
        StudioBank(clips_per_class=-1)
    stranger = Entry(
        id="speech/test/0", description=SpeechDescription(), split="test", group="nobody"
    )
    with pytest.raises(ValueError, match="no voice 'nobody'"):
        bank.load(stranger)
