"""Corpora in their published layout: what is read of them, how it is split, and what is wrong."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from lcr.cli import main
from lcr.cli.status import EXIT_BAD_INPUT, EXIT_PARTIAL
from lcr.data.bank import SPLITS
from lcr.data.corpora import (
    CORPORA,
    Clip,
    LeftOut,
    assign_splits,
    corpora_in,
    group_of,
    read_corpus,
)
from lcr.data.folder import FolderBank
from lcr.instruction import AudioDescription, SpeechDescription
from tests.corpus_trees import TREES, corpora, speech_files

pytestmark = pytest.mark.slow

PAPER_SET = Path(__file__).parents[4] / "shared" / "paper-test-set"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return corpora(tmp_path / "corpora")


def clips(root: Path, name: str) -> dict[str, Clip]:
    found = assign_splits([one for one in read_corpus(root, name) if isinstance(one, Clip)])
    return {clip.path.partition("/")[2]: clip for clip in found}


def sound(label: str) -> AudioDescription:
    return AudioDescription(label=label)


@pytest.mark.parametrize(
    ("name", "path", "description", "group", "split"),
    [
        (
            *("VGGSound", "audio/0-_x00AbCdE_000000.wav", sound("dog barking")),
            *("VGGSound/0-_x00AbCdE", None),
        ),
        ("FSD50K", "FSD50K.dev_audio/103.wav", sound("electric guitar"), "FSD50K/103", "valid"),
        ("FSD50K", "FSD50K.eval_audio/202.wav", sound("zipper (clothing)"), "FSD50K/202", "test"),
        (
            *("ESC-50", "audio/5-500013-A-13.wav", sound("crackling fire")),
            *("ESC-50/500013", "test"),
        ),
        (
            *("FUSS", "validation/example00000_sources/background0_sound.wav"),
            *(sound("background sound"), "FUSS/example00000-validation", "valid"),
        ),
        ("AudioSet", "eval/zzya4dDVRLk_0_10000.wav", sound("dog"), "AudioSet/zzya4dDVRLk", "test"),
        (
            *("AudioSet", "balanced_train/Y-0mjrMposBM.wav", sound("dog")),
            *("AudioSet/-0mjrMposBM", None),
        ),
    ],
)
def test_a_recording_is_what_the_tables_say(
    root: Path, name: str, path: str, description: AudioDescription, group: str, split: str | None
) -> None:
    clip = clips(root, name)[path]
    assert (clip.description, clip.group) == (description, group)
    assert clip.split == (split or clip.split)


def test_speakers_have_the_styles_of_textrolspeech(root: Path) -> None:
    found = clips(root, "TextrolSpeech")
    assert set(found) == {path for path, *_ in speech_files()}
    said = found["emotion_dataset/MESScompressed/AM1T05_SCR.wav"]
    assert said.group == "MESS/m1"
    assert isinstance(said.description, SpeechDescription)
    assert (said.description.gender, said.description.emotion) == ("M", "angry")
    parts = {clip.group.partition("/")[0] for clip in found.values()}
    assert parts == {"LibriTTS", "VCTK", "ESD", "MESS", "MEAD", "SAVEE"}


@pytest.mark.parametrize("name", TREES)
def test_groups_stay_in_one_split_and_none_is_empty(root: Path, name: str) -> None:
    found = list(clips(root, name).values())
    splits = {clip.group: set[str]() for clip in found}
    for clip in found:
        splits[clip.group].add(clip.split or "")
    assert all(len(some) == 1 for some in splits.values())
    assert set.union(*splits.values()) == set(SPLITS)


def test_splits_do_not_depend_on_the_order_or_on_other_recordings(root: Path) -> None:
    found = list(clips(root, "VGGSound").values())
    again = {clip.path: clip for clip in assign_splits(found[::-1])}
    assert [again[clip.path] for clip in found] == found


def test_what_no_mixture_can_be_made_of_is_counted(root: Path) -> None:
    left = {
        name: {one.why for one in read_corpus(root, name) if isinstance(one, LeftOut)}
        for name in corpora_in(root)
    }
    assert left["FSD50K"] == {"several sounds", "a human voice"}
    assert left["VGGSound"] == left["ESC-50"] == {"a human voice"}
    assert left["FUSS"] == {"no label is published"}


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def silence(path: Path) -> None:
    soundfile.write(path, [0.0] * 16_000, 16_000)


VIDEO = "VGGSound/audio/0-_x00AbCdE_000000.wav"
INFO = "FSD50K/FSD50K.metadata/dev_clips_info_FSD50K.json"
WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda root: (root / VIDEO).unlink(), f"missing: {VIDEO}: "),
    "corrupt": (lambda root: (root / VIDEO).write_bytes(b"<html>"), f"corrupt: {VIDEO}: "),
    "silent": (lambda root: silence(root / VIDEO), f"silent: {VIDEO}: "),
    "no licence": (
        lambda root: rewrite(root / INFO, '"license"', '"licence"'),
        "licence: FSD50K/FSD50K.dev_audio/100.wav: ",
    ),
    "emotion": (
        lambda root: rewrite(root / "TextrolSpeech/caption/random_train.csv", "neutral", "glum"),
        "table: random_train.csv line 2: ",
    ),
    "split": (
        lambda root: rewrite(root / "VGGSound/vggsound.csv", ",train", ",tra"),
        "table: vggsound.csv line 1: ",
    ),
    "label": (
        lambda root: rewrite(root / "AudioSet/eval_segments.csv", "/m/0bt9lr", "/m/none"),
        "table: eval_segments.csv line 4: ",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_thing_is_named_and_put_aside(
    root: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, named = WRONG[kind]
    whole = sum(len(clips(root, name)) for name in CORPORA)
    spoil(root)
    assert main(["data", "index", str(root), "--processes", "1"]) == EXIT_PARTIAL
    assert named in capsys.readouterr().out
    with open(root / "quarantine.csv", newline="", encoding="utf-8") as file:
        (fault,) = csv.DictReader(file)
    assert named == f"{fault['kind']}: {fault['where']}: "
    bank = FolderBank(root)
    found = [entry for split in SPLITS for entry in bank.entries(split)]
    # The row without an emotion is of a recording that another table has, too.
    assert len(found) == whole - (kind != "emotion")
    assert fault["where"] not in {entry.id for entry in found}


def test_a_check_of_whole_corpora_finds_nothing_and_writes_nothing(root: Path) -> None:
    assert main(["data", "check", str(root), "--processes", "1"]) == 0
    assert {path.name for path in root.iterdir()} == set(TREES)


def test_other_licences_are_refused_where_the_use_is_commercial(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "check", str(root), "--processes", "1", "--commercial"]
    assert main(command) == EXIT_PARTIAL
    out = capsys.readouterr().out
    assert "licence: FSD50K/FSD50K.dev_audio/101.wav: " in out
    assert "FSD50K/FSD50K.dev_audio/100.wav" not in out
    assert "licence: ESC-50/audio/" in out
    assert "licence: FUSS/" not in out


@pytest.mark.parametrize(
    "gone", ["meta/esc50.csv", "FSD50K.metadata/collection/collection_eval.csv"]
)
def test_a_folder_without_a_table_is_told_in_one_line(
    root: Path, gone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in root.glob(f"*/{gone}"):
        path.unlink()
    for name in TREES:
        if name not in ("ESC-50", "FSD50K"):
            (root / name).rename(root.parent / name)
    status = main(["data", "check", str(root), "--processes", "1"])
    if gone.startswith("meta"):  # then the folder is no ESC-50, and FSD50K is whole
        assert status == 0
    else:
        assert status == EXIT_BAD_INPUT
        assert capsys.readouterr().err.count("\n") == 1


def test_whom_the_authors_test_on_is_not_trained_on(root: Path, tmp_path: Path) -> None:
    found = clips(root, "TextrolSpeech")
    trained = next(c.group for c in found.values() if c.group[:3] == "ESD" and c.split == "train")
    name = trained.partition("/")[2]
    folder = "TextrolSpeech/Emotional Speech Dataset (ESD)/Emotion Speech Dataset"
    sources = [
        {"kind": "speech", "file": f"{folder}/{name}/Sad/{name}_000001.wav", "gender": "M"},
        {"kind": "audio", "file": VIDEO, "label": "dog barking"},
    ]
    for source in sources:
        source["snr_db"] = "0"
    row = {"id": "m", "task": "SE", "acts": "10", "sources": sources, "prompts": ["Keep him."]}
    manifest = tmp_path / "test.jsonl"
    manifest.write_text(json.dumps(row))
    command = ["data", "index", str(root), "--processes", "1", "--test", str(manifest)]
    assert main(command) == 0
    bank = FolderBank(root)
    assert {trained, "VGGSound/0-_x00AbCdE"} <= {entry.group for entry in bank.entries("test")}


@pytest.mark.skipif(not PAPER_SET.is_dir(), reason="the authors' test mixtures are not here")
def test_every_source_of_the_authors_has_its_speaker_or_video() -> None:
    spoken = set()
    with gzip.open(PAPER_SET / "part01.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            for source in json.loads(line)["sources"]:
                group = group_of(source["file"])
                assert group is not None, source["file"]
                if source["kind"] == "speech":
                    spoken.add((group, source["speaker"].replace("_", "/")))
    assert all(group.lower() == speaker.lower() for group, speaker in spoken)
