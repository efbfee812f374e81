"""The authors' manifest: what a line means, and one clear message for a broken one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lcr.data.authors.set import PaperSetError, manifest_files, read_paper_set
from lcr.instruction import AudioDescription, SpeechDescription, Task

SHARED = Path(__file__).parents[5] / "shared" / "paper-test-set"
STYLE = {"pitch": "low", "tempo": "high", "energy": "normal", "emotion": "sad"}


def row(**changes: Any) -> dict[str, Any]:
    def voice(gender: str) -> dict[str, Any]:
        return {"kind": "speech", "file": "a.wav", "snr_db": -1.5, "gender": gender, **STYLE}

    def sound(label: str) -> dict[str, Any]:
        return {"kind": "audio", "file": "b.wav", "snr_db": 2, "label": label}

    sources = [voice("M"), voice("F"), sound("rain"), sound("cat hissing")]
    made = {"id": "m1", "task": "ME", "acts": "0101", "sources": sources, "prompts": ["a", "b"]}
    return made | changes


def written(folder: Path, *rows: dict[str, Any], name: str = "part01.jsonl.gz") -> Path:
    text = "".join(json.dumps(one) + "\n" for one in rows)
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text + "\n")
    return path


@pytest.mark.parametrize("name", ["part01.jsonl", "part01.jsonl.gz"])
def test_a_line_becomes_a_mixture(tmp_path: Path, name: str) -> None:
    (mixture,) = read_paper_set(written(tmp_path, row(), name=name))
    assert (mixture.id, mixture.prompts) == ("m1", ("a", "b"))
    assert mixture.instruction.pattern == "0101"
    assert mixture.instruction.task is Task.ME
    man, _, rain, _ = mixture.sources
    assert man.description == SpeechDescription(gender="M", **STYLE)
    assert rain.description == AudioDescription(label="rain")
    assert (rain.file, rain.level_db, man.level_db) == ("b.wav", 2.0, -1.5)


def test_a_folder_is_read_in_order_of_name(tmp_path: Path) -> None:
    written(tmp_path, row(id="second"), name="part02.jsonl")
    written(tmp_path, row(id="first"), name="part01.jsonl.gz")
    (tmp_path / "README.md").write_text("not a manifest")
    assert [m.id for m in read_paper_set(tmp_path)] == ["first", "second"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "TSE"}, "0101 is ME, not TSE"),
        ({"acts": "01X1"}, "only 0, 1, U and D"),
        ({"acts": "01"}, "2 actions for 4 sources"),
        ({"prompts": []}, "one text or more"),
        ({"prompts": [3]}, "one text or more"),
        ({"sources": [{"kind": "smell"}]}, "speech or audio, not 'smell'"),
        ({"sources": [{"kind": "audio"}]}, "no 'label'"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = written(tmp_path, row(), row(**changes))
    with pytest.raises(PaperSetError, match=rf"^part01\.jsonl\.gz line 2: .*{words}"):
        list(read_paper_set(path))


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PaperSetError, match="no manifest"):
        list(read_paper_set(tmp_path / "nowhere"))
    path = written(tmp_path, *[row(id=str(i)) for i in range(50)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PaperSetError, match=r"part01\.jsonl\.gz cannot be read"):
        list(read_paper_set(path))
    path.write_bytes(b"\x1f\x8b no gzip at all")
    with pytest.raises(PaperSetError, match="cannot be read"):
        list(read_paper_set(path))
    path.with_suffix("").write_text("{no json}\n")
    with pytest.raises(PaperSetError, match=r"part01\.jsonl line 1"):
        list(read_paper_set(path.with_suffix("")))


@pytest.mark.skipif(not SHARED.exists(), reason="the authors' test set is not at hand")
def test_the_authors_files_read_whole() -> None:
    first = manifest_files(SHARED)[0]
    mixtures = list(read_paper_set(first))
    assert len(mixtures) == 1000
    assert {len(m.prompts) for m in mixtures} == {5}
    assert {m.instruction.task for m in mixtures} == set(Task)
