"""`lcr app` in a real browser: two users, turns, undo, faders, side by side, bad files, no network;
what is downloaded is what the Python API makes."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import lcr
from lcr.audio.core import resample, write_audio
from lcr.remixer import Audio
from tests.agents.app.serving import served_page
from tests.browser import CHROMIUM, DRIVER, chromium

Keys = pytest.importorskip(
    "selenium.webdriver.common.keys", reason="selenium is not installed"
).Keys
pytestmark = pytest.mark.rehearsal

RATE = 22_050
HOSTILE = "<img src=x onerror='window.hacked=1'> ${window.hacked=1} {{value}} remove the music"
ALL_QUIETER = "turn everything down"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s of stereo at 22,050 Hz, a scene of the studio."""
    pytest.importorskip("espeakng_loader", reason="the studio's extra is not installed")
    from agents.scenes import SCENES

    mono = resample(SCENES[0].render().audio[:, :32_000], 16_000, RATE)
    path = tmp_path_factory.mktemp("take") / "street.wav"
    write_audio(path, np.concatenate([mono, 0.5 * mono]), RATE)
    return path


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, served by the command; at its end it leaves no file."""
    pytest.importorskip("gradio", reason="gradio is not installed")
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium and chromedriver are not installed")
    with served_page(tmp_path_factory.mktemp("server"), "--most-minutes", "0.5") as (found, _):
        yield found


class User:
    """One tab of a browser, and what a person does with the page in it."""

    def __init__(self, driver: Any, tab: str, address: str) -> None:
        self.driver, self.tab = driver, tab
        self.here()
        driver.get(address)
        self.wait(lambda: self.all("#recording input[type=file]"))

    def here(self) -> None:
        self.driver.switch_to.window(self.tab)

    def all(self, css: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", css)
        return found

    def text(self, css: str) -> str:
        return " ".join(one.text for one in self.all(css))

    def wait(self, ready: Callable[[], object]) -> None:
        from selenium.common.exceptions import StaleElementReferenceException

        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                if ready():
                    return
            except StaleElementReferenceException:
                pass
            time.sleep(0.05)
        pytest.fail(f"the page says {self.text('body')!r}")

    def upload(self, path: Path) -> None:
        if close := self.all('#recording button[aria-label="Clear"]'):
            close[0].click()
            self.wait(lambda: self.all("#recording input[type=file]"))
        self.all("#recording input[type=file]")[0].send_keys(str(path))

    def press(self, words: str) -> None:
        button = next(one for one in self.all("button") if one.text.strip() == words)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        self.wait(button.is_enabled)
        button.click()

    def type(self, css: str, words: str) -> None:
        """With Enter at the end."""
        self.all(css)[0].send_keys(words, "\n")

    def focused(self, css: str) -> bool:
        script = "return document.activeElement === document.querySelector(arguments[0])"
        return bool(self.driver.execute_script(script, css))

    def pick(self, css: str, words: str) -> None:
        """The first of a list whose second this is, by keyboard."""
        field = self.all(f"{css} input")[0]
        self.driver.execute_script("arguments[0].focus()", field)
        self.wait(lambda: self.all("[role=option]"))
        field.send_keys(Keys.DOWN, Keys.ENTER)
        self.wait(lambda: self.all(f"{css} input")[0].get_attribute("value") == words)

    def hears(self, title: str) -> None:
        self.wait(lambda: self.text("#player figcaption") == title)

    def download(self, number: int = 0, within: str = "#player") -> Audio:
        link = self.all(f"{within} a[download]")[number].get_attribute("href")
        with urllib.request.urlopen(link) as answer:
            samples, rate = soundfile.read(io.BytesIO(answer.read()), dtype="float32")
        assert rate == RATE
        return np.ascontiguousarray(samples.T)


@pytest.fixture(scope="module")
def driver(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium"), performance="ALL") as one:
        yield one


def size(driver: Any, width: int) -> None:
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_two_users_remix_compare_undo_and_download(
    driver: Any, address: str, recording: Path, tmp_path: Path
) -> None:
    first = User(driver, driver.current_window_handle, address)
    size(driver, 1280)
    driver.switch_to.new_window("tab")
    second = User(driver, driver.current_window_handle, address)
    given, _ = soundfile.read(recording, dtype="float32")
    given = given.T

    # The second user's recording is another one, worked on at the same time.
    shorter = tmp_path / "other.wav"
    write_audio(shorter, np.ascontiguousarray(given[:1, :RATE]), RATE)
    first.here()
    first.upload(recording)
    second.here()
    second.upload(shorter)
    second.hears("Original")
    first.here()
    first.hears("Original")
    np.testing.assert_array_equal(first.download(), given)
    assert "2.0 s of stereo at 22,050 Hz" in first.text("#status")

    # Turns: heard, downloaded whole, equal to the API's.
    first.type("#prompt textarea", ALL_QUIETER)
    first.hears("Turn 1")
    turn = first.download()
    expected = lcr.load("agent-offline").remix(str(recording), ALL_QUIETER).audio
    np.testing.assert_allclose(turn, expected, atol=1e-5)
    assert np.abs(turn - given).max() > 0.01
    assert driver.execute_script(
        "const p = document.querySelector('#player audio');"
        "return p.readyState >= 1 && !p.error && Math.abs(p.duration - 2) < 0.01"
    )
    first.all("#prompt textarea")[0].send_keys(HOSTILE)
    first.press("Remix")
    first.hears("Turn 2")
    assert HOSTILE in first.text("#talk")

    # It names nothing that is there: the sources that may be meant are buttons.
    assert "I hear no" in first.text("#talk")
    answer = next(one for one in first.all("#choices button") if one.is_displayed())
    first.press(answer.text.strip())
    first.hears("Turn 3")
    first.wait(lambda: not any(one.is_displayed() for one in first.all("#choices button")))
    assert first.focused("#prompt textarea")

    # A fader, by keyboard alone.
    fader = first.all(".fader input[type=range]")[0]
    fader.send_keys(Keys.END)
    first.all("#apply")[0].send_keys(Keys.ENTER)
    first.hears("Turn 4")
    assert "+24 dB" in first.text("#talk")
    assert "so that it does not clip" in first.text("#player") or np.abs(first.download()).max() < 1

    # A and B: back to the original and on, by one key too; undo and redo are turns.
    first.all("#choice input")[0].click()
    for heard in ("Turn 4", "Original"):
        driver.switch_to.active_element.send_keys("x")
        first.hears(heard)
    first.press("Undo")
    first.hears("Turn 5")
    first.press("Undo")
    first.hears("Turn 6")
    np.testing.assert_array_equal(first.download(), turn)
    first.all("#ab input[type=checkbox]")[0].click()
    first.wait(lambda: "to match the original" in first.text("#player"))
    np.testing.assert_array_equal(first.download(), turn)
    first.press("Redo")
    first.hears("Turn 7")

    # The joint model, in a part of the recording; it has no faders.
    first.pick("#how", "lcr (joint)")
    ranged = f"{ALL_QUIETER} from 0:00.5 to 0:01"
    first.type("#prompt textarea", ranged)
    first.hears("Turn 8")
    joint = lcr.load("lcr")
    part = first.download()
    np.testing.assert_allclose(part, joint.remix(str(recording), ranged).audio, atol=1e-4)
    np.testing.assert_array_equal(part[:, : RATE // 2], given[:, : RATE // 2])
    assert "no faders to override" in first.text("#sources")
    assert not any(one.is_displayed() for one in first.all(".fader"))

    # The conversation is saved, and gone on with.
    link = first.all("#save a[download]")[0].get_attribute("href")
    saved = tmp_path / "saved.json"
    saved.write_bytes(base64.b64decode(link.partition(",")[2]))
    first.press("Undo")
    first.hears("Turn 9")
    first.all("#history input[type=file]")[0].send_keys(str(saved))
    first.hears("Turn 8")
    np.testing.assert_allclose(first.download(), part, atol=1e-6)

    # Side by side.
    first.all("#contest > button")[0].click()
    first.wait(lambda: first.all("#contest textarea"))
    first.type("#contest textarea", ALL_QUIETER)
    first.wait(lambda: len(first.all("#compared audio")) == 2)
    whole = joint.remix(str(recording), ALL_QUIETER).audio
    np.testing.assert_allclose(first.download(0, "#compared"), whole, atol=1e-4)
    np.testing.assert_allclose(first.download(1, "#compared"), expected, atol=1e-5)

    # Nothing of it reached the second user.
    second.here()
    assert second.text("#player figcaption") == "Original"
    assert second.download().shape == (RATE,)
    assert ALL_QUIETER not in second.text("#talk")


def test_bad_files_are_told_of_in_words(driver: Any, address: str, tmp_path: Path) -> None:
    user = User(driver, driver.current_window_handle, address)
    user.type("#prompt textarea", "remove the dog")
    user.wait(lambda: "Give a recording first" in user.text("#status"))
    broken, long = tmp_path / "broken.wav", tmp_path / "long.wav"
    broken.write_text("no sound at all")
    user.upload(broken)
    user.wait(lambda: "broken.wav cannot be read as audio" in user.text("#status"))
    assert str(tmp_path) not in user.text("body")
    write_audio(long, np.zeros((1, 31 * 8000), np.float32), 8000)
    user.upload(long)
    user.wait(lambda: "this page takes 0.5" in user.text("#status"))


def test_the_page_fits_names_its_controls_and_reaches_nothing_else(
    driver: Any, address: str
) -> None:
    user = User(driver, driver.current_window_handle, address)
    for width in (1280, 400):
        size(driver, width)
        user.wait(lambda: driver.execute_script("return window.innerWidth") == width)  # noqa: B023
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    nameless = driver.execute_script(
        "return Array.from(document.querySelectorAll('button, input, textarea, select'))"
        ".filter((one) => one.offsetParent && !(one.innerText.trim() || one.ariaLabel || "
        "one.title || (one.labels && one.labels.length))).map((one) => one.outerHTML)"
    )
    assert nameless == []
    assert driver.execute_script("return window.hacked === undefined")
    own = (
        "data:",
        "blob:",
        "chrome:",
        "chrome-untrusted:",
    )  # of the page, and of an empty tab of the browser
    told = [json.loads(one["message"])["message"] for one in driver.get_log("performance")]
    asked = {
        one["params"]["request"]["url"]
        for one in told
        if one["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith((address, *own))} == set()
    said = [one["message"] for one in driver.get_log("browser") if one["level"] == "SEVERE"]
    assert [one for one in said if "Waveform load error" not in one] == []  # of the broken file
    request = urllib.request.Request(f"{address}/gradio_api/file=http://example.org/a.wav")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_an_upload_is_no_page_of_ours(driver: Any, address: str, tmp_path: Path) -> None:
    """Neither opened by its address nor asked for by a page elsewhere."""
    content = b"<title>taken</title><script>document.title = 'taken'</script>"
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.html"\r\n\r\n'
    request = urllib.request.Request(
        f"{address}/gradio_api/upload", head + content + b"\r\n--x--\r\n",
        {"content-type": "multipart/form-data; boundary=x"},
    )  # fmt: skip
    with urllib.request.urlopen(request) as answer:
        (path,) = json.loads(answer.read())
    driver.get("about:blank")
    driver.get(f"{address}/gradio_api/file={path}")
    assert driver.title != "taken"
    elsewhere = tmp_path / "elsewhere.html"
    elsewhere.write_text("<title>elsewhere</title>")
    driver.get(elsewhere.as_uri())
    sent = driver.execute_async_script(
        "const [address, done] = arguments;"
        "const form = new FormData(); form.append('files', new Blob(['x']), 'a.wav');"
        "fetch(address + '/gradio_api/upload', {method: 'POST', body: form, mode: 'no-cors'})"
        ".then(() => fetch(address + '/config').then(() => done('read'), () => done('closed')))",
        address,
    )
    assert sent == "closed"


def test_by_keyboard_alone_in_a_narrow_dark_window(
    driver: Any, address: str, recording: Path
) -> None:
    user = User(driver, driver.current_window_handle, f"{address}/?__theme=dark")
    size(driver, 400)
    user.upload(recording)
    user.hears("Original")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 400

    def tab_to(css: str) -> None:
        for _ in range(60):
            driver.switch_to.active_element.send_keys(Keys.TAB)
            if user.focused(css):
                seen = driver.execute_script(
                    "const s = getComputedStyle(document.activeElement);"
                    "return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2"
                )
                assert seen, f"the focus on {css} cannot be seen"
                return
        pytest.fail(f"no way to {css} by Tab")

    tab_to("#prompt textarea")
    driver.switch_to.active_element.send_keys(ALL_QUIETER, Keys.ENTER)
    user.hears("Turn 1")
    user.wait(lambda: user.focused("#prompt textarea"))
    tab_to("#turns button")
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    user.hears("Turn 2")
    assert "Undone" in user.text("#talk")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 400


def test_what_a_microphone_hears_is_remixed(address: str, recording: Path, tmp_path: Path) -> None:
    heard = tmp_path / "microphone.wav"
    given, _ = soundfile.read(recording, dtype="float32")
    soundfile.write(heard, resample(np.ascontiguousarray(given.T), RATE, 48_000).T, 48_000)
    media = (
        "use-fake-device-for-media-stream",
        "use-fake-ui-for-media-stream",
        f"use-file-for-fake-audio-capture={heard}",
    )
    with chromium(tmp_path / "profile", *media) as driver:
        user = User(driver, driver.current_window_handle, address)
        user.all('#recording button[aria-label="Record audio"]')[0].click()
        user.wait(lambda: [one for one in user.all("#recording button.record") if one.is_enabled()])
        user.all("#recording button.record")[0].click()
        stops = "#recording button[class^=stop-button]"
        user.wait(lambda: any(one.is_displayed() for one in user.all(stops)))
        time.sleep(2.5)
        next(one for one in user.all(stops) if one.is_displayed()).click()
        user.hears("Original")
        link = user.all("#player a[download]")[0].get_attribute("href")
        with urllib.request.urlopen(link) as answer:
            samples, rate = soundfile.read(io.BytesIO(answer.read()), dtype="float32")
        assert 1 < len(samples) / rate < 10
        assert np.abs(samples).max() > 0.01
        user.type("#prompt textarea", ALL_QUIETER)
        user.hears("Turn 1")
        link = user.all("#player a[download]")[0].get_attribute("href")
        with urllib.request.urlopen(link) as answer:
            quieter, _ = soundfile.read(io.BytesIO(answer.read()), dtype="float32")
        np.testing.assert_allclose(quieter, samples / 2, atol=1e-3)
