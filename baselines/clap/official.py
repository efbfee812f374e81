"""laion-clap's own `CLAP_Module` as a `TextAudioModel`: the official code in the place of
transformers' port of it (`baselines.clap.laion`), for whoever wants the published one to the
letter. It needs numpy 1, and so Python 3.12 at most: `pip install '.[all,laion-clap]'`.

When imported and when built it asks the hub for three tokenisers and for RoBERTa's weights; here
the tokeniser comes from a local folder, and RoBERTa is made from the checkpoint's own sizes, whose
weights then take their place. Clips are brought to one level and cut into windows as everywhere,
for it would crop longer ones at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.clap.features import LAION, LogMel
from baselines.clap.laion import audio_settings, text_settings, tokenizer_folder
from baselines.clap.public import load_tokenizer
from lcr.checkpoints import WeightsError, read_state
from lcr.files import sha256_of
from lcr.nn.reader.text_encoder import MissingPackageError

_AUDIO_MODELS = {96: "HTSAT-tiny", 128: "HTSAT-base", 256: "HTSAT-large"}
"""laion-clap's names by HTSAT's width."""
_POSITIONS = "text_branch.embeddings.position_ids"


class OfficialClap(nn.Module):
    """A `CLAP_Module` without fusion."""

    def __init__(self, module: Any) -> None:  # noqa: ANN401 (laion_clap has no types)
        super().__init__()
        self.clap = module.requires_grad_(False).eval()
        self.features = LogMel(LAION)

    @property
    def sample_rate(self) -> int:
        return LAION.sample_rate

    @property
    def width(self) -> int:
        return int(self.clap.model.joint_embed_shape)

    @property
    def scale(self) -> Tensor:
        scale: Tensor = self.clap.model.logit_scale_a
        return scale.exp()

    def embed_audio(self, clips: Tensor) -> Tensor:
        windows = self.features.windows(clips)
        found = self.clap.get_audio_embedding_from_data(windows.flatten(0, 1), use_tensor=True)
        each = functional.normalize(found, dim=-1).view(*windows.shape[:2], -1)
        return functional.normalize(each.mean(1), dim=-1)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        if not texts:
            raise ValueError("there is no text to embed")
        found: Tensor = self.clap.get_text_embedding(list(texts), use_tensor=True)
        return functional.normalize(found, dim=-1)


def load_official(path: Path, tokenizer: Path | None, device: str) -> tuple[OfficialClap, str]:
    """A .pt file of laion-clap without fusion in laion-clap's own code, and its sha256; the
    tokeniser is looked for as `load_laion` does. Raises MissingPackageError, MissingWeightsError,
    WeightsError."""
    state = {k.removeprefix("module."): v for k, v in read_state(path).items()}
    state.pop(_POSITIONS, None)  # a buffer that today's transformers computes
    width = audio_settings(state, path)["patch_embeds_hidden_size"]
    if width not in _AUDIO_MODELS:
        raise WeightsError(f"{path}: laion-clap has no HTSAT that is {width} wide")
    words = load_tokenizer(tokenizer_folder(path, tokenizer))
    with _nothing_fetched(text_settings(state, path), words):
        module = _clap_module()(enable_fusion=False, device=device, amodel=_AUDIO_MODELS[width])
    try:
        module.model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit laion-clap: {error}") from error
    return OfficialClap(module).to(device), sha256_of(path)


def _clap_module() -> Any:  # noqa: ANN401
    try:
        from laion_clap import CLAP_Module
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"the official CLAP needs {error.name}: pip install '.[all,laion-clap]' (numpy 1, "
            "Python 3.12 at most), or leave encoder out for transformers' port of it"
        ) from error
    return CLAP_Module


@contextmanager
def _nothing_fetched(text: Mapping[str, Any], words: Any) -> Iterator[None]:  # noqa: ANN401
    """What laion_clap asks the hub for by name comes from here; no other tokeniser is used."""
    import transformers

    untyped: Any = transformers
    roberta = untyped.RobertaModel(untyped.RobertaConfig(**text))

    def local(value: object) -> Any:  # noqa: ANN401
        return lambda *_, **__: value

    with (
        mock.patch.object(untyped.BertTokenizer, "from_pretrained", local(None)),
        mock.patch.object(untyped.BartTokenizer, "from_pretrained", local(None)),
        mock.patch.object(untyped.RobertaTokenizer, "from_pretrained", local(words)),
        mock.patch.object(untyped.RobertaModel, "from_pretrained", local(roberta)),
        torch.random.fork_rng(),
    ):
        yield
