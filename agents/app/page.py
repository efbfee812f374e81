"""The layout of the chat page, and which control does what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from agents.app import markup
from agents.app.actions import BY_FADERS, MOST_PROMPT, Actions
from agents.app.shown import MOST_CHOICES, MOST_FADERS, NO_SOURCES, Values
from agents.app.sounds import Visit
from agents.browser import LOOK
from agents.plan import LEAST_DB, MOST_DB
from agents.scenes import SCENES

_HOUR_S = 3600
_SAYS = "Such as: remove the dog"
_HOW = (
    "A system hears the original and this prompt alone: it does not go on from earlier turns, and "
    "has no faders."
)
_KEYS = (
    '<p class="hint"><kbd>X</kbd> switches between the original and the turn heard last, or '
    "between two systems side by side.</p>"
)
_TO_PROMPT = "() => document.querySelector('#prompt textarea').focus()"

STYLES = (LOOK, Path(__file__).with_name("style.css"))
SCRIPT = Path(__file__).with_name("players.js")


class Page:
    """The controls by name (`parts`), laid out in `blocks`."""

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.parts: dict[str, Any] = {}
        self.blocks = gr.Blocks(
            title="lcr: remix sound by text",
            analytics_enabled=False,
            delete_cache=(_HOUR_S // 6, _HOUR_S),
        )
        with self.blocks:
            # Where a browser has gone, Gradio forgets its state an hour later.
            self.parts["visit"] = gr.State(None, time_to_live=6 * _HOUR_S, delete_callback=_close)
            gr.HTML(
                "<header><h1>Remix sound by text</h1><p>Give a recording, say what to change, and "
                "compare. Everything runs on this machine.</p></header>"
            )
            with gr.Row(elem_id="desk"):
                with gr.Column(scale=5, min_width=320):
                    self._recording()
                    self._conversation()
                with gr.Column(scale=6, min_width=320):
                    self._sound()
                    self._sources()
            self._contest()
            self._wire()

    def _recording(self) -> None:
        with gr.Column(elem_classes="card"):
            gr.HTML("<h2>Recording</h2>")
            self.parts["recording"] = gr.Audio(
                sources=["upload", "microphone"],
                type="filepath",
                label="Drop or record a sound",
                editable=False,
                buttons=[],
                elem_id="recording",
                waveform_options=gr.WaveformOptions(
                    waveform_color="#8fb8c2", waveform_progress_color="#0f6b7d"
                ),
            )
            gr.HTML('<p class="hint">Or take one rendered by the studio:</p>')
            with gr.Row(elem_id="examples"):
                for number, scene in enumerate(SCENES):
                    self.parts[f"scene{number}"] = gr.Button(scene.title, size="sm", min_width=90)
            self.parts["status"] = gr.HTML("", elem_id="status")

    def _sources(self) -> None:
        with gr.Column(elem_classes="card", elem_id="sources"):
            gr.HTML("<h2>What is heard</h2>")
            self.parts["nothing"] = gr.HTML(markup.hint(NO_SOURCES), elem_id="nothing")
            for n in range(MOST_FADERS):
                with gr.Row(visible=False, elem_classes="fader") as row:
                    self.parts[f"fader{n}"] = gr.Slider(
                        LEAST_DB,
                        MOST_DB,
                        0.0,
                        step=0.1,
                        label="dB",
                        scale=5,
                        min_width=120,
                        buttons=[],
                    )
                    self.parts[f"mute{n}"] = gr.Checkbox(
                        label="Mute", scale=0, min_width=96, container=False
                    )
                self.parts[f"row{n}"] = row
            self.parts["apply"] = gr.Button(
                "Apply faders", interactive=False, size="sm", elem_id="apply"
            )

    def _conversation(self) -> None:
        with gr.Column(elem_classes="card", elem_id="conversation"):
            gr.HTML("<h2>Conversation</h2>")
            self.parts["talk"] = gr.HTML(markup.NOTHING_SAID, elem_id="talk", max_height=260)
            with gr.Row(visible=False, elem_id="choices") as choices:
                for n in range(MOST_CHOICES):
                    self.parts[f"choice{n}"] = gr.Button("", visible=False, size="sm", min_width=90)
            self.parts["choices"] = choices
            self.parts["prompt"] = gr.Textbox(
                label="What to change",
                placeholder=_SAYS,
                lines=1,
                max_lines=4,
                max_length=MOST_PROMPT,
                elem_id="prompt",
            )
            self.parts["how"] = gr.Dropdown(
                self.actions.ways, value=BY_FADERS, label="Carried out by", info=_HOW,
                filterable=False, elem_id="how",
            )  # fmt: skip
            with gr.Row(elem_id="turns"):
                self.parts["undo"] = gr.Button("Undo", interactive=False, size="sm", min_width=70)
                self.parts["redo"] = gr.Button("Redo", interactive=False, size="sm", min_width=70)
                self.parts["say"] = gr.Button("Remix", variant="primary", size="sm", min_width=120)
            with gr.Row(elem_id="history"):
                self.parts["save"] = gr.HTML("", elem_id="save")
                self.parts["resume"] = gr.UploadButton(
                    "Load JSON", file_types=[".json"], visible=False, size="sm",
                    min_width=120, elem_id="resume",
                )  # fmt: skip

    def _sound(self) -> None:
        with gr.Column(elem_classes="card", elem_id="sound"):
            gr.HTML("<h2>Listen</h2>")
            with gr.Row(elem_id="ab"):
                self.parts["choice"] = gr.Radio(
                    choices=[("Original", 0)],
                    value=0,
                    label="A/B",
                    visible=False,
                    scale=3,
                    min_width=200,
                    container=False,
                    elem_id="choice",
                )
                self.parts["matched"] = gr.Checkbox(
                    label="Match loudness", scale=1, min_width=150, container=False
                )
            self.parts["player"] = gr.HTML(markup.NO_SOUND, elem_id="player")
            gr.HTML(_KEYS)

    def _contest(self) -> None:
        names = self.actions.systems.names
        with gr.Accordion("Compare two systems on one prompt", open=False, elem_id="contest"):
            with gr.Row():
                self.parts["first"] = gr.Dropdown(
                    names, value=_one_of(names, "lcr", 0), label="System A", min_width=140
                )
                self.parts["second"] = gr.Dropdown(
                    names, value=_one_of(names, "agent-offline", -1), label="System B",
                    min_width=140,
                )  # fmt: skip
                self.parts["question"] = gr.Textbox(
                    label="Prompt for both", placeholder=_SAYS, scale=3, min_width=240,
                    max_length=MOST_PROMPT,
                )  # fmt: skip
            self.parts["compare"] = gr.Button("Compare", size="sm", elem_id="compare")
            self.parts["compared"] = gr.HTML("", elem_id="compared")

    def _wire(self) -> None:
        do, on = self.actions, self.parts
        state, matched = on["visit"], on["matched"]
        for listen in (on["recording"].upload, on["recording"].stop_recording):
            given = [state, on["recording"], matched]
            self._on(listen, do.open, given, needs_sound=False)
        self._on(on["recording"].clear, do.close, [state], needs_sound=False)
        for number in range(len(SCENES)):
            example = _bind(do.example, number)
            begin, given = on[f"scene{number}"].click, [state, matched]
            self._on(begin, example, given, only=tuple(on), needs_sound=False)
        for listen in (on["say"].click, on["prompt"].submit):
            saying = [state, on["prompt"], on["how"], matched]
            self._on(listen, do.say, saying)
        for n in range(MOST_CHOICES):
            answer = on[f"choice{n}"].click
            self._on(answer, _bind(do.choose, n), [state, matched]).then(None, js=_TO_PROMPT)
        for word in ("undo", "redo"):
            self._on(on[word].click, _bind(do.go, word), [state, matched])
        given = [state, on["resume"], matched]
        self._on(on["resume"].upload, do.resume, given)
        faders = [on[f"fader{n}"] for n in range(MOST_FADERS)]
        mutes = [on[f"mute{n}"] for n in range(MOST_FADERS)]

        def moved(visit: Visit, match: bool, *moved: Any) -> Values:  # noqa: ANN401
            return do.faders(visit, match, moved[:MOST_FADERS], moved[MOST_FADERS:])

        self._on(on["apply"].click, moved, [state, matched, *faders, *mutes])
        for listen in (on["choice"].input, matched.input):
            self._on(listen, do.hear, [state, on["choice"], matched], only=("player", "status"))
        sides = [state, on["question"], on["first"], on["second"], matched]
        for listen in (on["compare"].click, on["question"].submit):
            self._on(listen, do.compare, sides, only=("compared", "first", "second"))

    def _on(
        self,
        listen: Callable[..., Any],
        do: Callable[..., Values],
        given: list[Any],
        *,
        only: tuple[str, ...] | None = None,
        needs_sound: bool = True,
    ) -> Any:  # noqa: ANN401
        """Let an event do something to the parts named, by default all but the recording."""
        names = only or tuple(n for n in self.parts if n != "recording")
        parts = self.parts
        told = "status" if "status" in names else "compared"

        def act(visit: Visit | None, *values: Any) -> dict[Any, Any]:  # noqa: ANN401
            if needs_sound and (problem := self.actions.why_not(visit)):
                return {parts[told]: markup.status(problem, bad=True)}
            return {parts[name]: new for name, new in do(visit, *values).items()}

        return listen(
            act,
            inputs=given,
            outputs=[parts[name] for name in names],
            api_visibility="private",
            show_progress="minimal",
            show_progress_on=[parts["player" if "player" in names else told]],
            concurrency_id="sound",
            concurrency_limit=1,
        )


def _bind(do: Callable[..., Values], what: int | str) -> Callable[..., Values]:
    return lambda visit, matched: do(visit, what, matched)


def _one_of(names: list[str], wanted: str, otherwise: int) -> str | None:
    if wanted in names:
        return wanted
    return names[otherwise] if names else None


def _close(visit: Visit | None) -> None:
    if visit is not None:
        visit.close()
