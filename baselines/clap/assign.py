"""Which of a separator's outputs is which description: two CLAPs and the Hungarian algorithm
(section VI-A, "2 CLAPs + G.T. Actions").

An output is compared with descriptions of speakers by the speech CLAP and with classes of sounds
by the audio CLAP. The paper does not say how two models' scores go into one assignment. Here each
score is a log-probability: that of a description's being this output rather than another, the
softmax over the outputs of similarity x the model's own learnt scale. At the optimum of its loss
a CLAP's scaled similarity is log p(clip | text) / p(clip) plus a constant of the text, and the
softmax takes that constant away. Both models are trained on clips of both kinds (see
`baselines.clap.training`), so p(clip) is the same for both, and the assignment of the highest sum
is the most likely one, whichever model a score came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from baselines.clap.checkpoint import Encoder, LoadedClap, load_clap
from baselines.clap.model import TextAudioModel
from baselines.clap.wording import embed_descriptions
from lcr.audio.core import check_audio, resample
from lcr.checkpoints import WeightsError
from lcr.instruction import Description, Kind
from lcr.remixer import OracleUse

NONE = -1
"""No output for a description, or no description for an output."""


class ClapMatcher:
    """Matches outputs with descriptions under one model for each kind of description."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(self, models: Mapping[Kind, TextAudioModel]) -> None:
        self._models = dict(models)
        self._embedded: dict[Description, Tensor] = {}

    def assign(
        self, outputs: NDArray[np.float32], sample_rate: int, descriptions: Sequence[Description]
    ) -> NDArray[np.intp]:
        """The output of each description, (descriptions,), from `outputs` (sources, samples).

        With as many outputs as descriptions it is a permutation. No output is used twice: with
        fewer outputs than descriptions some of these get NONE. Raises ValueError for audio that
        is not finite float32, or for descriptions of a kind that there is no model for.
        """
        return best_assignment(self.scores(outputs, sample_rate, descriptions))

    @torch.inference_mode()
    def scores(
        self, outputs: NDArray[np.float32], sample_rate: int, descriptions: Sequence[Description]
    ) -> NDArray[np.float64]:
        """(outputs, descriptions): log-probability of a description's being this output. Raises as
        `assign` does."""
        check_audio(outputs, sample_rate)
        found = np.zeros((len(outputs), len(descriptions)))
        for kind in dict.fromkeys(d.kind for d in descriptions):
            if kind not in self._models:
                raise ValueError(f"there is no CLAP for descriptions of {kind}")
            model = self._models[kind]
            texts = torch.stack([self._text(d) for d in descriptions if d.kind == kind])
            clips = torch.from_numpy(resample(outputs, sample_rate, model.sample_rate))
            heard = model.embed_audio(clips.to(texts.device))
            columns = (model.scale * heard @ texts.T).log_softmax(0)
            found[:, [d.kind == kind for d in descriptions]] = columns.double().cpu().numpy()
        return found

    def match(
        self,
        outputs: Tensor,
        sample_rate: int,
        descriptions: Sequence[Description],
        sources: Tensor | None = None,
    ) -> Tensor:
        """The other way round and for a batch, as `baselines.composite.remixer` asks: the
        description of each of `outputs` (rows, outputs, samples), (rows, outputs), NONE where it is
        none."""
        rows = []
        for row in outputs.detach().cpu().numpy():
            chosen = np.full(len(row), NONE)
            for description, output in enumerate(self.assign(row, sample_rate, descriptions)):
                if output != NONE:
                    chosen[output] = description
            rows.append(torch.from_numpy(chosen))
        return torch.stack(rows).to(outputs.device)

    def _text(self, description: Description) -> Tensor:
        if description not in self._embedded:
            embedded = embed_descriptions(self._models[description.kind], [description])
            self._embedded[description] = embedded[0]
        return self._embedded[description]


def best_assignment(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """The row for each column of the highest sum, each row at most once; NONE for columns that
    are left without one."""
    chosen = np.full(scores.shape[1], NONE, dtype=np.intp)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    chosen[columns] = rows
    return chosen


@dataclass(frozen=True)
class LoadedMatcher:
    """A matcher and the CLAPs that it uses, which a system's card names."""

    matcher: ClapMatcher
    claps: Mapping[Kind, LoadedClap]

    @property
    def weights(self) -> dict[str, str]:
        """Names and sha256 of all that it runs with."""
        return {name: sha for clap in self.claps.values() for name, sha in clap.weights.items()}

    @property
    def reference(self) -> str:
        return "; ".join(dict.fromkeys(clap.reference for clap in self.claps.values()))


def load_matcher(
    paths: Mapping[Kind, Path], *, device: str = "cpu", encoder: Encoder = "transformers"
) -> LoadedMatcher:
    """With a checkpoint for each kind, ours or a public one (see `load_clap`, which also says what
    is raised). Raises WeightsError for one of ours that was trained on the other kind."""
    claps = {k: load_clap(p, device=device, encoder=encoder) for k, p in paths.items()}
    for kind, clap in claps.items():
        if clap.kind not in (None, kind):
            raise WeightsError(f"{paths[kind]} is a CLAP for {clap.kind}, and is given for {kind}")
    return LoadedMatcher(ClapMatcher({k: clap.model for k, clap in claps.items()}), claps)
