"""Chunk-by-chunk remixing: sound goes in and comes out remixed, 20 ms later.

The network works at the sound's own rate: 10 ms hops have the same frequencies a bin apart at any
rate, so nothing is resampled and no filter adds its delay. What lies above the network's 8 kHz
follows the mask of its highest band. Each channel is encoded and remixed
on its own.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lcr.audio.core import check_audio
from lcr.audio.streams import Queue
from lcr.joint.remixer import SAMPLE_RATE, JointRemixer, load
from lcr.nn.grounded.causal import CausalRemixer
from lcr.nn.grounded.causal_bands import FRAME_HOPS, CausalTransform
from lcr.nn.grounded.remixer import Encoding
from lcr.remixer import Audio

_MOST_FRAMES = 64
"""Frames at a time, so that long chunks need no more memory."""
_MOST_CHANNELS = 64
_LOUDEST = 1e6
"""120 dB above full scale: what is beyond it is no sound."""


class RatedRemixer:
    """A CausalRemixer on frames of sound of any rate.

    Raises ValueError for a rate whose hop would be less than 16 samples (2 kHz).
    """

    def __init__(self, network: CausalRemixer, sample_rate: int) -> None:
        config = network.config
        hop = round(config.hop * sample_rate / SAMPLE_RATE)
        if hop < 16:
            raise ValueError(f"live remixing needs a rate of 2 kHz or more; got {sample_rate} Hz")
        self.network = network
        self.transform = CausalTransform(hop, config.band_bins)
        self._bins = config.n_fft // 2 + 1
        self._scale = config.hop / hop
        self._highest = config.band_bins[-1]

    @property
    def latency(self) -> int:
        """Samples by which the output comes later than the input."""
        return 2 * self.transform.hop - 1

    def seen(self, spectrum: Tensor) -> Tensor:
        """(rows, bins, frames) at this rate -> as the network would see it at its own."""
        missing = max(0, self._bins - spectrum.shape[1])
        return functional.pad(self._scale * spectrum[:, : self._bins], (0, 0, 0, missing))

    def mask(self, encoding: Encoding, filters: Tensor) -> Tensor:
        """h_m of filters (rows, instructions, z_dim) for this rate's bins, (rows, instructions,
        bins, frames)."""
        mask = self.network.mask(encoding, filters).transpose(2, 3)
        bins = self.transform.n_fft // 2 + 1
        if bins <= self._bins:
            return mask[:, :, :bins]
        above = mask[:, :, -self._highest :].mean(2, keepdim=True)
        return torch.cat([mask, above.expand(-1, -1, bins - self._bins, -1)], 2)

    @torch.inference_mode()
    def remix(self, audio: Audio, z: Tensor) -> Audio:
        """All of (channels, samples) at once by one filter (1, z_dim), sample-aligned: what
        streaming gives after its latency."""
        check_audio(audio, SAMPLE_RATE)
        wave = torch.from_numpy(np.array(audio))
        spectrum = self.transform(wave)
        encoding, _ = self.network.encode_frames(self.seen(spectrum), self.network.start(len(wave)))
        mask = self.mask(encoding, z.expand(len(wave), 1, -1)).squeeze(1)
        out: Audio = self.transform.inverse(mask * spectrum, wave.shape[1]).numpy()
        return out


class StreamingRemixer:
    """Remixes an endless stream: `push` chunks of any length, get as many samples back.

    The output is `latency` samples late and begins with as many zeros; `finish` gives the rest.
    `ask` changes the prompt in mid-stream: within `fade_s` seconds the new mask takes over.
    Not for several threads at once, but for `steer`, which may be called from any.

    Samples that are NaN, infinite or 120 dB above full scale become silence; so do those that come
    out as NaN or infinite, and the network begins anew. `silenced` says that this has happened.
    """

    def __init__(
        self,
        model: JointRemixer,
        prompt: str,
        *,
        sample_rate: int,
        channels: int = 1,
        fade_s: float = 0.05,
    ) -> None:
        """Raises ValueError for a model that is not causal, a rate below 2 kHz, or no channel, or
        more than 64."""
        network = model.network
        if not isinstance(network, CausalRemixer):
            raise ValueError(f"{model.card.name} hears what is to come; live needs lcr-live")
        if not 1 <= channels <= _MOST_CHANNELS:
            raise ValueError(f"channels must be 1 to {_MOST_CHANNELS}; got {channels}")
        self.sample_rate, self.channels = sample_rate, channels
        self.silenced = False
        self._model = model
        self._rated = RatedRemixer(network.pack(), sample_rate)
        hop = self._rated.transform.hop
        self._fade_frames = max(1, round(fade_s * sample_rate / hop))
        self._z = model.read([prompt])
        self._next: Tensor | None = None
        self._waiting: Tensor | None = None
        self._faded = 0  # frames of the fade from `_z` to `_next` that are done
        self._state = network.start(channels)
        self._input, self._output = Queue(channels), Queue(channels)
        self._input.put(np.zeros((channels, (FRAME_HOPS - 1) * hop), np.float32))
        self._output.put(np.zeros((channels, self.latency), np.float32))
        self._tail: Tensor | None = None  # what the last frame gives to the block now complete

    @property
    def latency(self) -> int:
        """Samples between a sound's coming in and its going out."""
        return self._rated.latency

    @property
    def latency_s(self) -> float:
        return self.latency / self.sample_rate

    def ask(self, prompt: str) -> None:
        """Remix by another prompt from the next frame on. Reading takes tens of milliseconds;
        where that is too long between two chunks, `read` elsewhere and `steer`."""
        self.steer(self.read(prompt))

    def read(self, prompt: str) -> Tensor:
        """The filter of a prompt, (1, z_dim), for `steer`."""
        return self._model.read([prompt])

    def steer(self, z: Tensor) -> None:
        """Remix by filter `z` (1, z_dim) from the next frame on, or, while another change is
        being faded in, after that: the latest counts."""
        self._waiting = z

    def push(self, chunk: Audio) -> Audio:
        """(channels, samples), none or more -> as many samples, `latency` late. Raises ValueError
        for other channels, and then has taken none of them."""
        if chunk.ndim != 2 or chunk.shape[0] != self.channels:
            raise ValueError(f"expected ({self.channels}, samples); got {chunk.shape}")
        samples = chunk.shape[1]
        if samples:
            sound = np.abs(chunk) <= _LOUDEST  # which NaN is not
            self.silenced = self.silenced or not sound.all()
            chunk = np.where(sound, chunk, np.float32(0))
            check_audio(chunk, self.sample_rate)
            self._input.put(chunk)
            self._advance()
        return np.ascontiguousarray(self._output.take(samples))

    def finish(self) -> Audio:
        """The last `latency` samples; nothing may be pushed after it."""
        return self.push(np.zeros((self.channels, self.latency), np.float32))

    @torch.inference_mode()
    def _advance(self) -> None:
        """All frames that are whole by now."""
        hop, past = self._rated.transform.hop, (FRAME_HOPS - 1) * self._rated.transform.hop
        while (ready := (len(self._input) - past) // hop) > 0:
            frames = min(ready, _MOST_FRAMES)
            wave = torch.from_numpy(np.array(self._input.peek(past + frames * hop)))
            self._input.take(frames * hop)
            spectrum = self._rated.transform.analyse(wave)
            encoding, self._state = self._rated.network.encode_frames(
                self._rated.seen(spectrum), self._state
            )
            mask = self._mask(encoding, frames)
            first, second = self._rated.transform.synthesise(mask * spectrum)
            if not (first.isfinite().all() and second.isfinite().all()):
                first, second = (
                    torch.where(one.isfinite(), one, torch.zeros(())) for one in (first, second)
                )
                self._state = self._rated.network.start(self.channels)
                self.silenced = True
            if self._tail is None:  # before the first block there is none
                blocks = second[:, :-1] + first[:, 1:]
            else:
                blocks = torch.cat([self._tail, second[:, :-1]], 1) + first
            self._tail = second[:, -1:]
            self._output.put(blocks.flatten(1).numpy())

    def _mask(self, encoding: Encoding, frames: int) -> Tensor:
        """(channels, bins, frames), faded from one filter to the next where a change is asked."""
        if self._next is None and self._waiting is not None:
            self._next, self._waiting, self._faded = self._waiting, None, 0
        filters = [self._z] if self._next is None else [self._z, self._next]
        asked = torch.cat(filters).expand(self.channels, -1, -1)
        masks = self._rated.mask(encoding, asked)
        if self._next is None:
            return masks[:, 0]
        step = torch.arange(self._faded + 1, self._faded + frames + 1) / self._fade_frames
        self._faded += frames
        faded = masks[:, 0].lerp(masks[:, 1], step.clamp(max=1.0))
        if self._faded >= self._fade_frames:
            self._z, self._next = self._next, None
        return faded


def load_live(weights: str = "lcr-live", *, device: str = "cpu") -> JointRemixer:
    """The shipped live model, or a checkpoint folder of one. Raises as `lcr.joint.remixer` does."""
    return load(weights=weights, device=device, name="lcr-live")
