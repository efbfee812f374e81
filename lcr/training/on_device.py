"""Training mixtures made on the training device, of sources that lie there decoded."""

from __future__ import annotations

import numpy as np
import torch

from lcr.data.authors.mixtures import PaperMixtures
from lcr.data.bank import Entry
from lcr.data.mixtures import draw_entries
from lcr.instruction import Kind
from lcr.training.data import Batch, TrainingConfig
from lcr.training.loader import LoadedMixtures


class DeviceMixtures(LoadedMixtures):
    """The sources of `given`, each as it was cropped there, in ever new mixtures, levels and
    prompts: nothing is read or decoded after the start, and the device scales and adds.

    Batches depend on the generator alone, as those of `TrainingMixtures` do.
    """

    def __init__(
        self, given: PaperMixtures, config: TrainingConfig, *, device: torch.device
    ) -> None:
        super().__init__([], config, given, device=device)
        self._pool: dict[Kind, list[list[Entry]]] = {"speech": [], "audio": []}
        self._rows: dict[str, int] = {}
        labels: dict[str, list[Entry]] = {}
        waves: list[torch.Tensor] = []
        for index in range(len(given)):
            mixture, example = given.mixture(index), given.example(index)
            for source, wave in zip(mixture.sources, example.sources, strict=True):
                if source.file in self._rows:
                    continue
                what, name = source.description, source.file
                entry = Entry(id=name, description=what, split="train", group=name)
                self._rows[name] = len(waves)
                # Speech is drawn evenly, sounds by class, as from a bank.
                labels.setdefault(getattr(what, "label", ""), []).append(entry)
                waves.append(torch.from_numpy(wave) * 10 ** (-source.level_db / 20))
        self._pool["speech"] = [labels.pop("", [])]
        self._pool["audio"] = list(labels.values())
        self._waves = torch.stack(waves).to(device)

    def batch(self, rng: np.random.Generator) -> Batch:
        drawn = [draw_entries(self._pool, self._mix, rng) for _ in range(self.config.mixtures)]
        asked = [self._ask(entries, rng) for entries in drawn]
        rows = torch.tensor([[self._rows[entry.id] for entry in some] for some in drawn])
        levels_db = rng.uniform(-self._mix.level_db, self._mix.level_db, size=rows.shape)
        device = self._waves.device
        gains = torch.from_numpy(10 ** (levels_db / 20)).to(self._waves)
        told = [[one.gains for one in some] for some in asked]
        return Batch(
            self._waves[rows.to(device)] * gains.unsqueeze(-1),
            torch.tensor(told, dtype=torch.float32, device=device),
            [[self._prompt(one, rng) for one in some] for some in asked],
            [some[0].descriptions for some in asked],
        )
