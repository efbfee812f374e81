"""The report shows hostile text as text, loads nothing, and works in a real browser."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from PIL import Image

from experiments.comparison.errors import RecordsError
from experiments.comparison.report import read_run, write_report
from experiments.comparison.report.examples import make_cards
from experiments.comparison.report.media import Clip, ClipError, encode, mel_power, read_clip
from experiments.comparison.report.plots import Row, Spread, draw_panel, limits_of, signed
from lcr.audio.spectrogram import coloured, png_uri
from lcr.instruction import Task
from tests.browser import chromium
from tests.experiments.report_run import Contender, Sound, blend, build_run

pytestmark = pytest.mark.slow

SCRIPT = "<script>window.hacked = 1; alert(1)</script>"
IMAGE = "\"><img src=x onerror='window.hacked = 1'>"
BREAKOUT = "</blockquote></style></script><script>window.hacked = 1</script>{{ 7 * 7 }}"
UNICODE = "Größe ↑ 狗叫 \u202eabc\u202c \x00\x1b[31m \"double\" 'single' &amp; <b>bold</b>"
LONG = "please " * 400 + "x" * 3000
HOSTILE = (SCRIPT, IMAGE, BREAKOUT)


def fails(mixture: Sound, target: Sound, index: int) -> Sound:
    if index % 2 == 0:
        raise RuntimeError(f"{SCRIPT} {IMAGE} {BREAKOUT}")
    return mixture


def deafening(mixture: Sound, target: Sound, index: int) -> Sound:
    return (100 * mixture).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(
        tmp_path_factory.mktemp("run"),
        [
            Contender(name="mixture", answer=blend(0)),
            Contender(name="half-way", answer=blend(0.5), detail=SCRIPT, reference=IMAGE),
            Contender(name=f"evil {SCRIPT}{IMAGE}", answer=fails),
            Contender(name="deafening", answer=deafening),
            Contender(name="truth", answer=blend(0.99), bound=True),
        ],
        tasks=[Task.TSE, Task.TA_UP, Task.OVC],
        shown=[0, 1, 2],
        prompt=f"{SCRIPT} {IMAGE} {BREAKOUT} {UNICODE} {LONG}",
        label=f"dog {IMAGE}",
        clip=f"{SCRIPT}.wav",
        not_run={f"gone {IMAGE}": f"no weights {SCRIPT}"},
    )


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    return write_report(read_run(folder))


class Reader(html.parser.HTMLParser):
    """Collects what a browser would build from the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(report: Path) -> Reader:
    return Reader(report.read_text(encoding="utf-8"))


def test_hostile_text_is_shown_as_text(page: Reader, report: Path) -> None:
    assert len(page.all("script")) == 1
    kinds = ("data:image/png;", "data:image/svg+xml;")
    assert all(image["src"].startswith(kinds) for image in page.all("img"))
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")]
    shown = " ".join(page.texts)
    for text in HOSTILE:
        assert text in shown
    assert "{{ 7 * 7 }}" in shown
    assert LONG in shown
    assert "狗叫" in shown
    assert not re.search(r"[\x00\x1b]", report.read_text(encoding="utf-8"))


def test_the_page_loads_nothing_and_its_policy_allows_nothing_else(page: Reader) -> None:
    for _, attributes in page.elements:
        for key in ("src", "href", "action", "poster", "srcset", "data"):
            assert attributes.get(key, "#").startswith(("#", "data:"))
        assert "style" not in attributes  # the policy would refuse it
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    css = (Path(__file__).parents[4] / "experiments/comparison/report/style.css").read_text(
        encoding="utf-8"
    )
    assert "url(" not in css
    assert "@import" not in css


def test_every_example_has_every_sound_that_exists(page: Reader) -> None:
    # 3 examples of mixture, target and 5 systems; the failing system has no sound on two.
    assert len(page.all("audio")) == 3 * 7 - 2
    pictures = [image for image in page.all("img") if image["src"].startswith("data:image/png;")]
    assert len(pictures) == 3 * 7 - 2
    assert all(image["alt"] for image in page.all("img"))
    for player in page.all("audio"):
        head, content = player["src"].split(",", 1)
        assert head == "data:audio/wav;base64"
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
        assert (len(samples), rate) == (8000, 16_000)
        assert np.abs(samples).max() <= 1.0


def test_tables_hold_the_summarys_figures(page: Reader, folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    shown = " ".join(page.texts)
    for system in summary["systems"]:
        for task in summary["tasks"]:
            assert signed(system["tasks"][task]["mean"]) in shown
    assert "4 of 6" not in shown
    assert "3 of 6" in shown
    assert all("scope" in cell for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) == 5


def test_levels_within_an_example_stay_comparable(folder: Path) -> None:
    card = make_cards(read_run(folder)).shown[0]
    players = {player.name: player for player in card.players if player.role != "mixture"}
    assert card.gain_db == 0.0
    assert "lower than the others" in players["deafening"].note
    assert not players["half-way"].note


def test_examples_beyond_the_limit_are_counted(folder: Path) -> None:
    run = read_run(folder)
    size = make_cards(run).shown[0].characters
    cards = make_cards(run, limit_characters=size + 10)
    assert (len(cards.shown), cards.total) == (1, 3)


def test_a_lost_sound_is_said_and_not_fatal(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (lost,) = copy.glob("audio/00000-*/target.wav")
    lost.unlink()
    (broken,) = copy.glob("audio/00000-*/half-way@*.wav")
    broken.write_bytes(b"RIFF nonsense")
    text = write_report(read_run(copy)).read_text(encoding="utf-8")
    assert "no audio file target.wav" in text
    assert "cannot read half-way@" in text


def test_a_path_out_of_the_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    text = (folder / "summary.json").read_text(encoding="utf-8")
    summary: dict[str, Any] = json.loads(text)
    summary["systems"][0]["records"] = "../secret.jsonl"
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(RecordsError, match="outside the run's folder"):
        write_report(read_run(tmp_path))
    run = read_run(folder)
    examples = [dict(run.summary["examples"][0], estimates={"half-way": "../../secret.wav"})]
    with pytest.raises(RecordsError, match="outside the run's folder"):
        make_cards(dataclasses.replace(run, summary={**run.summary, "examples": examples}))


def test_a_folder_without_a_finished_run_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"cannot read .*summary\.json"):
        write_report(read_run(tmp_path))
    assert not (tmp_path / "report.html").exists()
    shutil.copy(folder / "summary.json", tmp_path)
    with pytest.raises(RecordsError, match="holds 0 of the summary's 6 examples"):
        write_report(read_run(tmp_path))


def test_encoding_refuses_what_it_would_clip() -> None:
    clip = Clip(samples=np.full((100, 1), 2.0, np.float32), sample_rate=16_000)
    with pytest.raises(ValueError, match="above full scale"):
        encode(clip, gain=1.0, encoding="FLAC")
    assert encode(clip, gain=0.5, encoding="Vorbis").startswith("data:audio/ogg;base64,")


@pytest.mark.parametrize("samples", [1, 100, 8000, 20_001])
def test_spectrograms_have_one_size_and_put_a_tone_where_it_belongs(samples: int) -> None:
    t = np.arange(samples) / 16_000
    clip = Clip(samples=np.sin(2 * np.pi * 700 * t).astype(np.float32)[:, None], sample_rate=16_000)
    power = mel_power(clip)
    uri = png_uri(coloured(power, top_db=0.0))
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))
    assert image.size == power.shape[::-1] == (320, 96)
    if samples >= 8000:
        mel = 2595 * np.log10([1 + 700 / 700, 1 + 8000 / 700])
        row = int(np.argmax(power.mean(axis=1)))
        assert row == pytest.approx(95 * mel[0] / mel[1], abs=1.5)


def test_clips_that_cannot_be_heard_say_why(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.0, np.nan]), 16_000, subtype="FLOAT")
    with pytest.raises(ClipError, match="1 samples that are not finite"):
        read_clip(path)
    soundfile.write(path, np.zeros(0), 16_000, subtype="FLOAT")
    with pytest.raises(ClipError, match="holds no samples"):
        read_clip(path)


def row(low: float, high: float) -> Row:
    spread = Spread(low=low, high=high, centre=(low + high) / 2)
    return Row(name="a", colour="#000000", bound=False, spread=spread)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (-0.01, 0.02), (-31, 12), (3, 60), (-8, -2)])
def test_axes_hold_zero_and_all_they_show(low: float, high: float) -> None:
    least, most = limits_of([row(low, high)])
    assert least <= min(low, 0) <= max(high, 0) <= most
    assert least < most


def test_panels_are_pictures_with_every_row_in_words(page: Reader, folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    panels = [image for image in page.all("img") if image["src"].startswith("data:image/svg")]
    assert len(panels) == 3 + 2 * len(summary["tasks"])
    for panel in panels:
        text = base64.b64decode(panel["src"].split(",", 1)[1]).decode()
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "half-way: " in panel["alt"]
        assert "<script" not in text
    one = draw_panel("TSE", [row(1, 3)], (0, 4))
    assert one == draw_panel("TSE", [row(1, 3)], (0, 4))


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (-0.04, "0.0"), (1.26, "+1.3"), (-3, "−3.0")]
)
def test_decibels_carry_their_sign(value: float | None, text: str) -> None:
    assert signed(value) == text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    unasked = "autoplay-policy=no-user-gesture-required"
    with chromium(tmp_path_factory.mktemp("chromium"), unasked) as driver:
        yield driver


_PLAYERS = """
const done = arguments[0];
Promise.all(Array.from(document.querySelectorAll("audio"), (player) => new Promise((ready) => {
  const tell = () => ready(player.error ? -1 : player.duration);
  if (player.readyState >= 1 || player.error) { tell(); return; }
  player.onloadedmetadata = player.onerror = tell;
}))).then(done);
"""


@pytest.mark.rehearsal
def test_in_chromium(browser: Any, report: Path) -> None:
    browser.set_script_timeout(60)
    for width in (1280, 400):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(report.as_uri())
        scroll, inner = browser.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert inner == width
        assert scroll <= width
    durations = browser.execute_async_script(_PLAYERS)
    assert durations == pytest.approx([0.5] * 19, abs=0.01)
    assert browser.execute_script("return window.hacked === undefined")
    _one_key_switches_between_what_was_heard_last(browser)
    browser.execute_script(
        "const s = document.getElementById('task-filter'); s.value = 'TSE';"
        "s.dispatchEvent(new Event('change'))"
    )
    count = browser.execute_script("return document.getElementById('task-count').textContent")
    assert count == "2 of 3 examples"
    assert browser.get_log("browser") == []


def _one_key_switches_between_what_was_heard_last(browser: Any) -> None:
    """At the same place in the sound."""
    playing = (
        "return Array.from(document.querySelector('.example').querySelectorAll('audio'))"
        ".map((one) => [!one.paused, one.currentTime])"
    )
    browser.execute_script(
        "const all = document.querySelector('.example').querySelectorAll('audio');"
        "for (const one of all) { one.loop = true; one.playbackRate = 0.1; }"
        "all[2].currentTime = 0.2; all[2].play().catch(() => null)"
    )
    page = browser.find_element("css selector", "body")
    for keys, expected in (("", 2), ("x", 0), ("x", 2), ("x", 0)):
        if keys:
            page.send_keys(keys)
        for _ in range(100):
            states = browser.execute_script(playing)
            if [number for number, (on, _) in enumerate(states) if on] == [expected]:
                break
            time.sleep(0.05)
        else:
            pytest.fail(f"{expected} should play alone; {states}")
        assert states[expected][1] >= 0.2
