"""The unprocessed mixture as a system: the zero line every other one is measured from."""

from __future__ import annotations

from lcr.audio.core import check_audio
from lcr.remixer import Audio, Oracle, Remix, SystemCard


class MixtureRemixer:
    """Returns the mixture whatever the prompt says; 0 dB SNR improvement by definition."""

    card = SystemCard(
        name="mixture",
        family="reference",
        sample_rate=None,
        causal=True,
        reference="the input itself",
        licence="Apache-2.0",
        parameters=0,
        macs_per_s=0,
    )

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        """A copy of `mixture` (channels, samples). Raises ValueError for unusable audio."""
        check_audio(mixture, sample_rate)
        return Remix(audio=mixture.copy())
