"""Published test sets: miniature trees with the published files' own heads, and what they score by
the published formulas, calculated independently."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from lcr.data.public import LAYOUTS, LayoutError, PublicMixtures
from lcr.evaluation.metrics import score

Sound = NDArray[np.float64]
RNG = np.random.default_rng(0)


def sound(path: Path, rate: int, seconds: float = 0.5, *, channels: int = 1) -> Sound:
    """Write noise; what a reader gets of it, (samples, channels)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * RNG.standard_normal((round(rate * seconds), channels)).astype(np.float32)
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return samples.astype(np.float64)


def table(path: Path, head: Sequence[str], *rows: Sequence[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


def pair(folder: Path, target: str, mixture: str, rate: int, channels: int = 1) -> None:
    """A target, and the mixture of it and more."""
    part = sound(folder / target, rate, channels=channels)
    whole = part + sound(folder / mixture, rate, channels=channels)
    soundfile.write(folder / mixture, whole.astype(np.float32), rate, subtype="FLOAT")


def dcase(root: Path) -> None:
    for name in ("101", "202"):
        sound(root / "lass_validation" / f"{name}.wav", 16_000)
    head = ("source", "noise", "snr", "query")
    table(root / "lass_synthetic_validation.csv", head, ("101", "202", "5", "A dog is barking."))


def segments(name: str, *more: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        row = (0, "Constant rattling, and a hum", *("x" for _ in more))
        table(root / "metadata" / f"{name}_eval.csv", ("idx", "caption", *more), row)
        pair(root / "data" / name, "segment-0.wav", "mixture-0.wav", 32_000)

    return make


def vggsound(root: Path) -> None:
    head = ("file_id", "mix_wav", "s0_wav", "s0_text", "s1_wav", "s1_text")
    row = ("0", "mix0.wav", "s00.wav", "playing flute", "s10.wav", "rain")
    table(root / "metadata" / "vggsound_eval.csv", head, row)
    pair(root / "data" / "vggsound", "s00.wav", "mix0.wav", 32_000)


def audioset(root: Path) -> None:
    names = [f"class_id=74,index=000,{kind}.wav" for kind in ("source", "mixture")]
    paths = [f"evaluation/data/audioset/class_id=74/{name}" for name in names]
    head = ("idx", "caption", "src_wav", "noise_wav")
    table(root / "metadata" / "audioset_eval.csv", head, (74, "Dog", *paths))
    pair(root / "data" / "audioset" / "class_id=74", names[0], names[1], 32_000)


def fuss(root: Path) -> None:
    folder = "eval/example00000_sources"
    names = [f"{folder}/background0_sound.wav", f"{folder}/foreground0_sound.wav"]
    for name in ("eval/example00000.wav", *names):
        sound(root / name, 16_000)
    (root / "eval_example_list.txt").write_text("\t".join(["eval/example00000.wav", *names]) + "\n")


def libri2mix(root: Path) -> None:
    name = "4077-13754-0001_5142-33396-0065"
    far = f"/data/Libri2Mix/wav16k/max/test/{{}}/{name}.wav"
    head = ("mixture_ID", "mixture_path", "source_1_path", "source_2_path", "length")
    row = (name, far.format("mix_clean"), far.format("s1"), far.format("s2"), 8000)
    same = ("1-1-1_4077-2-2", *row[1:])
    table(root / "metadata" / "mixture_test_mix_clean.csv", head, row, same)
    for folder in ("s1", "s2"):
        sound(root / "test" / folder / f"{name}.wav", 16_000)
    (root / "SPEAKERS.TXT").write_text(
        "; ID  | SEX | SUBSET | MINUTES | NAME\n"
        "4077 | M | test-clean | 8.0 | A Man\n5142 | F | test-clean | 8.1 | A Woman\n"
        "1    | M | test-clean | 8.0 | Another\n"
    )


def musdb(root: Path) -> None:
    folder = root / "test" / "Band - Song"
    parts = [
        sound(folder / f"{n}.wav", 44_100, 3, channels=2)
        for n in ("vocals", "drums", "bass", "other")
    ]
    soundfile.write(folder / "mixture.wav", sum(parts), 44_100, subtype="FLOAT")


TREES = {
    "dcase24-lass": dcase,
    "audiocaps": segments("audiocaps", "labels", "src_wav", "noise_wav"),
    "clotho": segments("clotho", "labels", "src_wav", "noise_wav"),
    "esc50": segments("esc50", "src_wav", "noise_wav"),
    "music": segments("music", "src_wav", "noise_wav"),
    "vggsound": vggsound,
    "audioset": audioset,
    "fuss": fuss,
    "libri2mix": libri2mix,
    "musdb": musdb,
}
PROMPTS = {
    "dcase24-lass": ["Extract a dog is barking."],
    "vggsound": ["Extract playing flute."],
    "audioset": ["Extract dog."],
    "fuss": ["Extract the background sound."],
    "libri2mix": ["Extract the male speaker.", "Extract the female speaker."],
}


def mixtures(name: str, root: Path, most: int = 100) -> PublicMixtures:
    return PublicMixtures(name, root, most=most, name=name)


def published_sdr(ref: Sound, est: Sound, eps: float = 1e-10) -> float:
    """AudioSep's and DCASE's."""
    noise = np.clip(np.mean((est - ref) ** 2), eps, None)
    return float(10 * np.log10(np.clip(np.mean(ref**2), eps, None) / noise))


def published_si_sdr(ref: Sound, est: Sound) -> float:
    """AudioSep's and DCASE's."""
    eps = np.finfo(np.float64).eps
    scale = (eps + ref @ est) / (ref @ ref + eps)
    true, rest = scale * ref, est - scale * ref
    return float(10 * np.log10((eps + true @ true) / (eps + rest @ rest)))


def test_every_layout_has_a_miniature_tree() -> None:
    assert set(TREES) == set(LAYOUTS)


@pytest.mark.parametrize("name", TREES)
def test_a_miniature_tree_is_read_and_scores_by_the_published_formula(
    name: str, tmp_path: Path
) -> None:
    TREES[name](tmp_path)
    found = mixtures(name, tmp_path)
    assert found.missing == ()
    examples = [found.example(index) for index in range(len(found))]
    wanted = PROMPTS.get(name, ["Extract constant rattling, and a hum."])
    if name != "musdb":
        assert [example.prompt for example in examples] == wanted
    for example in examples:
        assert example.sample_rate == LAYOUTS[name].sample_rate
        assert example.mixture.dtype == np.float32
        np.testing.assert_allclose(example.mixture, example.sources.sum(0), atol=1e-6)
        np.testing.assert_array_equal(example.target, example.sources[0])
        assert example.instruction.task.value == ("TSE" if name == "libri2mix" else "TAE")
        estimate = 0.8 * example.target + 0.1 * example.sources[1]
        scores = score(estimate=estimate, reference=example.target, mixture=example.mixture)
        ref, est, mix = (
            s.astype(np.float64).ravel() for s in (example.target, estimate, example.mixture)
        )
        sdr = published_sdr(ref, est)
        assert scores.metrics["snr_db"] == pytest.approx(sdr, abs=1e-6)
        gain = sdr - published_sdr(ref, mix)
        assert scores.metrics["snr_improvement_db"] == pytest.approx(gain, abs=1e-6)
        si_sdr = published_si_sdr(ref, est)
        assert scores.metrics["si_sdr_db"] == pytest.approx(si_sdr, abs=1e-6)
    assert found.digest == mixtures(name, tmp_path).digest


def test_dcase_mixes_at_the_stated_snr_and_takes_back_what_would_clip(tmp_path: Path) -> None:
    dcase(tmp_path)
    (example,) = [mixtures("dcase24-lass", tmp_path).example(0)]
    target, noise = example.sources.astype(np.float64)
    assert 10 * np.log10((target**2).mean() / (noise**2).mean()) == pytest.approx(5, abs=1e-5)
    loud = tmp_path / "lass_validation" / "101.wav"
    samples, rate = soundfile.read(loud)
    soundfile.write(loud, 20 * samples, rate, subtype="FLOAT")
    example = mixtures("dcase24-lass", tmp_path).example(0)
    assert np.abs(example.mixture).max() == pytest.approx(0.9, abs=1e-6)


def test_libri2mix_asks_only_where_words_tell_the_voices_apart(tmp_path: Path) -> None:
    libri2mix(tmp_path)
    assert len(mixtures("libri2mix", tmp_path)) == 2


def test_musdb_stays_in_stereo_and_names_each_stem(tmp_path: Path) -> None:
    musdb(tmp_path)
    found = mixtures("musdb", tmp_path)
    assert [found.example(i).prompt for i in range(3)] == [
        "Extract the vocals.",
        "Extract the drums.",
        "Extract the bass.",
    ]
    assert found.example(0).mixture.shape == (2, 3 * 44_100)


@pytest.mark.parametrize("name", TREES)
def test_a_wrong_tree_is_one_clear_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(LayoutError) as raised:
        mixtures(name, tmp_path / "empty")
    assert LAYOUTS[name].where in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_sounds_are_counted_and_another_head_is_refused(tmp_path: Path) -> None:
    segments("clotho", "labels")(tmp_path)
    index = tmp_path / "metadata" / "clotho_eval.csv"
    index.write_text(index.read_text() + "1,Rain,x\n")
    found = mixtures("clotho", tmp_path)
    assert (found.total, found.left_out, len(found)) == (2, 1, 1)
    assert found.missing == ("data/clotho/segment-1.wav", "data/clotho/mixture-1.wav")
    index.write_text("name,text\n0,Rain\n")
    with pytest.raises(LayoutError, match="idx"):
        mixtures("clotho", tmp_path)
    index.write_text("idx,caption\n7,Rain\n")
    with pytest.raises(LayoutError, match="first missing file"):
        mixtures("clotho", tmp_path)


@pytest.mark.parametrize(
    ("name", "index", "old", "new", "told"),
    [
        ("dcase24-lass", "lass_synthetic_validation.csv", ",5,", ",loud,", "line 2"),
        ("dcase24-lass", "lass_synthetic_validation.csv", ",5,", ",nan,", "line 2"),
        ("dcase24-lass", "lass_synthetic_validation.csv", ",5,", ",,", "line 2"),
        ("dcase24-lass", "lass_synthetic_validation.csv", "A dog is barking.", "", "no words"),
        ("audioset", "metadata/audioset_eval.csv", "evaluation/", "/", "first missing file is /"),
        ("vggsound", "metadata/vggsound_eval.csv", "s00", "../s00", "first missing file"),
    ],
)
def test_a_wrong_value_in_an_index_is_one_clear_line(
    name: str, index: str, old: str, new: str, told: str, tmp_path: Path
) -> None:
    TREES[name](tmp_path)
    file = tmp_path / index
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(LayoutError, match=told):
        mixtures(name, tmp_path)


def test_sounds_that_do_not_fit_together_are_told_by_their_item(tmp_path: Path) -> None:
    TREES["clotho"](tmp_path)
    sound(tmp_path / "data" / "clotho" / "segment-0.wav", 32_000, 0.25)
    with pytest.raises(LayoutError, match=r"item 0: .* 0\.25, 0\.50 s"):
        mixtures("clotho", tmp_path).example(0)
    sound(tmp_path / "data" / "clotho" / "segment-0.wav", 32_000, 0.499)
    assert mixtures("clotho", tmp_path).example(0).mixture.shape == (15_968,)
