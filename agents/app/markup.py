"""Everything that the page shows as HTML of its own. All text goes through `text`."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from agents.app.sounds import Playable
from agents.conversation.turn import Turn

FILES = "/gradio_api/file="
NO_SOUND = '<p class="empty">The sound of each turn appears here, beside the original.</p>'
NOTHING_SAID = (
    '<p class="empty">Ask for a change in your own words, such as “remove the dog”, “turn the '
    "woman up by 3 dB” or “keep only the speech”.</p>"
)


def text(words: str) -> str:
    """Words as they are: no markup, and no template of Gradio's (${}, {{}}) either."""
    safe = html.escape(words, quote=True)
    for sign in "${}`\\":
        safe = safe.replace(sign, f"&#{ord(sign)};")
    return safe


def status(words: str, *, bad: bool = False) -> str:
    """A message; an empty one leaves no trace."""
    if not words:
        return ""
    return f'<p class="note {"bad" if bad else "good"}">{text(words)}</p>'


def hint(words: str) -> str:
    """What will be where nothing is yet."""
    return f'<p class="empty">{text(words)}</p>'


def talk(turns: Sequence[Turn]) -> str:
    """The conversation so far, of which the first turn is the recording as it is."""
    said = []
    for turn in turns:
        asked = f"<b>{turn.number}</b> {text(turn.prompt or 'Faders moved')}"
        said.append(
            (f'<li><p class="asked">{asked}</p>' if turn.number else "<li>")
            + f'<p class="reply">{text(turn.reply)}</p></li>'
        )
    listed = f'<ol class="talk">{"".join(said)}</ol>' if said else ""
    return listed if len(said) > 1 else listed + NOTHING_SAID


def history(name: str, content: str) -> str:
    """A link that downloads `content`, a conversation as JSON, about the recording `name`."""
    data = base64.b64encode(content.encode()).decode("ascii")
    return (
        f'<a class="get" href="data:application/json;base64,{data}" '
        f'download="{text(name)}.history.json">Save as JSON</a>'
    )


def player(sound: Playable, *, group: str, facts: str = "", steps: str = "") -> str:
    """One sound: picture, player, download. Players of one `group` share their place in time;
    `steps` is what a system did."""
    label = text(sound.title)
    notes = " ".join(filter(None, (sound.note, facts)))
    return (
        f'<figure class="sound"><figcaption>{label}</figcaption>'
        f'<img src="{sound.picture}" alt="Waveform and spectrogram: {label}">'
        f'<audio controls preload="auto" data-place="{text(group)}" aria-label="{label}" '
        f'src="{_address(sound.preview)}"></audio>'
        f'<p class="after"><a class="get" href="{_address(sound.download)}" '
        f'download="{text(sound.download.name)}">Download WAV</a>'
        f"<span>{text(notes)}</span></p>{_steps(steps)}</figure>"
    )


def side_by_side(figures: Iterable[str]) -> str:
    return f'<div class="pair">{"".join(figures)}</div>'


def failure(title: str, problem: str) -> str:
    """In the place of a player."""
    return (
        f'<figure class="sound"><figcaption>{text(title)}</figcaption>'
        f'<p class="note bad">{text(problem)}</p></figure>'
    )


def _steps(words: str) -> str:
    if not words:
        return ""
    return f"<details><summary>What it did</summary><p>{text(words)}</p></details>"


def _address(path: Path) -> str:
    return FILES + quote(str(path), safe="/")
