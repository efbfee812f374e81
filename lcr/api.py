"""What `lcr.load` and `lcr.from_pretrained` give: a system for arrays, tensors and files."""

from __future__ import annotations

import operator
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from lcr import registry
from lcr.audio.core import Clip, read_audio, write_audio
from lcr.audio.reader import AudioFile
from lcr.audio.writer import audio_suffixes
from lcr.devices import check_device
from lcr.errors import LcrError
from lcr.prompts.request import prepared, reading
from lcr.prompts.time_range import limit
from lcr.prompts.time_words import choose_range
from lcr.remixer import Audio, Oracle, Remixer, Step, SystemCard, Understood, check_remix
from lcr.running.chunked import mono_16k
from lcr.running.files import FileRemix, prompt_for, remix_file

if TYPE_CHECKING:
    from torch import Tensor

    from lcr.joint.load import JointModel

FloatArray: TypeAlias = NDArray[np.floating[Any]]
Sample: TypeAlias = "str | os.PathLike[str] | Clip | FloatArray | Tensor"
"""A file, a clip, or samples: an example of a sound."""
Sound = TypeVar("Sound")
Samples = TypeVar("Samples", FloatArray, "Tensor")
_MOST_CHANNELS = 64
"""More than this in an array that is longer the other way is one that lies on its side."""


@dataclass(frozen=True, kw_only=True)
class RemixedSound(Generic[Sound]):
    """What came out: `audio` is of the kind, shape, type and device of what went in, for a file
    (channels, samples) float32; `trace` says what the system did and why."""

    audio: Sound
    sample_rate: int
    trace: tuple[Step, ...]
    understood: tuple[Understood, ...] = ()
    """What the prompt names and whether it is there, from systems that can tell."""
    warnings: tuple[str, ...] = ()
    """In plain English, what was not understood or is not there."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as .wav (32-bit float) or .flac (24 bits); see `lcr.audio.core.write_audio`."""
        audio, _ = _to_audio(self.audio)
        write_audio(Path(path), audio, self.sample_rate)


class LoadedRemixer:
    """A system ready to use. `remixer` is the bare one (see `lcr.remixer.Remixer`)."""

    def __init__(self, remixer: Remixer) -> None:
        self.remixer = remixer

    @property
    def card(self) -> SystemCard:
        return self.remixer.card

    @overload
    def remix(
        self,
        sound: str | os.PathLike[str] | Clip,
        prompt: str,
        /,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        like: Sample | None = None,
    ) -> RemixedSound[Audio]: ...

    @overload
    def remix(
        self,
        sound: Samples,
        sample_rate: int,
        prompt: str,
        *,
        oracle: Oracle | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        like: Sample | None = None,
    ) -> RemixedSound[Samples]: ...

    def remix(
        self,
        sound: Any,
        sample_rate: int | str,
        prompt: str | None = None,
        *,
        oracle: Oracle | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        like: Sample | None = None,
    ) -> RemixedSound[Any]:
        """Remix `sound` as `prompt` asks: `remix("street.wav", "mute the dog")` for a file or a
        `Clip`, `remix(array, 44_100, "mute the dog")` for a NumPy array or a tensor of floats,
        (samples,) or (channels, samples), 1.0 being full scale.

        A time range in the prompt ("from 0:10 to 0:15"), or from `start_s` to `end_s` seconds
        (below 0: from the end), limits the change; see `lcr.prompts.time_range`. The system hears
        all of the sound, and a prompt without the range. The prompt is read as at the command's
        front door (`lcr.prompts.request.prepared`): quotes, typing errors and length do no harm;
        where words were changed, the trace begins with what was read. `remixer.remix` takes it as
        it is.

        Systems whose card says `points` can be pointed at a sound ("the sound at 0:03"), or be
        given an example of what the prompt calls "it" or "this sound": `like` is a file, a `Clip`
        or an array at the sound's own rate.

        Raises `lcr.errors.LcrError` for a file or a prompt that cannot be read and a range that is
        none or not in the sound, TypeError or ValueError for what is no sound, and what the system
        raises.
        """
        if isinstance(sound, str | os.PathLike | Clip):
            if prompt is not None or not isinstance(sample_rate, str):
                raise TypeError("a file knows its sample rate: remix(file, prompt)")
            clip = sound if isinstance(sound, Clip) else read_audio(Path(sound))
            prompt, sample_rate, sound = sample_rate, clip.sample_rate, clip.audio
        if prompt is None or isinstance(sample_rate, str):
            raise TypeError("an array needs its sample rate: remix(array, sample_rate, prompt)")
        sample_rate = operator.index(sample_rate)
        _check_prompt(prompt)
        audio, mono = _to_audio(sound)
        read = prepared(prompt, self.card.name)
        timed = choose_range(read, start_s=start_s, end_s=end_s)
        if timed.only is not None:
            timed.only.within(audio.shape[1], sample_rate)  # before the work, not after it
        said = prompt_for(self.card, timed.prompt, like)
        extra: dict[str, Any] = {}
        if like is not None:
            extra["like"] = _example(like, sample_rate)
        done = self.remixer.remix(audio, sample_rate, said.prompt, oracle=oracle, **extra)
        check_remix(done, audio)
        remixed, trace = done.audio, done.trace
        if said.prompt != timed.prompt:
            trace = (Step(name="prompt", detail=f'said plainly: "{said.prompt}"'), *trace)
        if reading(prompt, read):
            trace = (Step(name="prompt", detail=reading(prompt, read)), *trace)
        if timed.only is not None:
            remixed = limit(audio, remixed, sample_rate, timed.only)
            trace = (*trace, timed.only.step())
        out = _like(sound, remixed[0] if mono else remixed)
        return RemixedSound(
            audio=out,
            sample_rate=sample_rate,
            trace=trace,
            understood=done.understood,
            warnings=(*said.warnings, *done.warnings),
        )

    def remix_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        prompt: str,
        *,
        gain_db: float = 0.0,
        start_s: float | None = None,
        end_s: float | None = None,
        like: str | os.PathLike[str] | Clip | None = None,
    ) -> FileRemix:
        """Remix a file of any length from disk to disk; see `lcr.running.files.remix_file`."""
        _check_prompt(prompt)
        file = AudioFile.open(Path(source))
        return remix_file(
            self.remixer,
            file,
            Path(target),
            choose_range(prepared(prompt, self.card.name), start_s=start_s, end_s=end_s),
            gain_db=gain_db,
            like=None if like is None else _example(like, 0),
        )

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write the joint model to a folder that `lcr.load` and `lcr.from_pretrained` read; see
        `lcr.joint.hub.save_pretrained`. Raises LcrError for any other system."""
        from lcr.joint.hub import save_pretrained

        return save_pretrained(self._joint(), folder)

    def push_to_hub(
        self, repository: str, *, token: str | None = None, private: bool = False
    ) -> str:
        """Upload the joint model to "OWNER/NAME"; the commit's address. See
        `lcr.joint.hub.push_to_hub`. Raises LcrError for any other system, and where the hub
        refuses."""
        from lcr.joint.hub import push_to_hub

        return push_to_hub(self._joint(), repository, token=token, private=private)

    def _joint(self) -> JointModel:
        from lcr.joint.open import OpenRemixer
        from lcr.joint.remixer import JointRemixer

        if not isinstance(self.remixer, JointRemixer | OpenRemixer):
            raise LcrError(
                f"{self.card.name} is no joint model; only those are kept as checkpoints"
            )
        return self.remixer


def from_pretrained(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    device: str = "cpu",
) -> LoadedRemixer:
    """A joint model from a folder or from a hub's repository "OWNER/NAME", by huggingface_hub; the
    other way round are `save_pretrained` and `push_to_hub` of what this gives.

    Raises `lcr.errors.LcrError` when it is neither here nor to be had, or is damaged.
    """
    from lcr.joint.hub import from_pretrained

    if device != "cpu":
        check_device(device)
    return LoadedRemixer(from_pretrained(name, revision=revision, token=token, device=device))


def load(
    system: str | os.PathLike[str] = "lcr",
    *,
    base: str | None = None,
    device: str | None = None,
    **options: object,
) -> LoadedRemixer:
    """A system by its name (`lcr systems` lists them) with its own `options`, or the joint model in
    a folder: a checkpoint of lcr, or one that the paper's authors released (SpeechBrain's `.ckpt`
    files), for which `base` names another language model or folder than LLaMA-2-7B-chat on the hub.

    Raises `lcr.errors.LcrError` when there is none of that name, or when files are missing,
    damaged or do not fit.
    """
    if device not in (None, "cpu"):
        check_device(str(device))
    if isinstance(system, str) and (not _is_path(system) or _is_registered(system)):
        if base is not None:
            options["base"] = base
        if device is not None:
            options["device"] = device
        return LoadedRemixer(registry.create(system, **options))
    if options:
        raise TypeError(f"a checkpoint folder takes no {', '.join(options)}")
    from lcr.joint.load import load_any  # torch takes seconds to import

    return LoadedRemixer(load_any(Path(system), base=base, device=device or "cpu"))


def _check_prompt(prompt: object) -> None:
    """Raises TypeError for what is no text or the name of a sound's file: swapped arguments."""
    if not isinstance(prompt, str):
        raise TypeError(f"expected a prompt such as 'mute the dog'; got {type(prompt).__name__}")
    if len(prompt.split()) == 1 and Path(prompt).suffix.lower() in audio_suffixes():
        raise TypeError(f"the prompt comes last, and {prompt} is the name of a file")


def _is_path(name: str) -> bool:
    return os.sep in name or "/" in name or Path(name).is_dir()


def _is_registered(name: str) -> bool:
    return any(system.name == name for system in registry.available())


def _example(like: Sample, sample_rate: int) -> NDArray[np.float32]:
    """An example of a sound as (samples,) mono at 16 kHz."""
    if isinstance(like, str | os.PathLike):
        like = read_audio(Path(like))
    if isinstance(like, Clip):
        return mono_16k(like.audio, like.sample_rate)
    return mono_16k(_to_audio(like)[0], sample_rate)


def _to_audio(sound: object) -> tuple[Audio, bool]:
    """(channels, samples) float32 of an array or tensor, and whether it had no channel axis."""
    torch: Any = sys.modules.get("torch")  # who has a tensor has imported it
    if torch is not None and isinstance(sound, torch.Tensor):
        tensor: Any = sound
        tensor = tensor.detach().cpu()
        sound = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if not isinstance(sound, np.ndarray):
        raise TypeError(
            f"expected a path, a Clip, an array or a tensor; got {type(sound).__name__}"
        )
    if not np.issubdtype(sound.dtype, np.floating):
        raise TypeError(
            f"expected floats with full scale at 1.0; got {sound.dtype} (divide 16-bit integers "
            "by 32768)"
        )
    if sound.ndim not in (1, 2):
        raise ValueError(f"expected (samples,) or (channels, samples); got {sound.shape}")
    if sound.ndim == 2 and sound.shape[0] > max(_MOST_CHANNELS, sound.shape[1]):
        raise ValueError(f"expected (channels, samples); got {sound.shape}: give its transpose")
    audio: Audio = np.ascontiguousarray(np.atleast_2d(sound), dtype=np.float32)
    return audio, sound.ndim == 1


def _like(sound: object, audio: Audio) -> object:
    """`audio` as an array or tensor of the type, and on the device, of `sound`."""
    if isinstance(sound, np.ndarray):
        return audio.astype(sound.dtype, copy=False)
    torch: Any = sys.modules["torch"]
    tensor: object = torch.from_numpy(np.ascontiguousarray(audio)).to(sound)
    return tensor
