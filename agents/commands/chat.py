"""Remix a recording in a conversation, a prompt a line: each changes the original once more, and
"undo", "it", "the other one" and the like refer back. Further lines: sources, undo, redo, save FILE
(the sound), history FILE (what was said, as JSON), quit. Reads standard input, so that it can be
piped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lcr.errors import LcrError

if TYPE_CHECKING:
    from agents.conversation import Conversation

EXTRA = "model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the recording")
    parser.add_argument("--history", metavar="JSON", help="go on where a history was saved")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (default: cpu)")


def run(options: argparse.Namespace) -> int:
    from lcr.audio import read_audio

    clip = read_audio(options.file)
    saved = None
    if options.history is not None:
        try:
            saved = Path(options.history).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LcrError(f"{options.history} cannot be read: {error}") from error

    from agents.conversation import Conversation
    from agents.listen import load_listener

    listener = load_listener(device=options.device)
    if saved is None:
        conversation = Conversation.open(clip.audio, clip.sample_rate, listener=listener)
    else:
        conversation = Conversation.from_json(
            saved, clip.audio, clip.sample_rate, listener=listener
        )
    print(conversation.current.reply, flush=True)
    chat(conversation, clip.sample_rate)
    return 0


def chat(conversation: Conversation, sample_rate: int) -> None:
    """Line by line from standard input, until it ends or says quit."""
    prompting = sys.stdin.isatty()
    while True:
        if prompting:
            print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line or line.strip().lower() in ("quit", "exit"):
            return
        if line.strip():
            print(_answer(conversation, sample_rate, line.strip()), flush=True)


def _answer(conversation: Conversation, sample_rate: int, line: str) -> str:
    command, _, name = line.partition(" ")
    try:
        if line.lower() == "sources":
            return conversation.current.plan
        if command.lower() == "save" and name:
            from lcr.audio import write_audio

            write_audio(Path(name), conversation.current.audio, sample_rate)
            return f"{name}: written"
        if command.lower() == "history" and name:
            from lcr.training.files import write_whole

            content = conversation.to_json().encode()
            write_whole(Path(name), lambda file: file.write(content))
            return f"{name}: written"
        return conversation.say(line).reply
    except (LcrError, OSError, ValueError) as error:
        return f"{error}"
