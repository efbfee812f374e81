"""The listening test: a rater in a browser, the server's refusals, and known MOS found again."""

from __future__ import annotations

import csv
import http.client
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("jinja2", reason="the survey's page needs the extra report")

from experiments.comparison.errors import ConfigError
from experiments.comparison.records import write_atomic
from experiments.comparison.report.media import Clip
from experiments.comparison.report.run import read_run
from experiments.paper import claims, make_tables
from experiments.paper.listening import mean_opinions
from experiments.paper.listening.analysis import mean_opinion, screen
from experiments.paper.listening.command import main
from experiments.paper.listening.results import ResultError, parse_result, read_key, read_results
from experiments.paper.listening.server import SurveyServer
from experiments.paper.listening.survey import SurveyOptions, low_anchor, make_survey
from experiments.paper.runs import Options
from lcr.audio.core import write_audio
from lcr.instruction import Task
from tests.browser import chromium
from tests.experiments.report_run import Contender, blend, build_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survey")
    contenders = [
        Contender(name="good", answer=blend(0.9)),
        Contender(name="poor", answer=blend(0.3)),
    ]
    tasks = [
        Task.SE,
        Task.TSE,
        Task.TAR,
        Task.ME,
        Task.MVC,
        Task.SR,
        Task.TAE,
        Task.TSR,
        Task.OVC,
        Task.S_UP,
    ]
    build_run(folder / "run", contenders, tasks=tasks, per_task=2, shown=range(20), seconds=0.2,
              prompt="Turn </script><b>the dog</b> up.")  # fmt: skip
    options = ["--run", str(folder / "run"), "--out", str(folder / "out")]
    assert main(["make", *options, "--raters", "3"]) == 0
    return folder / "out"


def answer(key: Any, rater: str, score: Any = lambda item, name: (3, 3)) -> dict[str, Any]:
    """A whole result; `score` gives both scores by item's number and system."""
    rows = [
        (sound, *score(number, name))
        for number, item in enumerate(key["items"])
        for sound, name in item["stimuli"].items()
    ] + [(sound, count, count) for sound, count in key["checks"].items()]
    return {
        "schema": 1, "survey": key["survey"], "rater": rater,
        "started": "2026-01-31T12:00:00.000Z", "finished": "2026-01-31T12:30:00.000Z",
        "ratings": [
            {"stimulus": s, "page": 0, "place": 0, "faithfulness": f, "quality": q, "plays": 1}
            for s, f, q in rows
        ],
    }  # fmt: skip


def test_page_is_blind_and_whole(survey: Path) -> None:
    page = (survey / "survey.html").read_text()
    key = read_key(survey / "key.json")
    assert len(key["items"]) == 20
    assert all(len(item["stimuli"]) == 4 for item in key["items"])
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert not {"good", "poor", "reference", "anchor"} & set(json.dumps(data).split('"'))
    assert "src=http" not in page
    assert 'src="http' not in page
    assert not any(rater in page for rater in key["raters"])


def test_key_is_never_written_over(survey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = survey.parent / "run"
    assert main(["make", "--run", str(run), "--out", str(survey)]) == 2
    assert "key.json exists" in capsys.readouterr().err
    assert main(["make", "--run", str(run), "--out", str(survey / "x"), "--systems", "none"]) == 2
    assert "the run has no none" in capsys.readouterr().err


def test_low_anchor_keeps_low_tones_and_takes_high_ones() -> None:
    time = np.arange(8000) / 8000
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32)[:, None] for f in (200, 2000))
    found = low_anchor(Clip(samples=low + high, sample_rate=8000)).samples
    np.testing.assert_allclose(found[500:-500], low[500:-500], atol=1e-3)
    assert low_anchor(Clip(samples=low[:1], sample_rate=8000)).samples.shape == (1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"survey": "0" * 16}, "^survey"),
        ({"rater": "../../etc"}, "^rater"),
        ({"rater": "stranger"}, "^rater"),
        ({"ratings": []}, "^ratings"),
        ({"ratings": 3}, "^ratings"),
        ({"started": "now"}, "^started"),
        ({"more": 1}, "^more"),
    ],
)
def test_what_is_not_a_result_is_refused(survey: Path, change: Any, message: str) -> None:
    key = read_key(survey / "key.json")
    good = answer(key, key["raters"][0])
    assert len(parse_result(json.dumps(good).encode(), key).ratings) == 82
    with pytest.raises(ResultError, match=message):
        parse_result(json.dumps(good | change).encode(), key)


@pytest.mark.parametrize("value", [0, 6, 3.0, True, "3", None])
def test_scores_are_whole_numbers_from_1_to_5(survey: Path, value: Any) -> None:
    key = read_key(survey / "key.json")
    bad = answer(key, key["raters"][0])
    bad["ratings"][5]["quality"] = value
    with pytest.raises(ResultError, match=r"^ratings\.5\.quality"):
        parse_result(json.dumps(bad).encode(), key)


@pytest.fixture
def server(survey: Path, tmp_path: Path) -> Iterator[SurveyServer]:
    page, key = (survey / "survey.html").read_bytes(), read_key(survey / "key.json")
    with SurveyServer(("127.0.0.1", 0), page=page, key=key, folder=tmp_path / "in") as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def post(server: SurveyServer, body: bytes, path: str = "/results", **headers: str) -> int:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)  # type: ignore[misc]
    try:
        kind = {"Content-Type": "application/json"} | headers
        connection.request("POST", path, body, kind)
        return connection.getresponse().status
    finally:
        connection.close()


def test_server_takes_each_rater_once_and_writes_nothing_else(server: SurveyServer) -> None:
    first, second, _ = server.key["raters"]
    body = json.dumps(answer(server.key, first)).encode()
    other = json.dumps(answer(server.key, second)).encode()
    assert post(server, body, "/elsewhere") == 404
    assert post(server, body, **{"Content-Type": "text/plain"}) == 403
    assert post(server, body, Origin="http://example.org") == 403
    assert post(server, b"{}") == 400
    assert post(server, b"[" * 100_000) == 400
    assert post(server, b"", **{"Content-Length": "999999999999"}) == 413
    assert post(server, json.dumps(answer(server.key, "../up")).encode()) == 400
    assert not list(server.folder.iterdir())
    assert [post(server, body), post(server, body), post(server, other)] == [201, 409, 201]
    assert {p.name for p in server.folder.iterdir()} == {f"{first}.json", f"{second}.json"}
    assert json.loads((server.folder / f"{first}.json").read_bytes()) == json.loads(body)


def test_a_class_of_raters_is_saved_and_a_rater_may_be_called_key(
    survey: Path, tmp_path: Path
) -> None:
    key = {**read_key(survey / "key.json"), "raters": []}
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / ".stale.part").write_text("{")
    names = ["key", *(f"rater{number}" for number in range(239))]
    with SurveyServer(("127.0.0.1", 0), page=b"", key=key, folder=folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        bodies = [json.dumps(answer(key, name)).encode() for name in names]
        with ThreadPoolExecutor(80) as pool:
            statuses = list(pool.map(lambda body: post(server, body), bodies))
        server.shutdown()
        thread.join()
    assert statuses == [201] * len(names)
    assert {p.name for p in folder.iterdir()} == {f"{name}.json" for name in names}
    results, problems = read_results(folder, key)
    assert ({r.rater for r in results}, problems) == (set(names), {})
    shutil.copy(survey / "key.json", folder / "key.json")
    results, problems = read_results(folder, key)
    assert (len(results), problems) == (len(names) - 1, {})


def test_raters_are_screened_and_the_table_stands_beside_the_papers(
    survey: Path, tmp_path: Path
) -> None:
    key = read_key(survey / "key.json")
    scores = {"reference": (5, 5), "good": (4, 3), "poor": (2, 2), "anchor": (1, 1)}
    folder = tmp_path / "results"
    folder.mkdir()
    for rater in key["raters"][:2]:
        result = answer(key, rater, lambda item, name: scores[name])
        (folder / f"{rater}.json").write_text(json.dumps(result))
    upside_down = answer(key, key["raters"][2], lambda item, name: (6 - scores[name][0], 3))
    (folder / "third.json").write_text(json.dumps(upside_down))
    (folder / "broken.json").write_text("{")
    options = ["--survey", str(survey), "--results", str(folder), "--out", str(tmp_path)]
    assert main(["analyse", *options]) == 0
    table = json.loads((tmp_path / "table_6.json").read_bytes())
    assert table["n_raters"] == 2
    assert list(table["left_out"].values()) == ["reference below anchor on 20 of 20"]
    assert list(table["refused_files"]) == ["broken.json"]
    assert table["mos"]["good"]["All"]["faithfulness"]["mean"] == 4
    assert "2.95" in (tmp_path / "table_6.md").read_text()  # the paper's AudioSep


def raters_sent(survey: Path, folder: Path, system_means: dict[str, float]) -> list[Any]:
    """Files of three raters with scores of their own, in `folder`; the results as sent."""
    key, rng = read_key(survey / "key.json"), np.random.default_rng(5)
    folder.mkdir()
    sent = []
    for rater in key["raters"]:
        strict = rng.uniform(-0.4, 0.4)

        def score(item: int, name: str, strict: float = strict) -> tuple[int, int]:
            true = system_means[name] + strict + rng.uniform(-0.4, 0.4, 2)
            f, q = np.clip(np.floor(true + rng.random(2)), 1, 5)
            return int(f), int(q)

        sent.append(answer(key, rater, score))
        (folder / f"{rater}.json").write_text(json.dumps(sent[-1]))
    return sent


def test_raters_files_become_table_6(survey: Path, tmp_path: Path) -> None:
    """Survey, raters' files, `analyse`, Table VI: each cell is the mean of what raters sent."""
    means = {"reference": 4.8, "good": 3.6, "poor": 2.4, "anchor": 1.2}
    sent = raters_sent(survey, tmp_path / "results", means)
    told, out = tmp_path / "told", tmp_path / "out"
    options = ["--survey", str(survey), "--results", str(tmp_path / "results")]
    assert main(["analyse", *options, "--out", str(told)]) == 0
    assert make_tables.main(["--only", "6", "--ratings", str(told), "--out", str(out)]) == 0
    with (out / "tables" / "table_6.csv").open(newline="") as file:
        shown = {(row["column"], row["row"]): row for row in csv.DictReader(file)}
    key = read_key(survey / "key.json")
    groups = {item["group"] for item in key["items"]}
    assert groups == {"Enhance", "Extract", "Remove", "Multiple", "Other tasks"}
    assert {i["task"] for i in key["items"] if i["group"] == "Multiple"} == {"ME"}
    text = (out / "tables" / "table_6.md").read_text("utf-8")
    for name in means:
        for group in (*groups, "All"):
            for scale in ("faithfulness", "quality"):
                scores, items, raters = [], [], []
                for result in sent:
                    by_sound = {r["stimulus"]: r for r in result["ratings"]}
                    for item in key["items"]:
                        for sound, system in item["stimuli"].items():
                            if system == name and group in (item["group"], "All"):
                                scores.append(by_sound[sound][scale])
                                items.append(item["id"])
                                raters.append(result["rater"])
                wanted = mean_opinion(scores, items=items, raters=raters)
                row = shown[name, f"{group}, MOS-{scale[0].upper()}"]
                found = [float(row[f"here_{part}"]) for part in ("mean", "low", "high")]
                np.testing.assert_allclose(found, [np.mean(scores), wanted.low, wanted.high])  # type: ignore[arg-type]
                assert row["here_n"] == str(len(scores))
                cell = f"{wanted.mean:.2f} [{wanted.low:.2f}, {wanted.high:.2f}]"
                assert cell in text
                assert cell in (told / "table_6.md").read_text("utf-8")
    assert shown["AudioSep", "Enhance, MOS-F"]["here_why_not"] == "not run: needs raters"
    assert shown["AudioSep", "Enhance, MOS-F"]["paper"] == "2.95"
    assert shown["good", "Enhance, MOS-F"]["paper"] == ""


def test_table_6_puts_ours_beside_the_papers_and_says_what_has_no_interval(tmp_path: Path) -> None:
    one = {"mean": 3.456, "low": None, "high": None, "n": 4, "n_items": 4, "n_raters": 1}
    scales = {s: one | {"reason": "one rater"} for s in ("faithfulness", "quality")}
    written: dict[str, Any] = {
        "schema": 1, "survey": "0" * 16, "n_items": 4, "n_raters": 1, "left_out": {},
        "refused_files": {}, "mos": {"desk-lcr-t": {"Remove": scales}},
    }  # fmt: skip
    write_atomic(tmp_path / "table_6.json", json.dumps(written).encode())
    columns = {c.title: c for c in mean_opinions.table(Options(ratings=tmp_path)).blocks[0].columns}
    assert list(columns) == ["SepFormer", "AudioSep", "LCR-T"]
    assert columns["LCR-T"].cells["Remove, MOS-F"].text == "3.46 [no interval: one rater]"
    assert columns["LCR-T"].cells["Enhance, MOS-F"].text == "not asked"
    assert columns["LCR-T"].paper is not None
    assert columns["LCR-T"].paper["Remove, MOS-Q"] == 3.67
    assert columns["AudioSep"].cells["Remove, MOS-F"].text == "not run: needs raters"
    for change, words in (
        ({"schema": 2}, "schema 2"),
        ({"n_raters": 0}, "above 0"),
        ({"mos": {"lcr": {"Sing": scales}}}, "no such group"),
        ({"mos": {"lcr": {"Remove": scales | {"quality": one | {"more": 1}}}}}, "more"),
        ({"mos": {"lcr": {"Remove": scales | {"quality": one | {"reason": None}}}}}, "a reason"),
        ({"mos": {"lcr": {"Remove": scales | {"quality": one | {"mean": 6, "reason": ""}}}}},
         "lcr, Remove, quality: 1 <= low"),
    ):  # fmt: skip
        write_atomic(tmp_path / "table_6.json", json.dumps(written | change).encode())
        with pytest.raises(ConfigError, match=words):
            mean_opinions.table(Options(ratings=tmp_path))
    with pytest.raises(ConfigError, match="analyse wrote"):
        mean_opinions.table(Options(ratings=tmp_path / "none"))


def test_attention_and_listening_are_asked_for(survey: Path) -> None:
    key = read_key(survey / "key.json")
    good = parse_result(json.dumps(answer(key, key["raters"][0])).encode(), key)
    check = next(iter(key["checks"]))
    miscounted = [
        r.model_copy(update={"faithfulness": r.faithfulness % 5 + 1}) if r.stimulus == check else r
        for r in good.ratings
    ]
    unheard = [r.model_copy(update={"plays": 0}) for r in good.ratings]
    wrong = good.model_copy(update={"rater": "wrong", "ratings": tuple(miscounted)})
    deaf = good.model_copy(update={"rater": "deaf", "ratings": tuple(unheard)})
    found = screen([good, wrong, deaf], key)
    assert found.kept == (good,)
    assert list(found.left_out) == ["wrong", "deaf"]


def test_interval_of_two_by_two_ratings_in_closed_form() -> None:
    # Items differ by 2 and raters not at all: V = 2/1 * (2 * (2 * 1)^2) / 4^2 = 1 from items.
    found = mean_opinion([2, 2, 4, 4], items=list("aabb"), raters=list("xyxy"))
    assert (found.mean, found.n_items, found.n_raters) == (3.0, 2, 2)
    assert (found.low, found.high) == (1.0, 5.0)  # t(1) * 1 is 12.7: the scale's ends
    one = mean_opinion([3, 4], items=list("ab"), raters=list("xx"))
    assert (one.low, one.reason) == (None, "one rater")
    with pytest.raises(ValueError, match="one item and one rater"):
        mean_opinion([], items=[], raters=[])


@given(st.permutations(range(12)))
def test_order_of_ratings_does_not_matter(order: list[int]) -> None:
    scores = np.array([1, 2, 3, 4, 5, 3, 2, 2, 4, 4, 1, 5.0])
    items, raters = [f"i{n // 3}" for n in range(12)], [f"r{n % 3}" for n in range(12)]
    a = mean_opinion(scores, items=items, raters=raters)
    b = mean_opinion(
        scores[order], items=[items[n] for n in order], raters=[raters[n] for n in order]
    )
    np.testing.assert_allclose([a.mean, a.low, a.high], [b.mean, b.low, b.high])  # type: ignore[arg-type]


def test_simulated_raters_give_back_the_known_mos() -> None:
    """Raters and items with effects of their own; scores rounded at random, so without bias."""
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.uniform(2.4, 3.6)
        item, rater = rng.uniform(-0.6, 0.6, (20, 1)), rng.uniform(-0.6, 0.6, (1, 12))
        scores = np.floor(truth + item + rater + rng.random((20, 12))).ravel()
        names = [(f"i{i}", f"r{r}") for i in range(20) for r in range(12)]
        found = mean_opinion(scores, items=[i for i, _ in names], raters=[r for _, r in names])
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert 180 <= hits < 200  # 95 % of 200, within four standard errors below


def test_analysis_without_raters_says_so(survey: Path, tmp_path: Path) -> None:
    from experiments.paper.listening.table import analyse

    with pytest.raises(ConfigError, match="no rater's answers count"):
        analyse([(read_key(survey / "key.json"), tmp_path)])


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    with chromium(tmp_path / "chromium") as driver:
        yield driver


_RATE = """
for (const box of document.querySelectorAll(".scale")) {
  box.querySelectorAll("input")[arguments[0] - 1].click();
}
return document.querySelectorAll(".scale").length;
"""


@pytest.mark.rehearsal
def test_a_rater_goes_back_and_forth_reloads_and_submits(
    server: SurveyServer, browser: Any
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def press(name: str) -> None:
        browser.find_element(By.ID, name).click()

    def text(name: str) -> str:
        return str(browser.find_element(By.ID, name).text)

    rater = server.key["raters"][0]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get("http://{}:{}/".format(*server.server_address[:2]))
    browser.find_element(By.ID, "rater").send_keys(rater)
    browser.find_element(By.CSS_SELECTOR, "#start button").click()
    assert "Page 1 of 22" in text("progress")
    pages = []
    for page in range(22):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
        pages.append(
            browser.execute_script("return document.querySelector('audio:last-of-type').src")
        )
        browser.execute_script(_RATE, 1 + page % 5)
        if page == 9:
            press("back")
            checked = browser.find_elements(By.CSS_SELECTOR, ".scale input:checked")
            assert {box.get_attribute("value") for box in checked} == {str(1 + 8 % 5)}
            press("next")
            before = text("progress")
            browser.refresh()
            browser.find_element(By.ID, "rater").send_keys(rater)
            browser.find_element(By.CSS_SELECTOR, "#start button").click()
            assert text("progress") == before
            assert pages[-1] == browser.execute_script(
                "return document.querySelector('audio:last-of-type').src"
            )
        press("next")
    assert len(set(pages)) == 22
    assert "82 of 82" in text("progress")
    press("submit")
    WebDriverWait(browser, 10).until(lambda _: text("outcome"))
    assert text("outcome").startswith("Received")
    content = (server.folder / f"{rater}.json").read_bytes()
    assert len(parse_result(content, server.key).ratings) == 82
    places = {(r["page"], r["place"]): r for r in json.loads(content)["ratings"]}
    assert all(r["quality"] == 1 + page % 5 for (page, _), r in places.items())
    # The browser asks for an icon by itself; the page must cause no other complaint.
    log = [e for e in browser.get_log("browser") if "favicon" not in e["message"]]
    assert not log


def some_run(folder: Path, names: Sequence[str], tasks: Sequence[Task]) -> Path:
    contenders = [Contender(name=name, answer=blend(0.7)) for name in names]
    build_run(folder, contenders, tasks=tasks, per_task=2, shown=range(2 * len(tasks)), seconds=0.1)
    return folder


def test_four_surveys_make_the_papers_columns_and_one_system_does_one_task(tmp_path: Path) -> None:
    """SepFormer enhances only; it costs the others none of their items. Section VI-C's columns, and
    LCR-T against each by paired answers."""
    surveys, true = (
        [],
        {"reference": 4.9, "desk-lcr-t": 3.8, "sepformer-denoiser": 2.2, "anchor": 1.2},
    )
    for number, (names, tasks) in enumerate(
        (
            (("desk-lcr-t", "sepformer-denoiser"), (Task.SE,)),
            (("desk-lcr-t",), (Task.TSE, Task.TAE)),
            (("desk-lcr-t",), (Task.TSR, Task.TAR)),
            (("desk-lcr-t",), (Task.ME, Task.SR)),
        )
    ):
        run = some_run(tmp_path / f"run{number}", names, tasks)
        out = tmp_path / f"survey{number}"
        assert main(["make", "--run", str(run), "--out", str(out), "--raters", "3"]) == 0
        raters_sent(out, out / "results", true)
        surveys += ["--survey", str(out)]
    told = tmp_path / "told"
    assert main(["analyse", *surveys, "--out", str(told)]) == 0
    scores = json.loads((told / "table_6.json").read_text())
    assert set(scores["mos"]["sepformer-denoiser"]) == {"Enhance", "All"}
    assert set(scores["mos"]["desk-lcr-t"]) == {
        *("Enhance", "Extract", "Remove", "Multiple", "Other tasks", "All")
    }
    multiple = scores["mos"]["desk-lcr-t"]["Multiple"]["quality"]
    assert (multiple["n_items"], multiple["n"]) == (2, 6)
    pair = scores["differences"]["sepformer-denoiser"]["faithfulness"]
    assert scores["compared"] == "desk-lcr-t"
    assert pair["n"] == 6
    assert 0.5 < pair["mean"] < 2.5
    columns = {c.title: c for c in mean_opinions.table(Options(ratings=told)).blocks[0].columns}
    assert columns["SepFormer"].cells["Extract, MOS-F"].text == "not asked"
    assert columns["LCR-T"].cells["Multiple, MOS-F"].interval is not None
    found = {f.claim: f for f in claims._listeners(Options(ratings=told))}
    assert found["Listeners prefer LCR-T to SepFormer (faithfulness)"].effect is not None
    assert found["Listeners prefer LCR-T to AudioSep (quality)"].verdict == "not run"


def test_a_run_in_which_a_system_answered_some_only_keeps_the_rest(tmp_path: Path) -> None:
    run = read_run(some_run(tmp_path / "run", ("good", "partial"), (Task.SE, Task.TSE)))
    for row in run.summary["examples"]:
        if row["task"] != "SE":
            del row["estimates"]["partial"]
    key = make_survey(run, SurveyOptions(checks=0)).key
    assert len(key["items"]) == len(run.summary["examples"])
    for item in key["items"]:
        assert ("partial" in item["stimuli"].values()) == (item["task"] == "SE")
        assert {"good", "reference", "anchor"} <= set(item["stimuli"].values())


def test_recordings_without_a_target_can_be_rated(tmp_path: Path, plugins: Path) -> None:
    clip = 0.1 * np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
    write_audio(tmp_path / "street.wav", clip, 16_000)
    (tmp_path / "prompts.csv").write_text(
        "path,prompt,pattern,sources\n"
        "street.wav,enhance the man,10,male speech; traffic\n"
        "street.wav,no traffic,10,speech; traffic\n"
    )
    out = tmp_path / "survey"
    words = ["--recordings", str(tmp_path), "--systems", "half", "--out", str(out)]
    assert main(["make", *words, "--raters", "2"]) == 0
    key = read_key(out / "key.json")
    assert [item["task"] for item in key["items"]] == ["SE", "SE"]
    assert {n for item in key["items"] for n in item["stimuli"].values()} == {"half", "anchor"}
    raters_sent(out, out / "results", {"half": 3.0, "anchor": 1.5})
    assert main(["analyse", "--survey", str(out)]) == 0
    scores = json.loads((out / "table_6.json").read_text())
    assert scores["n_raters"] == 2
    assert "reference" not in scores["mos"]
    for line in ("street.wav,x,11,speech; traffic", "street.wav,x,10,speech", "street.wav,x,1"):
        (tmp_path / "prompts.csv").write_text(f"path,prompt,pattern,sources\n{line}\n")
        assert main(["make", *words[:-1], str(tmp_path / "none")]) == 2
