"""Miniature trees of published corpora, with the published files' own heads and names."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import soundfile

EMOTIONS = {"Angry": "angry", "Happy": "happy", "Neutral": "neutral", "Sad": "sad"}
SOUNDS = ("dog barking", "playing flute", "raining", "vehicle horn, car horn, honking")


def sound(path: Path, rate: int, seconds: float = 0.4) -> None:
    """Write noise of its own, seeded by the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.name.encode()))
    soundfile.write(path, 0.1 * rng.standard_normal(round(rate * seconds)), rate)


def table(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def speech_files() -> list[tuple[str, int, str, str]]:
    """Path, rate, gender and emotion of a few recordings of each part of TextrolSpeech."""
    found = []
    for n, speaker in enumerate(("103", "118", "1034", "201", "78", "84")):
        name = f"libritts/train-clean-100/{speaker}/1241/{speaker}_1241_000000_00000{n}.wav"
        found.append((name, 24_000, "MF"[n % 2], "neutral"))
    for n, speaker in enumerate(("p225", "p226", "p227", "p228")):
        name = f"VCTK-Corpus/wav48/{speaker}/{speaker}_001.wav"
        found.append((name, 48_000, "FM"[n % 2], "neutral"))
    for (n, speaker), (folder, emotion) in product(
        enumerate(("0011", "0012", "0015")), EMOTIONS.items()
    ):
        name = f"emotion_dataset/ESD/{speaker}/{folder}/{speaker}_00035{n}.wav"
        found.append((name, 16_000, "MMF"[n], emotion))
    for letter, speaker in product("AH", ("M1", "F1", "M2")):
        emotion = {"A": "angry", "H": "happy"}[letter]
        name = f"emotion_dataset/MESScompressed/{letter}{speaker}T05_SCR.wav"
        found.append((name, 44_100, speaker[0], emotion))
    for speaker in ("M003", "W009", "W035"):
        name = f"emotion_dataset/MEAD/{speaker}/audio/contempt/level_2/021.wav"
        found.append((name, 48_000, "F" if speaker[0] == "W" else "M", "contempt"))
    for speaker in ("DC", "JE", "JK", "KL"):
        found.append((f"emotion_dataset/SAVEE/ALL/{speaker}_sa06.wav", 44_100, "M", "sad"))
    return found


def textrolspeech(root: Path) -> None:
    head = "num,wav_fp,item_name,gender,pitch,tempo,energy,emotion,style_prompt,content_prompt"
    rows: list[Sequence[object]] = [head.split(",")]
    levels = ("low", "normal", "high")
    for n, (path, rate, gender, emotion) in enumerate(speech_files()):
        sound(root / path, rate)
        style = (gender, levels[n % 3], levels[n // 3 % 3], levels[n // 9 % 3], emotion)
        rows.append((n, path, Path(path).stem, *style, "She speaks, and fast.", "Look at him."))
    table(root / "caption" / "random_train.csv", rows[: len(rows) // 2])
    table(root / "caption" / "random_test.csv", [rows[0], *rows[len(rows) // 2 :], rows[1]])


def vggsound(root: Path) -> None:
    train, test = 14, 3
    rows = []
    for n, label in enumerate((*SOUNDS, "people whispering")):
        for k in range(train + test):
            video = f"{n}-_x{k:02d}AbCdEfGh"[:11]
            rows.append((video, 30 * k, label, "train" if k < train else "test"))
            sound(root / "audio" / f"{video}_{30 * k:06d}.wav", 44_100)
    table(root / "vggsound.csv", rows)


def fsd50k(root: Path) -> None:
    def whole(kind: str) -> str:
        return {"Bark": "Bark,Dog,Animal"}.get(kind, f"{kind},Music")

    clips = [  # name, labels as given, part, split
        *(("100", "Bark", "dev", "train"), ("101", "Marimba", "dev", "train")),
        *(("102", "Bark", "dev", "val"), ("103", "Electric_guitar", "dev", "val")),
        *(("200", "Bark", "eval", ""), ("201", "Marimba", "eval", "")),
        *(("202", "Zipper_(clothing)", "eval", ""), ("203", "Bark,Rain", "eval", "")),
        ("204", "Laughter", "eval", ""),
    ]
    for part in ("dev", "eval"):
        mine = [clip for clip in clips if clip[2] == part]
        more = ["split"] if part == "dev" else []
        truth = [["fname", "labels", "mids", *more]]
        given = [["fname", "labels", "mids"]]
        for name, labels, _, split in mine:
            truth.append([name, whole(labels), "/m/x", *([split] if more else [])])
            given.append([name, labels, "/m/x"])
            sound(root / f"FSD50K.{part}_audio" / f"{name}.wav", 44_100)
        table(root / "FSD50K.ground_truth" / f"{part}.csv", truth)
        table(root / "FSD50K.metadata" / "collection" / f"collection_{part}.csv", given)
        about = {
            name: {
                "title": "a", "description": "b", "tags": ["c"], "uploader": "someone",
                "license": "http://creativecommons.org/licenses/by"
                + ("-nc/3.0/" if name == "101" else "/3.0/"),
            }
            for name, *_ in mine
        }  # fmt: skip
        path = root / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
        path.write_text(json.dumps(about))


def esc50(root: Path) -> None:
    rows: list[Sequence[object]] = [
        ("filename", "fold", "target", "category", "esc10", "src_file", "take")
    ]
    for fold in range(1, 6):
        for target, category in ((0, "dog"), (13, "crackling_fire"), (20, "crying_baby")):
            source = 100_000 * fold + target
            name = f"{fold}-{source}-A-{target}.wav"
            rows.append((name, fold, target, category, "True", source, "A"))
            sound(root / "audio" / name, 44_100)
    table(root / "meta" / "esc50.csv", rows)


def fuss(root: Path) -> None:
    for split in ("train", "validation", "eval"):
        folder = f"{split}/example00000_sources"
        names = [f"{split}/example00000.wav"]
        names += [f"{folder}/background0_sound.wav", f"{folder}/foreground0_sound.wav"]
        for name in names:
            sound(root / name, 16_000)
        (root / f"{split}_example_list.txt").write_text("\t".join(names) + "\n")


def audioset(root: Path) -> None:
    labels = [("index", "mid", "display_name"), (74, "/m/0bt9lr", "Dog"), (0, "/m/09x0r", "Speech")]
    table(root / "class_labels_indices.csv", labels)
    heads = "# Segments csv created Sun Mar  5 10:54:25 2017\n# num_ytids=1, num_segs=2\n"
    heads += "# YTID, start_seconds, end_seconds, positive_labels\n"
    for part, videos in (
        ("balanced_train", ("--4gqARaEJE", "-0mjrMposBM")),
        ("eval", ("zzya4dDVRLk",)),
    ):
        lines = [f'{video}, 0.000, 10.000, "/m/0bt9lr"\n' for video in videos]
        lines.append(f'{videos[0][::-1]}, 0.000, 10.000, "/m/0bt9lr,/m/09x0r"\n')
        (root / f"{part}_segments.csv").write_text(heads + "".join(lines))
        for video, first in zip(videos, ("", "Y"), strict=False):
            sound(root / part / f"{first}{video}{'' if first else '_0_10000'}.wav", 32_000)


TREES = {
    "TextrolSpeech": textrolspeech,
    "VGGSound": vggsound,
    "FSD50K": fsd50k,
    "ESC-50": esc50,
    "FUSS": fuss,
    "AudioSet": audioset,
}


def corpora(root: Path) -> Path:
    """All of them."""
    for name, make in TREES.items():
        (root / name).mkdir(parents=True)
        make(root / name)
    return root
