"""Public CLAPs, as transformers' `ClapModel`, whichever file their weights come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from baselines.clap.features import LogMel, LogMelConfig
from baselines.clap.model import embed_windows
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    WeightsError,
    must_fit,
    no_larger_than,
    read_state,
)
from lcr.files import sha256_of

REFERENCE = "Wu et al., Large-scale contrastive language-audio pretraining, ICASSP 2023"
LICENCE = "CC0-1.0 (laion-clap), Apache-2.0 (laion/clap-htsat-unfused)"
FEATURES_FILE, PICKLED_FILE = "preprocessor_config.json", "pytorch_model.bin"
_TOKENS = 77
"""What laion-clap's texts are cut at."""
_COMPUTED = ("relative_position_index", "position_ids", "token_type_ids", "num_batches_tracked")
"""Buffers that follow from the config; checkpoints of some versions lack them."""


class PublicClap(nn.Module):
    """A `ClapModel` without fusion and its tokeniser, as a `TextAudioModel`.

    Clips longer than its window are heard whole, in several windows, and every clip is brought to
    one level first: what it says depends neither on chance nor on the level.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 (transformers' own type is only known once it is imported)
        tokenizer: Any,  # noqa: ANN401
        features: LogMelConfig,
    ) -> None:
        super().__init__()
        self.clap = model.requires_grad_(False)
        self.tokenizer = tokenizer
        self.features = LogMel(features)

    @property
    def sample_rate(self) -> int:
        return self.features.config.sample_rate

    @property
    def width(self) -> int:
        return int(self.clap.config.projection_dim)

    @property
    def scale(self) -> Tensor:
        """`logit_scale_a`: the one that laion-clap scales both directions by."""
        scale: Tensor = self.clap.logit_scale_a
        return scale.exp()

    def embed_audio(self, clips: Tensor) -> Tensor:
        return embed_windows(self.features(clips), self._encode)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        if not texts:
            raise ValueError("there is no text to embed")
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt"
        )
        device = self.clap.logit_scale_a.device
        out = self.clap.text_model(
            input_ids=tokens["input_ids"].to(device),
            attention_mask=tokens["attention_mask"].to(device),
        )
        return functional.normalize(self.clap.text_projection(out.pooler_output), dim=-1)

    def _encode(self, mel: Tensor) -> Tensor:
        out: Tensor = self.clap.audio_projection(self.clap.audio_model(mel).pooler_output)
        return out


def load_transformers(folder: Path) -> tuple[PublicClap, str]:
    """A folder that `ClapModel.save_pretrained` and its processor's wrote, and the sha256 of its
    weights. Raises MissingWeightsError, WeightsError."""
    from transformers import ClapConfig

    features = _features(folder)
    try:
        config = ClapConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever transformers' checks of the fields raise
        raise WeightsError(
            f"{folder / CONFIG_FILE} is no config of a ClapModel: {error}"
        ) from error
    path = next((folder / f for f in (WEIGHTS_FILE, PICKLED_FILE) if (folder / f).is_file()), None)
    if path is None:
        raise MissingWeightsError(f"no {folder / WEIGHTS_FILE}, and no {PICKLED_FILE} beside it")
    state = read_state(path)
    return build(config, state, load_tokenizer(folder), features, path), sha256_of(path)


def build(
    config: Any,  # noqa: ANN401 (transformers' ClapConfig)
    state: Mapping[str, Tensor],
    tokenizer: Any,  # noqa: ANN401
    features: LogMelConfig,
    path: Path,
) -> PublicClap:
    """The model that `config` describes with exactly the weights in `state`, which came from
    `path`. Raises WeightsError, which names what is missing, unknown or of another shape."""
    from transformers import ClapModel

    if config.audio_config.enable_fusion:
        raise WeightsError(
            f"{path} is a CLAP with feature fusion (-fused), which draws crops at random; take one "
            "without (clap-htsat-unfused, 630k-audioset-best.pt)"
        )
    with must_fit(path, "does not fit a ClapModel"), no_larger_than(state):
        model: Any = ClapModel(config)
    expected = model.state_dict()
    odd = {
        "lacks": [k for k in expected if k not in state and not k.endswith(_COMPUTED)],
        "has unknown": [k for k in state if k not in expected and not k.endswith(_COMPUTED)],
        "has of another shape": [
            k for k in expected if k in state and state[k].shape != expected[k].shape
        ],
    }
    problems = [
        f"{what} {len(names)} tensors, such as {names[0]}" for what, names in odd.items() if names
    ]
    if problems:
        raise WeightsError(f"{path} does not fit a ClapModel: it {', '.join(problems)}")
    model.load_state_dict({k: v for k, v in state.items() if k in expected}, strict=False)
    return PublicClap(model.float(), tokenizer, features).eval()


def load_tokenizer(folder: Path) -> Any:  # noqa: ANN401
    """Raises MissingWeightsError where `folder` has none, WeightsError for a broken one."""
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise MissingWeightsError(
            f"no tokeniser in {folder}: tokenizer.json (or vocab.json and merges.txt) is missing"
        )
    untyped: Any = AutoTokenizer
    try:
        return untyped.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers and tokenizers raise types of their own
        raise WeightsError(f"the tokeniser in {folder} cannot be loaded: {error}") from error


def _features(folder: Path) -> LogMelConfig:
    path = folder / FEATURES_FILE
    if not path.is_file():
        raise MissingWeightsError(f"no {path}: what the model hears is not known")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        found = LogMelConfig(
            sample_rate=told["sampling_rate"],
            n_fft=told["fft_window_size"],
            hop=told["hop_length"],
            mels=told["feature_size"],
            low_hz=told["frequency_min"],
            high_hz=told["frequency_max"],
            window_s=told["max_length_s"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is no config of a ClapFeatureExtractor: {error}") from error
    if told.get("truncation") != "rand_trunc" or told.get("padding") != "repeatpad":
        raise WeightsError(
            f"{path}: only truncation 'rand_trunc' with padding 'repeatpad' is supported, as in "
            f"clap-htsat-unfused; got {told.get('truncation')!r} with {told.get('padding')!r}"
        )
    return found
