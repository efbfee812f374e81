"""`lcr models`: counts against closed forms, the tables, the JSON, and how it ends on bad input."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch
from rich.console import Console

from lcr.catalogue import counting, listing, readers
from lcr.catalogue.__main__ import make_catalogue
from lcr.catalogue.listing import list_models, read_catalogue
from lcr.catalogue.readers import Reader, find_reader
from lcr.catalogue.records import Model, RealTimeFactor
from lcr.checkpoints import WEIGHTS, Checkpoint
from lcr.cli import main
from lcr.cli.commands import models
from lcr.cli.commands.models import show
from lcr.nn.film import FiLM
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer

pytestmark = pytest.mark.slow

SHIPPED = WEIGHTS / "lcr-g"
READER_FIELDS = {"name", "base", "trains", "parameters", "width", "missing"}


READERS = [
    Reader(name="minilm", base="MiniLM", trains="lora", parameters=9, width=3, missing=None),
    Reader(name="gpt2", base="gpt2", trains="all", parameters=None, width=None, missing="why"),
]


@pytest.fixture(scope="module")
def inventory() -> tuple[Model, ...]:
    return list_models(variants=True)


@pytest.mark.rehearsal
def test_the_catalogue_is_what_counting_finds() -> None:
    """Made anew by `python -m lcr.catalogue` wherever this fails."""
    assert json.loads(json.dumps(make_catalogue())) == read_catalogue()


def test_what_is_kept_is_what_counting_finds_of_the_small_ones(
    inventory: tuple[Model, ...],
) -> None:
    small = [
        n
        for n in counting.networks()
        if n.folder or (n.scale, n.variants[:1]) == ("desk", ("default",))
    ]
    assert small
    assert all(model in inventory for model in counting.count_models(small))


def test_lcr_g_by_hand(inventory: tuple[Model, ...]) -> None:
    """4 s are 125 hops, and two windows of padding and one frame make 128 frames."""
    config = GroundedConfig()
    frames, bands, bins = 128, len(config.band_bins), config.n_fft // 2 + 1
    c, q, seen = config.channels, config.query_channels, config.columns - 2 + config.match_dim
    features = (3 + 1) * bins * c
    gru_and_out = 2 * 3 * c * 2 * c + 2 * c * c
    mixer = 3 * c * c + 2 * bands * c + c * c + 2 * 2 * c * c
    stem = config.blocks * bands * (gru_and_out + mixer)
    heard = bands * c * (config.columns - 2 + config.match_dim)
    enter = bands * (seen + c) * q
    gate = config.query_blocks * bands * (2 * q * q + bands * q + q * q)
    heads = bands * q * config.mask_hidden + config.mask_hidden * bins
    width = 2 * config.columns + config.z_dim - 4 * config.columns - 1
    film = sum(2 * (width * config.film_hidden + config.film_hidden * n) for n in (c, q))
    once = film + 2 * config.columns * config.match_dim + c * q
    total = frames * (features + stem + heard + enter + gate + heads) + once
    (found,) = (m for m in inventory if m.name == "LCR-G")
    assert found.macs_per_s == total // 4


def test_every_remixer_is_there(inventory: tuple[Model, ...]) -> None:
    rows = {(m.name, m.scale, v) for m in inventory for v in m.variants}
    causal = {(m.name, m.scale, v) for m in inventory for v in m.variants if m.causal}
    for scale in ("paper", "desk"):
        for name in ("LCR-C", "LCR-T", "LCR-M"):
            for row in ("default", "fixed-prompts", "multi-mask", "multi-mask-pit", "kernel-x4"):
                assert (name, scale, row) in rows
    assert causal == {(n, s, "causal") for n in ("LCR-C", "LCR-M") for s in ("paper", "desk")}
    assert ("LCR-G", "desk", "default") in rows
    assert [m.name for m in inventory if m.folder == SHIPPED.name] == ["lcr-g"]
    without = {(m.name, m.scale, m.variants) for m in list_models() if m.folder is None}
    assert ("LCR-M", "paper", ("default",)) in without
    assert ("LCR-M (512 wide)", "paper", ("default",)) in without
    assert {variants for _, _, variants in without} == {("default",)}


def test_parameters_are_those_of_the_state_dict(inventory: tuple[Model, ...]) -> None:
    tensors = Checkpoint.read(SHIPPED).tensors
    (shipped,) = (m for m in inventory if m.name == "lcr-g" and m.folder)
    held = {
        part: sum(v.numel() for k, v in tensors.items() if k.startswith(f"{part}."))
        for part in ("remixer", "reader")
    }
    assert (shipped.parameters, shipped.reader_parameters) == (held["remixer"], held["reader"])
    films = [m for m in GroundedRemixer(GroundedConfig()).modules() if isinstance(m, FiLM)]
    held_by_films = sum(v.numel() for film in films for v in film.state_dict().values())
    assert shipped.film_parameters == held_by_films > 0


def test_readers_are_counted_or_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A LLaMA of two layers stands where the published one would."""
    transformers = pytest.importorskip("transformers")
    hub = pytest.importorskip("huggingface_hub")
    config = transformers.LlamaConfig(
        vocab_size=11,
        hidden_size=8,
        intermediate_size=6,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    config.save_pretrained(tmp_path / "Llama-2-7b-chat-hf")
    monkeypatch.setenv("LCR_MODELS", str(tmp_path))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "snapshot_download", _only_local)
    minilm, gpt2, llama = (find_reader(name) for name in readers.PRESETS)
    layer = 4 * 8 * 8 + 3 * 8 * 6 + 2 * 8
    assert (llama.parameters, llama.width, llama.missing) == (11 * 8 + 2 * layer + 8, 8, None)
    assert (gpt2.parameters, gpt2.width) == (None, None)
    assert "hf download openai-community/gpt2" in str(gpt2.missing)
    assert hub.constants.HF_HUB_OFFLINE is False
    assert (minilm.parameters is None) == (minilm.missing is not None)


def test_without_the_hubs_client_its_models_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delenv("LCR_MODELS", raising=False)
    assert find_reader("gpt2").missing


def _only_local(name: str, *, local_files_only: bool = False, **_: object) -> str:
    from huggingface_hub.errors import LocalEntryNotFoundError

    assert local_files_only, f"the hub was asked for {name}"
    raise LocalEntryNotFoundError(name)


def test_the_table_fits_80_columns(inventory: tuple[Model, ...]) -> None:
    factor = RealTimeFactor(median=12.345, least=10.0, most=20.0)
    timed = [dataclasses.replace(model, real_time_factor=factor) for model in inventory]
    machine = {"seconds": 2.0, "rounds": 3, "threads": 1, "cpu": "A processor", "torch": "9.9"}
    stream = io.StringIO()
    show(timed, READERS, machine, Console(file=stream, width=80))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for words in ("LCR-C paper", "LCR-T desk", "lcr-g (checkpoint)", "multi-mask-pit", "RTF"):
        assert words in text
    assert text.count("12.345") == len(inventory)
    assert "A processor, torch 9.9" in " ".join(text.split())


def test_json_and_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(SHIPPED), "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == ""
    assert told["timing"] is None
    names = [model["name"] for model in told["models"]]
    assert names.count("lcr-g") == 2  # the shipped one, and the same by its path
    for model in told["models"]:
        assert 0 < model["film_parameters"] < model["parameters"]
        assert model["macs_per_s"] > 0
        assert model["real_time_factor"] is None
        assert isinstance(model["causal"], bool)
    assert [set(reader) for reader in told["readers"]] == [READER_FIELDS] * 3


def test_a_checkpoint_of_the_authors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("speechbrain")
    from tests.speechbrain_lcr import Transformer

    theirs = Transformer(5)
    theirs.save(tmp_path / "lcr-theirs" / "CKPT+2023-12-15+01-00-00+00")
    theirs_folder = tmp_path / "lcr-theirs"
    (found,) = (m for m in list_models(folders=[theirs_folder]) if m.name == "lcr-theirs")
    assert found.parameters == sum(p.numel() for p in theirs.parameters())
    assert found.film_parameters == sum(p.numel() for p in theirs.films.parameters())
    assert (found.z_dim, found.causal, found.reader_parameters) == (5, False, None)


def test_timing_is_told_with_its_threads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("LCR-C", "LCR-G", "lcr-g")
    few = [m for m in list_models() if m.name in names and m.scale != "paper"]
    monkeypatch.setattr(listing, "_shipped_models", lambda: few)
    before = torch.get_num_threads()
    try:
        arguments = ["models", "--timing", "--seconds", "0.1", "--rounds", "2", "--threads", "1"]
        assert main([*arguments, "--json"]) == 0
    finally:
        torch.set_num_threads(before)
    told = json.loads(capsys.readouterr().out)
    assert (told["timing"]["threads"], told["timing"]["rounds"]) == (1, 2)
    factors = {model["name"]: model["real_time_factor"] for model in told["models"]}
    assert set(factors) == set(names)
    assert all(0 < f["least"] <= f["median"] <= f["most"] for f in factors.values())
    assert factors["LCR-G"] == factors["lcr-g"]  # one architecture, timed once


def test_a_folder_that_is_no_checkpoint_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes((SHIPPED / "model.safetensors").read_bytes())
    config = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))
    config["remixer"]["blocks"] += 1
    (broken / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for folder, words in ((tmp_path, "not a checkpoint"), (broken, "does not fit this version")):
        assert main(["models", str(folder)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("lcr models: ")
        assert words in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["modles"], ["models", "--rounds", "0"], ["models", "--seconds", "nan"]],
    ids=" ".join,
)
def test_wrong_arguments_end_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: lcr" in capsys.readouterr().err


def test_without_torch_what_ships_is_listed_and_one_line_says_what_counting_needs() -> None:
    before = "import sys; sys.modules['torch'] = None"
    done = _python(before, ["models"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "lcr-g (checkpoint)" in done.stdout
    done = _python(before, ["models", str(SHIPPED)])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lcr models: torch is not installed; run: pip install ")


def test_only_packages_of_others_are_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(name: str) -> None:
        def run(options: object) -> int:
            raise ModuleNotFoundError(name=name)

        monkeypatch.setattr(models, "run", run)

    lacks("safetensors.torch")
    assert main(["models"]) == 2
    assert capsys.readouterr().err.startswith("lcr models: safetensors is not installed; run: pip ")
    lacks("lcr.nn.nothing")
    with pytest.raises(ModuleNotFoundError):
        main(["models"])


def test_help_needs_no_torch() -> None:
    block = "import sys; sys.modules['torch'] = None"
    assert "models" in _python(block, ["--help"]).stdout
    done = _python(block, ["models", "--help"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "--timing" in done.stdout


def test_the_command_is_installed() -> None:
    (point,) = entry_points(group="console_scripts", name="lcr")
    assert point.load() is main


def test_a_reader_that_has_enough_is_no_error() -> None:
    code = (
        "import sys; from lcr.cli import main; from lcr.cli.commands import models;"
        "models.run = lambda options: print('x'); sys.stdin.read(); sys.exit(main(['models']))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        process.stdout.close()
        assert process.communicate()[1] == b""
    assert process.returncode == 141


def _python(before: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    code = f"{before}\nfrom lcr.cli import main\nsys.exit(main({arguments!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
