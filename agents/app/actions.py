"""What the page's controls do: from what a user gave to new values of the page's parts, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents.app import markup
from agents.app.contest import Systems, problem_of
from agents.app.shown import Values, empty, fader, fader_ids, player, shown, update
from agents.app.sounds import Visit, new_folder, read_recording
from agents.conversation.session import Conversation, Ears
from agents.conversation.state import GainDb
from agents.scenes import SCENES
from baselines.composite.planning import Planner
from lcr.audio.core import Clip, write_audio
from lcr.errors import LcrError

MOST_PROMPT = 4000
"""Characters."""
BY_FADERS = "faders"
"""In the place of a system's name: by gains on what is heard."""
_MOST_HISTORY = 2**20
"""Bytes of a conversation that is gone on with."""
_MOST_TURNS = 200
_MOST_OPEN = 50
"""Recordings, however short."""


@dataclass
class Actions:
    """`root` holds the users' folders; `most_s` is the longest recording taken, in seconds;
    `most_bytes` the largest, decoded, and all together that are open: the least used goes."""

    root: Path
    listener: Ears
    planner: Planner
    systems: Systems
    most_s: float
    most_bytes: int
    _open: list[Visit] = field(default_factory=list)
    """The latest used last."""

    def why_not(self, visit: Visit | None) -> str:
        """Say why the recording of a visit cannot be worked on; "" where it can, and the visit then
        counts as the latest used. Every action but `close`, `open` and `example` needs such a
        visit."""
        if visit is None:
            return "Give a recording first: drop a file, record, or take an example."
        if not visit.open:
            return "Others needed the room of this recording: give it again."
        if len(visit.conversation.turns) > _MOST_TURNS:
            return f"A conversation has at most {_MOST_TURNS} turns here: give the recording again."
        self._open.sort(key=lambda one: one is visit)
        return ""

    def close(self, visit: Visit | None) -> Values:
        """Close a visit and show the page without a recording."""
        if visit is not None:
            visit.close()
        return {**empty(), "status": ""}

    def open(self, visit: Visit | None, path: str | None, matched: bool) -> Values:
        """A file that was dropped or recorded."""
        if path is None:
            return self.close(visit)
        if visit is not None:
            visit.close()
        file = Path(path)
        try:
            clip = read_recording(file, most_s=self.most_s, most_bytes=self.most_bytes)
            return self._begin(file.stem, clip, matched, new_folder(self.root))
        except (LcrError, ValueError) as error:
            return {**empty(), "status": markup.status(str(error), bad=True)}

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
        values = self._begin(name, clip, matched, path.parent)
        return {**values, "recording": str(path), "prompt": scene.prompt}

    def say(self, visit: Visit, prompt: str, how: str, matched: bool) -> Values:
        """Take one turn: carry `prompt` out `BY_FADERS` or by the system `how`. A prompt that
        cannot be carried out stays in its field, so that the user can mend it."""
        prompt = prompt.strip()
        if problem := _problem_of_prompt(prompt):
            return _told(problem)
        try:
            visit.conversation.say(prompt, system=None if how == BY_FADERS else how)
            return {**shown(visit, matched), "prompt": "", "status": ""}
        except Exception as error:
            if how == BY_FADERS:
                if not isinstance(error, LcrError | ValueError):
                    raise
                return _told(str(error))
            left = how if how in self.systems.readers else BY_FADERS
            ways = update(choices=self.ways, value=left)
            return {**_told(problem_of(how, error)), "how": ways}

    def choose(self, visit: Visit, number: int, matched: bool) -> Values:
        """The answer `number` to the question that is open."""
        asks = visit.conversation.current.asks
        if number >= len(asks):
            return _told("That question is no longer open.")
        return self.say(visit, asks[number].id, BY_FADERS, matched)

    def go(self, visit: Visit, word: str, matched: bool) -> Values:
        """A turn of one word, "undo" or "redo"."""
        return self.say(visit, word, BY_FADERS, matched)

    @property
    def ways(self) -> list[tuple[str, str]]:
        """How a prompt can be carried out: in words, and by name."""
        systems = self.systems.readers.items()
        named = [(f"{name} ({family or 'unknown'})", name) for name, family in systems]
        return [("Faders: scale what is heard", BY_FADERS), *named]

    def faders(
        self, visit: Visit, matched: bool, levels: Sequence[float], muted: Sequence[bool]
    ) -> Values:
        """A turn by the faders that were moved, in the order of `fader_ids`."""
        now = visit.conversation.current.gains
        if not now:
            return _told("This turn has no faders.")
        moved: dict[str, GainDb] = {}
        for id_, level, mute in zip(fader_ids(visit.conversation), levels, muted, strict=False):
            shown_db, shown_mute = fader(now[id_])
            slid = abs(level - shown_db) > 1e-6
            if slid or mute != shown_mute:
                # What was muted already and is slid is to be heard.
                moved[id_] = None if mute and not (slid and shown_mute) else float(level)
        if not moved:
            return _told("No fader was moved since the last turn.")
        try:
            turn = visit.conversation.set_gains(moved)
            return {**shown(visit, matched), "status": markup.status(turn.reply)}
        except LcrError as error:
            return _told(str(error))

    def resume(self, visit: Visit, path: str, matched: bool) -> Values:
        """Go on with a conversation that was saved as JSON."""
        try:
            if Path(path).stat().st_size > _MOST_HISTORY:
                raise LcrError(f"A conversation has at most {_MOST_HISTORY} bytes.")
            resumed = Conversation.from_json(
                Path(path).read_text(encoding="utf-8"),
                visit.audio,
                visit.sample_rate,
                listener=self.listener,
                planner=self.planner,
                load=self.systems.load,
            )
            _ = resumed.current.audio  # a system that made it may be missing here
            visit.conversation = resumed
            told = f"The conversation goes on after turn {resumed.current.number}."
            return {**shown(visit, matched), "status": markup.status(told)}
        except (LcrError, ValueError, OSError) as error:
            return _told(str(error))

    def hear(self, visit: Visit, number: int, matched: bool) -> Values:
        """The other side of A and B."""
        try:
            return {"player": player(visit, number, matched)}
        except Exception as error:  # of the system that made it
            return _told(problem_of(f"Turn {number}", error))

    def compare(self, visit: Visit, prompt: str, first: str, second: str, matched: bool) -> Values:
        """Two systems on the original, by one prompt."""
        if problem := _problem_of_prompt(prompt):
            return {"compared": markup.status(problem, bad=True)}
        prompt = " ".join(prompt.split())
        figures: list[str] = []
        for side, name in (("A", first), ("B", second)):
            title = f"{side}: {name}"
            answer = self.systems.answer(name, visit.audio, visit.sample_rate, prompt)
            if answer.remix is None:
                figures.append(markup.failure(title, answer.problem))
                continue
            sound = visit.playable(answer.remix.audio, title, name, matched=matched)
            steps = "; ".join(f"{s.name}: {s.detail}" for s in answer.remix.trace if s.detail)
            facts = f"Took {answer.seconds:.1f} s."
            figures.append(markup.player(sound, facts=facts, group="pair", steps=steps))
        return {
            "compared": markup.side_by_side(figures),
            "first": update(choices=self.systems.names),
            "second": update(choices=self.systems.names),
        }

    def _make_room(self, needed: int) -> None:
        self._open = [one for one in self._open if one.open]
        while self._open and (
            len(self._open) >= _MOST_OPEN
            or sum(one.audio.nbytes for one in self._open) + needed > self.most_bytes
        ):
            self._open.pop(0).close()

    def _begin(self, name: str, clip: Clip, matched: bool, folder: Path) -> Values:
        self._make_room(clip.audio.nbytes)
        conversation = Conversation.open(
            clip.audio,
            clip.sample_rate,
            listener=self.listener,
            planner=self.planner,
            load=self.systems.load,
        )
        visit = Visit(
            name=name,
            audio=clip.audio,
            sample_rate=clip.sample_rate,
            conversation=conversation,
            folder=folder,
        )
        self._open.append(visit)
        channels = {1: "mono", 2: "stereo"}.get(len(clip.audio), f"{len(clip.audio)} channels")
        told = (
            f"{len(conversation.sources) or 'No'} sources are heard in {clip.duration_s:.1f} s of "
        )
        told += f"{channels} at {clip.sample_rate:,} Hz."
        return {
            **shown(visit, matched),
            "visit": visit,
            "compared": "",
            "status": markup.status(told),
        }


def _problem_of_prompt(prompt: str) -> str:
    """What is wrong with its length; "" where nothing is."""
    if not prompt.strip():
        return "The prompt is empty: say what to do, such as “remove the dog”."
    if len(prompt) > MOST_PROMPT:
        return f"The prompt has {len(prompt)} characters; {MOST_PROMPT} are the most."
    return ""


def _told(problem: str) -> Values:
    return {"status": markup.status(problem, bad=True)}
