"""What the page's controls do: from what a user gave to new values of the page's parts, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from agents.app import markup
from agents.app.contest import Systems
from agents.app.examples import SCENES
from agents.app.session import REST, Session, in_db, words_of
from agents.app.sounds import Visit, new_folder, read_recording
from agents.listen import Listener
from agents.plan import LEAST_DB, MOST_DB
from baselines.planning import Planner
from lcr.audio import Clip, write_audio
from lcr.errors import LcrError

MOST_FADERS = 9
"""Sources that the page has room for, and the rest."""
_NO_RECORDING = "Give a recording first: drop a file, record, or take an example."
NO_SOURCES = "What is heard in the recording appears here, a fader for each source."

Values = dict[str, Any]


@dataclass
class Actions:
    """`root` holds the users' folders; `most_s` is the longest recording taken, in seconds."""

    root: Path
    listener: Listener
    planner: Planner
    systems: Systems
    most_s: float

    def close(self, visit: Visit | None) -> Values:
        """The page without a recording."""
        if visit is not None:
            visit.close()
        return {**_empty(), "status": ""}

    def open(self, visit: Visit | None, path: str | None, matched: bool) -> Values:
        """A file that was dropped or recorded."""
        if path is None:
            return self.close(visit)
        if visit is not None:
            visit.close()
        file = Path(path)
        try:
            clip = read_recording(file, most_s=self.most_s)
            return self._begin(file.stem, clip, matched)
        except (LcrError, ValueError) as error:
            return {**_empty(), "status": markup.status(str(error), bad=True)}

    def example(self, visit: Visit | None, number: int, matched: bool) -> Values:
        """Scene `number` of the studio."""
        scene = SCENES[number]
        try:
            clip = scene.render()
            name = scene.title.lower().replace(" ", "-")
            path = new_folder(self.root) / f"{name}.wav"
            write_audio(path, clip.audio, clip.sample_rate)
        except LcrError as error:
            return {"status": markup.status(str(error), bad=True)}
        if visit is not None:
            visit.close()
        values = self._begin(name, clip, matched, folder=path.parent)
        return {**values, "recording": str(path), "prompt": scene.prompt}

    def say(self, visit: Visit | None, prompt: str, matched: bool) -> Values:
        """A turn by a prompt; the prompt stays to be mended where it cannot be read."""
        if visit is None:
            return _told(_NO_RECORDING)
        try:
            visit.session.say(prompt)
            return {**_shown(visit, matched), "prompt": "", "status": ""}
        except (LcrError, ValueError) as error:
            return _told(str(error))

    def faders(
        self, visit: Visit | None, matched: bool, levels: Sequence[float], muted: Sequence[bool]
    ) -> Values:
        """A turn by the faders that were moved, in the order of `_ids`."""
        if visit is None:
            return _told(_NO_RECORDING)
        now = visit.session.gains
        moved: dict[str, float | None] = {}
        for id_, level, mute in zip(_ids(visit.session), levels, muted, strict=False):
            shown_db, shown_mute = _fader(now[id_])
            if mute != shown_mute or (not mute and abs(level - shown_db) > 1e-6):
                moved[id_] = None if mute else float(level)
        if not moved:
            return _told("No fader was moved since the last turn.")
        try:
            turn = visit.session.set_gains(moved)
            return {**_shown(visit, matched), "status": markup.status(turn.reply)}
        except (LcrError, ValueError) as error:
            return _told(str(error))

    def undo(self, visit: Visit | None, matched: bool) -> Values:
        if visit is None or not visit.session.undo():
            return _told("There is nothing to undo.")
        told = f"Back to {_title(visit.session.current)}."
        return {**_shown(visit, matched), "status": markup.status(told)}

    def redo(self, visit: Visit | None, matched: bool) -> Values:
        if visit is None or not visit.session.redo():
            return _told("There is nothing to redo.")
        told = f"Again {_title(visit.session.current)}."
        return {**_shown(visit, matched), "status": markup.status(told)}

    def hear(self, visit: Visit | None, number: int | None, matched: bool) -> Values:
        """The other side of A and B."""
        if visit is None or number is None:
            return {}
        try:
            return {"player": _player(visit, number, matched)}
        except (LcrError, OSError) as error:
            return _told(str(error))

    def compare(
        self, visit: Visit | None, prompt: str, first: str, second: str, matched: bool
    ) -> Values:
        """Two systems on the original, by one prompt."""
        if visit is None:
            return {"compared": markup.status(_NO_RECORDING, bad=True)}
        prompt = " ".join(prompt.split())
        if not prompt:
            told = "Give both systems a prompt, such as “remove the dog”."
            return {"compared": markup.status(told, bad=True)}
        session, figures = visit.session, []
        for side, name in (("A", first), ("B", second)):
            title = f"{side}: {name}"
            answer = self.systems.answer(name, session.audio, session.sample_rate, prompt)
            if answer.remix is None:
                figures.append(markup.failure(title, answer.problem))
                continue
            sound = visit.playable(answer.remix.audio, title, name, matched=matched)
            steps = "; ".join(f"{s.name}: {s.detail}" for s in answer.remix.trace if s.detail)
            facts = f"Took {answer.seconds:.1f} s."
            figures.append(markup.player(sound, facts=facts, group="pair", steps=steps))
        return {
            "compared": markup.side_by_side(figures),
            "first": gr.update(choices=self.systems.names),
            "second": gr.update(choices=self.systems.names),
        }

    def _begin(self, name: str, clip: Clip, matched: bool, *, folder: Path | None = None) -> Values:
        session = Session.open(clip.audio, clip.sample_rate, self.listener, self.planner)
        visit = Visit(name=name, session=session, folder=folder or new_folder(self.root))
        told = f"Heard {len(session.sources)} sources" if session.sources else "Heard nothing"
        channels = {1: "mono", 2: "stereo"}.get(len(clip.audio), f"{len(clip.audio)} channels")
        told += f" in {clip.duration_s:.1f} s of {channels} at {clip.sample_rate:,} Hz."
        return {
            **_shown(visit, matched),
            "visit": visit,
            "compared": "",
            "status": markup.status(told),
        }


def _told(problem: str) -> Values:
    return {"status": markup.status(problem, bad=True)}


def _title(number: int) -> str:
    return f"turn {number}" if number else "the original"


def _ids(session: Session) -> list[str]:
    """Of the faders, in the page's order; more than the page has room for have none."""
    return [*(one.id for one in session.sources[: MOST_FADERS - 1]), REST]


def _fader(gain: float) -> tuple[float, bool]:
    """Where a fader stands for a linear gain, in dB, and whether it is muted."""
    gain_db = in_db(gain)
    if gain_db is None:
        return 0.0, True
    return round(min(max(gain_db, LEAST_DB), MOST_DB), 1), False


def _player(visit: Visit, number: int, matched: bool) -> str:
    group = f"turns {visit.folder.name[:6]}"
    return markup.player(visit.turn(number, matched=matched), group=group)


def _shown(visit: Visit, matched: bool) -> Values:
    """The page as the session stands."""
    session = visit.session
    choices = [("Original", 0), *((f"Turn {one.number}", one.number) for one in session.turns)]
    values: Values = {
        "talk": markup.talk(session.turns),
        "choice": gr.update(choices=choices, value=session.current, visible=True),
        "player": _player(visit, session.current, matched),
        "undo": gr.update(interactive=session.current > 0),
        "redo": gr.update(interactive=session.can_redo),
        "apply": gr.update(interactive=bool(session.sources)),
        "nothing": "" if session.sources else markup.hint("No source is heard in it."),
    }
    labels: Mapping[str, str] = {
        **{one.id: f"{words_of(one)} ({one.confidence:.0%} sure)" for one in session.sources},
        REST: "everything else",
    }
    ids = _ids(session) if session.sources else []
    for n in range(MOST_FADERS):
        if n < len(ids):
            level, mute = _fader(session.gains[ids[n]])
            values[f"fader{n}"] = gr.update(value=level, label=labels[ids[n]])
            values[f"mute{n}"] = gr.update(value=mute, label=f"Mute {ids[n]}")
        values[f"row{n}"] = gr.update(visible=n < len(ids))
    return values


def _empty() -> Values:
    """The page without a recording."""
    return {
        "visit": None,
        "talk": markup.talk(()),
        "choice": gr.update(choices=[("Original", 0)], value=0, visible=False),
        "player": markup.NO_SOUND,
        "compared": "",
        "undo": gr.update(interactive=False),
        "redo": gr.update(interactive=False),
        "apply": gr.update(interactive=False),
        "nothing": markup.hint(NO_SOURCES),
        **{f"row{n}": gr.update(visible=False) for n in range(MOST_FADERS)},
    }
