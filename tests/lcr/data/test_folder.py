"""The `folder` bank: what it reads, what it refuses and how it says so."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from lcr.data.bank import SAMPLE_RATE, SPLITS, Bank, Entry
from lcr.data.folder import FolderBank
from lcr.errors import AudioFileError, LcrError, ManifestError
from lcr.instruction import AudioDescription, SpeechDescription

COLUMNS = (
    "path",
    "kind",
    "split",
    "label",
    "group",
    "gender",
    "pitch",
    "tempo",
    "energy",
    "emotion",
)
FIELD = Path(__file__).parents[4] / "shared" / "field-recordings"


def sine(rate: int, *, seconds: float = 0.5, hz: float = 440.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def write(
    path: Path, samples: NDArray[np.float64], rate: int = SAMPLE_RATE, subtype: str | None = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)


def manifest(root: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> None:
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def row(path: str = "a.wav", **cells: str) -> dict[str, str]:
    return {"path": path, "kind": "audio", "split": "test", "label": "dog barking", **cells}


def one_clip_bank(root: Path, path: str = "a.wav") -> tuple[FolderBank, Entry]:
    manifest(root, row(path))
    bank = FolderBank(root)
    return bank, bank.entries("test")[0]


def problems(root: Path) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as caught:
        FolderBank(root)
    assert caught.value.path == root / "manifest.csv"
    assert "\n" not in str(caught.value)
    return caught.value.problems


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a.wav, b.wav and c.wav, no manifest yet."""
    for name in "abc":
        write(tmp_path / f"{name}.wav", sine(SAMPLE_RATE, hz=200.0 + ord(name)))
    return tmp_path


# --- entries


def test_entries_hold_descriptions_splits_and_groups(root: Path) -> None:
    manifest(
        root,
        row("a.wav", split="train"),
        row("b.wav", kind="speech", label="", group="ann", gender="F", tempo="high", energy="low"),
        row("c.wav", kind="speech", label="speech", split="train", emotion="sad"),
    )
    bank: Bank = FolderBank(root, name="mine")
    assert bank.name == "mine"
    assert bank.entries("valid") == ()
    assert bank.entries("train") == (
        Entry(
            id="a.wav",
            description=AudioDescription(label="dog barking"),
            split="train",
            group="a.wav",
        ),
        Entry(
            id="c.wav", description=SpeechDescription(emotion="sad"), split="train", group="c.wav"
        ),
    )
    assert bank.entries("test") == (
        Entry(
            id="b.wav",
            description=SpeechDescription(gender="F", tempo="high", energy="low"),
            split="test",
            group="ann",
        ),
    )


def test_only_the_attributes_asked_for_are_read(root: Path) -> None:
    manifest(root, row(kind="speech", gender="F", energy="very loud"))
    bank = FolderBank(root, attributes=("gender", "pitch"))
    assert bank.entries("test")[0].description == SpeechDescription(gender="F")
    assert problems(root) == ("line 2: energy must be one of low, normal, high; got 'very loud'",)


def test_an_unknown_attribute_is_refused(root: Path) -> None:
    manifest(root, row())
    with pytest.raises(ValueError, match="unknown style attributes loudness; there are gender"):
        FolderBank(root, attributes=("gender", "loudness"))


def test_four_columns_are_enough_and_others_are_ignored(root: Path) -> None:
    manifest(
        root, {**row(), "licence": "CC0"}, columns=("licence", "label", "split", "kind", "path")
    )
    assert FolderBank(root).entries("test")[0].group == "a.wav"


def test_spreadsheet_files_are_read(root: Path) -> None:
    """A byte-order mark, CRLF, blank lines, spaces, quotes and non-ASCII names."""
    write(root / "sub, folder" / "é.wav", sine(SAMPLE_RATE))
    text = '\ufeffpath, kind,split,label\r\n\r\n"sub, folder/é.wav",audio , test,"rain, heavy"\r\n'
    (root / "manifest.csv").write_bytes(text.encode())
    (entry,) = FolderBank(root).entries("test")
    assert entry.id == "sub, folder/é.wav"
    assert entry.description == AudioDescription(label="rain, heavy")


def test_the_name_defaults_to_the_directory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest(root, row())
    monkeypatch.chdir(root)
    assert FolderBank(Path()).name == root.name


# --- sound

FORMATS = [
    ("wav", "PCM_U8", 0.02),
    ("wav", "PCM_16", 1e-3),
    ("wav", "PCM_24", 1e-3),
    ("wav", "FLOAT", 1e-3),
    ("wav", "DOUBLE", 1e-3),
    ("flac", "PCM_16", 1e-3),
    ("ogg", "VORBIS", 0.05),
    ("mp3", "MPEG_LAYER_III", 0.05),
]


@pytest.mark.parametrize(("ending", "subtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_rates_and_channels(
    tmp_path: Path, ending: str, subtype: str, tolerance: float, rate: int, channels: int
) -> None:
    """Every format gives the same sine at 16 kHz; stereo is the mean of 1.5 and 0.5 times it."""
    name = f"clip.{ending}"
    gains = np.array([1.5, 0.5]) if channels == 2 else np.array([1.0])
    write(tmp_path / name, sine(rate)[:, None] * gains, rate, subtype)
    bank, entry = one_clip_bank(tmp_path, name)
    wave = bank.load(entry)
    expected = sine(SAMPLE_RATE)
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert abs(len(wave) - len(expected)) <= (1 if ending != "mp3" else 2 * 1152)
    inner = slice(1000, 6000)  # away from the filter's and the codec's edges
    assert np.abs(wave[inner] - expected[inner]).max() < tolerance


def test_a_peak_beyond_full_scale_is_brought_to_one(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 6 * sine(SAMPLE_RATE), subtype="FLOAT")
    bank, entry = one_clip_bank(tmp_path)
    wave = bank.load(entry)
    assert np.abs(wave).max() == 1.0
    assert np.allclose(wave, 2 * sine(SAMPLE_RATE), atol=0.01)


def test_silence_and_one_sample_are_sound(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.zeros(100))
    write(tmp_path / "b.wav", np.array([0.5]))
    write(tmp_path / "c.wav", np.array([0.5]), 192_000)
    manifest(tmp_path, row("a.wav"), row("b.wav"), row("c.wav"))
    bank = FolderBank(tmp_path)
    silence, one, resampled = (bank.load(entry) for entry in bank.entries("test"))
    assert silence.tolist() == [0.0] * 100
    assert one.tolist() == [0.5]
    assert len(resampled) == 1


def test_loading_twice_gives_the_same_and_a_copy(root: Path) -> None:
    bank, entry = one_clip_bank(root)
    first = bank.load(entry)
    first *= 0
    assert np.abs(bank.load(entry)).max() > 0.4


def test_an_entry_of_another_bank_is_refused(root: Path) -> None:
    bank, entry = one_clip_bank(root)
    stranger = Entry(id=entry.id, description=entry.description, split="train", group="x")
    with pytest.raises(ValueError, match="has no such entry"):
        bank.load(stranger)


# --- audio that is not


def nan(path: Path) -> None:
    write(path, np.array([0.1, np.nan, np.inf]), subtype="FLOAT")


def zero_length(path: Path) -> None:
    write(path, np.zeros(0))


def cut_header(path: Path) -> None:
    write(path, sine(SAMPLE_RATE))
    path.write_bytes(path.read_bytes()[:20])


BAD_AUDIO = [
    (lambda path: path.unlink(), "does not exist"),
    (lambda path: path.write_bytes(b""), "is cut off"),
    (lambda path: path.write_text("not audio"), "cannot be read as audio"),
    (cut_header, "is cut off"),
    (zero_length, "holds no samples"),
    (nan, "holds 2 samples that are NaN or infinite"),
]


@pytest.mark.parametrize(("spoil", "problem"), BAD_AUDIO)
def test_bad_audio_is_named(root: Path, spoil: object, problem: str) -> None:
    bank, entry = one_clip_bank(root)
    assert callable(spoil)
    spoil(root / "a.wav")
    with pytest.raises(AudioFileError) as caught:
        bank.load(entry)
    assert caught.value.path == root / "a.wav"
    assert problem in caught.value.problem
    assert str(caught.value) == f"{root / 'a.wav'}: {caught.value.problem}"
    assert isinstance(caught.value, LcrError)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs file modes that bind")
def test_a_file_that_may_not_be_read_is_named(root: Path) -> None:
    bank, entry = one_clip_bank(root)
    (root / "a.wav").chmod(0)
    with pytest.raises(AudioFileError, match="cannot be read as audio"):
        bank.load(entry)


# --- rows that are wrong

BAD_ROWS = [
    ({"kind": "music"}, "kind must be one of speech, audio; got 'music'"),
    ({"kind": ""}, "kind must be one of speech, audio; got ''"),
    ({"split": "dev"}, "split must be one of train, valid, test; got 'dev'"),
    ({"label": "  "}, "the label is empty; an audio source needs one"),
    ({"kind": "speech", "gender": "female"}, "gender must be one of M, F; got 'female'"),
    ({"kind": "speech", "pitch": "High"}, "pitch must be one of low, normal, high; got 'High'"),
    ({"path": ""}, "the path is empty"),
    ({"path": "gone.wav"}, "no such file: 'gone.wav'"),
    ({"path": "."}, "no such file: '.'"),
    ({"path": "x" * 5000}, "cannot be looked up: File name too long"),
    ({"path": "../a.wav"}, "path '../a.wav' leads out of the bank's directory"),
    ({"path": "sub/../../a.wav"}, "leads out of the bank's directory"),
    ({"path": "/etc/hostname"}, "path '/etc/hostname' leads out of the bank's directory"),
    ({"path": "./b.wav"}, "'b.wav' is on line 2 already"),
]


@pytest.mark.parametrize(("cells", "problem"), BAD_ROWS)
def test_bad_rows_are_named_by_line(root: Path, cells: dict[str, str], problem: str) -> None:
    manifest(root, row("b.wav"), row(**cells), row("c.wav"))
    (found,) = problems(root)
    assert found.startswith("line 3: ")
    assert problem in found


def test_all_bad_rows_are_reported_ten_of_them_in_words(root: Path) -> None:
    manifest(root, row(), *(row(f"gone{i}.wav") for i in range(13)))
    with pytest.raises(ManifestError) as caught:
        FolderBank(root)
    assert len(caught.value.problems) == 13
    text = str(caught.value)
    assert text.startswith(f"{root / 'manifest.csv'}: line 3: no such file: 'gone0.wav'; line 4:")
    assert text.endswith("line 12: no such file: 'gone9.wav'; and 3 more")


def test_lines_are_counted_as_an_editor_does(root: Path) -> None:
    """Blank lines count, and a row with line breaks inside quotes is named by its first line."""
    text = 'path,kind,split,label\n\na.wav,audio,test,"rain\nheavy"\nb.wav,audio,dev,"x\ny"\n'
    (root / "manifest.csv").write_text(text)
    (found,) = problems(root)
    assert found.startswith("line 5: split must be")


def test_rows_of_the_wrong_width_are_named(root: Path) -> None:
    text = "path,kind,split,label\na.wav,audio,test\nb.wav,audio,test,dog, barking\n"
    (root / "manifest.csv").write_text(text)
    assert problems(root) == (
        "line 2: 3 cells where the header has 4",
        "line 3: 5 cells where the header has 4",
    )


def test_a_group_may_not_be_in_two_splits(root: Path) -> None:
    manifest(
        root,
        row("a.wav", group="one", split="train"),
        row("b.wav", group="one", split="test"),
        row("c.wav", group="one", kind="speech", split="valid"),  # kinds have groups of their own
    )
    (found,) = problems(root)
    assert found.startswith("line 3: group 'one' is in test but on line 2 in train")


# --- manifests that are wrong as a whole


@pytest.mark.parametrize("missing", ["path", "kind", "split", "label"])
def test_a_missing_column_is_named(root: Path, missing: str) -> None:
    columns = tuple(c for c in COLUMNS if c != missing)
    manifest(root, {k: v for k, v in row().items() if k != missing}, columns=columns)
    assert problems(root) == (f"line 1: no column '{missing}'",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        (b"", "is empty; expected a header line"),
        (b"path,kind,split,label\n", "lists no sources"),
        (b"path,kind,split,label,kind\n", "line 1: column 'kind' appears twice"),
        (b"path,kind,split,label\n\xff\xfe", "cannot be read as UTF-8 text"),
        (b'path,kind,split,label\n"a.wav"x,audio,test,rain\n', "line 2: not valid CSV"),
        (b'path,kind,split,label\n"a.wav,audio,test,rain\n', "not valid CSV"),
    ],
)
def test_a_useless_manifest_is_refused(root: Path, content: bytes | None, problem: str) -> None:
    if content is not None:
        (root / "manifest.csv").write_bytes(content)
    (found,) = problems(root)
    assert problem in found


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "nowhere")
    assert "no such file" in found


# --- digest


def test_the_digest_is_that_of_the_content_wherever_it_lies(root: Path, tmp_path: Path) -> None:
    manifest(root, row("a.wav"), row("b.wav", kind="speech", gender="F", energy="low"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("manifest.csv", "a.wav", "b.wav"):
        (elsewhere / name).write_bytes((root / name).read_bytes())
    before = FolderBank(root).digest
    assert len(before) == 64
    assert FolderBank(elsewhere, name="other").digest == before


def test_the_digest_changes_with_whatever_changes_the_bank(root: Path) -> None:
    speech = row("b.wav", kind="speech", gender="F", energy="low")
    seen = set()

    def look(*rows: dict[str, str], attributes: tuple[str, ...] = ("gender", "energy")) -> None:
        manifest(root, *rows)
        seen.add(FolderBank(root, attributes=attributes).digest)

    look(row(), speech)
    look(row(), speech, attributes=("gender",))
    look(speech, row())
    look(row(label="rain"), speech)
    look(row(split="train"), speech)
    look(row(group="one"), speech)
    look(row())
    write(root / "a.wav", 0.9 * sine(SAMPLE_RATE))  # another content, the same size
    look(row())
    assert len(seen) == 8


def test_the_digest_of_a_bank_with_a_lost_file_names_it(root: Path) -> None:
    bank, _ = one_clip_bank(root)
    (root / "a.wav").unlink()
    with pytest.raises(AudioFileError, match=r"a\.wav: no such file"):
        _ = bank.digest


# --- real recordings


@pytest.mark.skipif(not FIELD.is_dir(), reason="the field recordings are not beside this checkout")
def test_field_recordings() -> None:
    bank = FolderBank(FIELD, attributes=("gender", "pitch", "tempo"))
    assert {split: len(bank.entries(split)) for split in SPLITS} == {
        "train": 669,
        "valid": 141,
        "test": 209,
    }
    for entry in bank.entries("test")[::20]:
        wave = bank.load(entry)
        assert 0.3 * SAMPLE_RATE < len(wave) < 30 * SAMPLE_RATE
        assert np.isfinite(wave).all()
        assert 0.0 < np.abs(wave).max() <= 1.0
        if isinstance(entry.description, SpeechDescription):
            assert entry.description.energy is None


def test_unseen_rows_appear_only_where_they_are_asked_for(tmp_path):
    rows = [
        ("known.wav", "audio", "test", "dog barking", ""),
        ("odd.wav", "audio", "test", "sitar", "1"),
        ("voice.wav", "speech", "test", "", ""),
    ]
    lines = ["path,kind,split,label,unseen", *(",".join(row) for row in rows)]
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    for row in rows:
        soundfile.write(tmp_path / row[0], np.ones(800) * 0.1, 16_000)
    plain, unseen = FolderBank(tmp_path), FolderBank(tmp_path, unseen=True)
    assert [e.id for e in plain.entries("test")] == ["known.wav", "voice.wav"]
    assert [e.id for e in unseen.entries("test")] == ["odd.wav", "voice.wav"]
    assert plain.digest != unseen.digest
    (tmp_path / "manifest.csv").write_text(lines[0] + "\nodd.wav,audio,train,sitar,1\n")
    with pytest.raises(ManifestError):
        FolderBank(tmp_path)
