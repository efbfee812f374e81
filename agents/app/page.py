"""The layout of the chat page, and which control does what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Base

from agents.app import markup
from agents.app.actions import MOST_FADERS, Actions, Values, _empty
from agents.app.examples import SCENES
from agents.app.sounds import Visit
from agents.plan import LEAST_DB, MOST_DB

_HOUR_S = 3600
_PROMPT = "Such as: remove the dog and turn the woman up"
STYLE = Path(__file__).with_name("style.css")
SCRIPT = Path(__file__).with_name("players.js")
