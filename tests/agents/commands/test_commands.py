"""`lcr plan` and `lcr chat`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from agents.commands.chat import chat
from agents.commands.plan import read_sources
from agents.planners.reading import keyword_planner
from lcr.audio.core import read_audio, write_audio
from lcr.cli import main
from lcr.errors import LcrError
from lcr.instruction import AudioDescription, SpeechDescription
from tests.agents.conversation.test_session import RATE, SCENE, talk, truth


def test_sources() -> None:
    assert read_sources("dog barking; Low-pitched  woman;man;") == (
        SpeechDescription(gender="F", pitch="low"),
        SpeechDescription(gender="M"),
        AudioDescription(label="dog barking"),
    )
    with pytest.raises(LcrError, match="no source is described"):
        read_sources(" ; ")


def test_plan(capsys: pytest.CaptureFixture[str]) -> None:
    asked = "turn up the man by 3 dB and mute the dog from 0:10 to 0:15"
    command = ["plan", asked, "--planner", "keyword"]
    assert main([*command, "--sources", "man;dog barking;rain"]) == 0
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:4] == [["man", "+3", "dB"], ["dog", "removed"], ["rain", "as", "it is"]]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["gain_db"] for one in told["sources"]] == pytest.approx([3, 0, None, 0])
    assert told["read_as"] == asked
    assert told["range"] == {"start_s": 10, "end_s": 15, "spared": False}
    spared = ["plan", "remvoe teh dogg except after 0:10", "--planner", "keyword"]
    assert main([*spared, "--sources", "man;dog barking"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == 'read as "remove the dog except after 0:10"'
    assert [row.split()[-1] for row in rows[2:4]] == ["is", "removed"]
    assert rows[-1] == "only from 0 s to 10 s"
    for wrong in (
        ["plan", " "],
        ["plan", "entferne den Hund"],
        ["plan", "mute the dog at 0:10"],
        [*command, "--planner", "no"],
    ):
        assert main(wrong) == 2
    capsys.readouterr()


def test_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, history = tmp_path / "out.wav", tmp_path / "history.json"
    lines = [
        "remove the dog",
        "",
        "a bit of it back",
        "undo",
        f"save {out}",
        f"save {tmp_path / 'none' / 'out.wav'}x",
        f"history {history}",
        "sources",
        "quit",
        "remove the rain",
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    conversation = talk(*SCENE)
    chat(conversation, RATE)
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["dog: removed.", "dog: -12 dB."]
    assert len(told) == 7
    assert "dog: removed; rain: as it is" in told[-1]
    expected = truth(*SCENE).audio[[0, 1, 3]].sum(0)
    np.testing.assert_allclose(read_audio(out).audio, expected, rtol=0, atol=2e-6)
    assert json.loads(history.read_text()) == json.loads(conversation.to_json())


def test_chat_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["remove the cat", "s3", "sources", f"save {tmp_path / 'none.xyz'}"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    chat(talk(*SCENE), RATE, as_json=True)
    asked, answered, sources, failed = map(json.loads, capsys.readouterr().out.splitlines())
    assert [one["id"] for one in asked["asks"]] == ["s1", "s2", "s3", "s4"]
    assert answered["state"]["whole"]["gains"]["s3"] is None
    assert "dog: removed" in sources["note"]
    assert "none.xyz" in failed["error"]


def test_chat_writes_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.wav", tmp_path / "out.wav"
    mixture = talk(*SCENE).audio(0)
    write_audio(source, mixture, RATE)
    monkeypatch.setattr("agents.listening.listener.load_listener", lambda **_: truth(*SCENE))
    monkeypatch.setattr("agents.planners.choose.load_planner", keyword_planner)
    monkeypatch.setattr("sys.stdin", io.StringIO("remove the dog\nundo\nremove the rain"))
    assert main(["chat", str(source), "-o", str(out)]) == 0
    expected = truth(*SCENE).audio[:3].sum(0)
    np.testing.assert_allclose(read_audio(out).audio, expected, rtol=0, atol=2e-6)
    for wrong in (source, tmp_path / "out.mp3"):
        assert main(["chat", str(source), "-o", str(wrong)]) == 2
    assert read_audio(source).audio == pytest.approx(mixture)
    capsys.readouterr()
