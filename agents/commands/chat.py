"""Remix a recording in a conversation, a prompt a line: each changes the original once more, and
"undo", "it", "the other one" and the like refer back. Further lines: sources, undo, redo, save FILE
(the sound), history FILE (what was said, as JSON), quit. Reads standard input, so that it can be
piped."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lcr.errors import LcrError, one_line

if TYPE_CHECKING:
    from agents.conversation.session import Conversation
    from agents.conversation.turn import Turn

EXTRA = "model,agents"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the recording")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="write the sound at the end: a .wav or .flac"
    )
    parser.add_argument("--history", metavar="JSON", help="go on where a history was saved")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (default: cpu)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    from lcr.audio.core import read_audio, write_audio

    _check_output(options)
    clip = read_audio(options.file)
    saved = None
    if options.history is not None:
        try:
            saved = Path(options.history).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LcrError(f"{options.history} cannot be read: {error}") from error

    from agents.conversation.session import Conversation
    from agents.listening.listener import load_listener

    listener = load_listener(device=options.device)
    if saved is None:
        conversation = Conversation.open(clip.audio, clip.sample_rate, listener=listener)
    else:
        conversation = Conversation.from_json(
            saved, clip.audio, clip.sample_rate, listener=listener
        )
    print(_told(conversation.current, options.json), flush=True)
    chat(conversation, clip.sample_rate, as_json=options.json)
    if options.output is not None:
        try:
            write_audio(options.output, conversation.current.audio, clip.sample_rate)
        except (OSError, ValueError) as error:
            raise LcrError(f"{options.output} cannot be written: {error}") from error
    return 0


def _check_output(options: argparse.Namespace) -> None:
    """Before the recording is listened to."""
    if options.output is None:
        return
    output, source = Path(options.output), Path(options.file)
    if output.suffix.lower() not in (".wav", ".flac"):
        raise LcrError(f"{output}: the sound is written as .wav or .flac")
    if output.exists() and source.exists() and output.samefile(source):
        raise LcrError(f"{output} is the recording itself; give another name")


def chat(conversation: Conversation, sample_rate: int, *, as_json: bool = False) -> None:
    """Line by line from standard input, until it ends or says quit."""
    prompting = sys.stdin.isatty() and not as_json
    while True:
        if prompting:
            print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line or line.strip().lower() in ("quit", "exit"):
            return
        if line.strip():
            print(_answer(conversation, sample_rate, line.strip(), as_json), flush=True)


def _told(turn: Turn, as_json: bool) -> str:
    if not as_json:
        return turn.reply
    return json.dumps(turn.as_json(), ensure_ascii=False)


def _note(text: str, as_json: bool, key: str = "note") -> str:
    return json.dumps({key: text}, ensure_ascii=False) if as_json else text


def _answer(conversation: Conversation, sample_rate: int, line: str, as_json: bool) -> str:
    command, _, name = line.partition(" ")
    try:
        if line.lower() == "sources":
            return _note(conversation.current.plan, as_json)
        if command.lower() == "save" and name:
            from lcr.audio.core import write_audio

            write_audio(Path(name), conversation.current.audio, sample_rate)
            return _note(f"{name}: written", as_json)
        if command.lower() == "history" and name:
            from lcr.files import write_whole

            content = conversation.to_json().encode()
            write_whole(Path(name), content)
            return _note(f"{name}: written", as_json)
        return _told(conversation.say(line), as_json)
    except (LcrError, OSError, ValueError) as error:
        return _note(one_line(error), as_json, "error")
