"""The authors' test set in miniature: corpora with their folders, and manifests in both layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lcr.instruction import patterns_by_task

SPEECH = (
    "LibriTTS/train-clean-360/353/128309/353_128309_000047_000001.wav",
    "VCTK/wav48/p261/p261_445.wav",
    "TextrolSpeech/Emotional Speech Dataset (ESD)/Emotion Speech Dataset/0013/Sad/0013_001332.wav",
    "TextrolSpeech/MESS compressed/AM3M05_SCR.wav",
    "TextrolSpeech/MEAD/W035/audio/disgusted/level_2/003.wav",
    "TextrolSpeech/SAVEE/ALL/JE_h01.wav",
)
SOUNDS = tuple(f"VGGSound/audio/{name}_000030.wav" for name in ("mcDE08Bi64k", "XMVoH1JjXw8", "a"))
RATES = {"LibriTTS": 24_000, "VCTK": 48_000}
STYLES = ("gender", "pitch", "tempo", "energy", "emotion")
CODE_NAMES = {"ME": "HE", "MVC": "HVC", "MEVC": "RHVC"}


def write_corpora(root: Path) -> None:
    """Noise of different lengths, some shorter and some longer than half a second."""
    rng = np.random.default_rng(3)
    for number, name in enumerate((*SPEECH, *SOUNDS)):
        rate = RATES.get(name.split("/")[0], 16_000)
        seconds = 0.3 + 0.15 * number
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = 0.2 * rng.standard_normal(round(seconds * 1_000) * rate // 1_000)
        soundfile.write(path, noise, rate, subtype="FLOAT")


def rows() -> list[dict[str, Any]]:
    """Two mixtures of each task, as lines of our manifests."""
    found: list[dict[str, Any]] = []
    for task, patterns in patterns_by_task().items():
        for turn in range(2):
            k = len(found)
            voices = (SPEECH[k % 6], SPEECH[(k + 1 + turn) % 6])
            sounds = (SOUNDS[k % 3], SOUNDS[(k + 1) % 3])
            speech = [
                {
                    "kind": "speech",
                    "file": file,
                    "snr_db": round(3 - 0.37 * ((k * 5 + i) % 17), 2),
                    "gender": gender,
                    "pitch": "low",
                    "tempo": "high",
                    "energy": "normal",
                    "emotion": "sad",
                }
                for i, (file, gender) in enumerate(zip(voices, "MF", strict=True))
            ]
            audio = [
                {
                    "kind": "audio",
                    "file": file,
                    "snr_db": round(0.29 * ((k * 7 + i) % 20) - 3, 2),
                    "label": label,
                }
                for i, (file, label) in enumerate(zip(sounds, ("rain", "cat"), strict=True))
            ]
            found.append(
                {
                    "id": f"m{k:06d}",
                    "task": task.value,
                    "acts": patterns[turn % len(patterns)],
                    "sources": [*speech, *audio],
                    "prompts": [f"first {k}", f"last {k}"],
                }
            )
    return found


def record_of(row: dict[str, Any]) -> dict[str, Any]:
    """A line of ours in the authors' layout, with paths of a machine of theirs."""
    record = {
        "path": f"/their/disk/mixtures/{row['id']}.wav",
        "duration": 5,
        "task": CODE_NAMES.get(row["task"], row["task"]),
        "acts": row["acts"],
        "parsed_prompts": row["prompts"],
    }
    for number, source in enumerate(row["sources"], start=1):
        record[f"path{number}"] = f"/their/disk/mixtures/{row['id']}_{number}.wav"
        record[f"raw_path{number}"] = f"/their/disk/{source['file']}"
        record[f"snr{number}"] = source["snr_db"]
        kept = STYLES if source["kind"] == "speech" else ("label",)
        record |= {f"{name}{number}": source[name] for name in kept}
    return record


def write_manifests(folder: Path) -> tuple[Path, Path]:
    """(JSON Lines, the authors' layout) with the same mixtures."""
    ours, theirs = folder / "test.jsonl", folder / "test.json"
    ours.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    theirs.write_text(json.dumps([record_of(row) for row in rows()]), encoding="utf-8")
    return ours, theirs
