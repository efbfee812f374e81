"""The checkpoints that the paper's authors released, LCR-T and causal LCR-C, as JointRemixers.

They are folders as SpeechBrain's Checkpointer writes them: `encoder.ckpt`, `decoder.ckpt`,
`masknet.ckpt` (state dicts of a SepFormer or Conv-TasNet with FiLM) and `lora_llm.ckpt` (peft's
state dict for LLaMA-2-7B-chat, which the user supplies). Sizes are read off the tensors; what no
tensor tells (heads, chunk, causal convolutions) is as released.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcr.checkpoints import WeightsError, must_fit, read_state
from lcr.files import sha256_of
from lcr.joint.remixer import SAMPLE_RATE, JointRemixer
from lcr.nn.paper.dual_path import DualPathConfig
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig
from lcr.nn.paper.tcn import TcnConfig
from lcr.nn.reader.prompt_reader import MissingWeightsError, PromptReader, ReaderConfig, preset
from lcr.remixer import SystemCard

MASK_FILE = "masknet.ckpt"
LORA_FILE = "lora_llm.ckpt"
FILES = ("encoder.ckpt", "decoder.ckpt", MASK_FILE, LORA_FILE)
READER = replace(preset("llama-2-7b"), max_tokens=512)
"""Their PromptReader, in bfloat16: 13 GB of memory."""

CORPORA = frozenset({"libritts", "vctk", "esd", "mess", "mead", "savee", "vggsound"})
"""What the paper trains on."""

_LAYER = r"temporal_conv_net\.filmtemporalblock_(\d+)_(\d+)\.layers\."
_PATH = r"dual_mdl\.(\d+)\.(intra|inter)_"
_THEIRS, _OURS = _PATH + r"mdl\.mdl\.layers\.(\d+)\.", r"network.blocks.\1.\2.layers.\3."
_NAMES: tuple[tuple[str, str], ...] = (
    # LCR-C: SpeechBrain's MaskNet; FiLM stands before the first layer of each repeat.
    (r"layer_norm\.gamma", "network.norm.weight"),
    (r"layer_norm\.beta", "network.norm.bias"),
    (r"bottleneck_conv1x1\.conv\.weight", "network.bottleneck.weight"),
    (_LAYER + r"conv\.conv\.weight", r"network.blocks.\1.\2.expand.weight"),
    (_LAYER + r"act\.weight", r"network.blocks.\1.\2.slope_in"),
    (_LAYER + r"norm\.gamma", r"network.blocks.\1.\2.scale_in"),
    (_LAYER + r"norm\.beta", r"network.blocks.\1.\2.shift_in"),
    (_LAYER + r"DSconv\.conv_0\.conv\.weight", r"network.blocks.\1.\2.taps"),
    (_LAYER + r"DSconv\.act\.weight", r"network.blocks.\1.\2.slope_out"),
    (_LAYER + r"DSconv\.act_0\.gamma", r"network.blocks.\1.\2.scale_out"),
    (_LAYER + r"DSconv\.act_0\.beta", r"network.blocks.\1.\2.shift_out"),
    (_LAYER + r"DSconv\.conv_1\.conv\.weight", r"network.blocks.\1.\2.reduce.weight"),
    (r"temporal_conv_net\.filmtemporalblock_(\d+)_0\.film\.scaler\.", r"films.\1.gamma."),
    (r"temporal_conv_net\.filmtemporalblock_(\d+)_0\.film\.shifter\.", r"films.\1.beta."),
    (r"mask_conv1x1\.conv\.weight", "network.mask.weight"),
    # LCR-T: SpeechBrain's Dual_Path_Model; FiLM stands before each of its blocks.
    (r"norm\.(weight|bias)", r"network.norm.\1"),
    (r"conv1d\.weight", "network.bottleneck.weight"),
    (_THEIRS + r"norm1\.norm\.", _OURS + r"attention_norm."),
    (_THEIRS + r"self_att\.att\.in_proj_", _OURS + r"qkv."),
    (_THEIRS + r"self_att\.att\.out_proj\.", _OURS + r"out."),
    (_THEIRS + r"norm2\.norm\.", _OURS + r"mlp_norm."),
    (_THEIRS + r"pos_ffn\.ffn\.0\.", _OURS + r"mlp.0."),
    (_THEIRS + r"pos_ffn\.ffn\.3\.", _OURS + r"mlp.2."),
    (_PATH + r"mdl\.mdl\.norm\.norm\.", r"network.blocks.\1.\2.norm."),
    (_PATH + r"norm\.", r"network.blocks.\1.\2_norm."),
    (r"prelu\.weight", "network.slope"),
    (r"conv2d\.", "network.split."),
    (r"output\.0\.", "network.value."),
    (r"output_gate\.0\.", "network.gate."),
    (r"end_conv1x1\.weight", "network.mask.weight"),
    (r"films\.(\d+)\.scaler\.", r"films.\1.gamma."),
    (r"films\.(\d+)\.shifter\.", r"films.\1.beta."),
)  # fmt: skip
"""Their names of the mask network's tensors, from the start, to ours."""
_COMPUTED = re.compile(r"\.pos_enc\.pe$")
"""Tables that SpeechBrain stores and we compute."""


def checkpoint_folder(folder: Path) -> Path | None:
    """`folder`, or the latest of SpeechBrain's CKPT+<time> folders in it, where one holds a
    checkpoint of the authors' form; None if none does."""
    candidates = [folder, *sorted(folder.glob("CKPT+*"), reverse=True)]
    return next((path for path in candidates if (path / MASK_FILE).is_file()), None)


def load_authors(
    folder: Path, *, reader: ReaderConfig = READER, causal: bool = True, device: str = "cpu"
) -> JointRemixer:
    """Load one of the authors' checkpoints; the language model is found by `reader`.

    `causal` counts for LCR-C only, whose released weights are of the causal form (causal
    convolutions; its norms look at the whole recording all the same, so the card does not call it
    causal). Raises MissingWeightsError or WeightsError.
    """
    found = checkpoint_folder(folder)
    if found is None:
        raise MissingWeightsError(f"no {MASK_FILE} in {folder} or in a CKPT+* folder of it")
    missing = [name for name in FILES if not (found / name).is_file()]
    if missing:
        raise MissingWeightsError(
            f"{found} lacks {', '.join(missing)}; the authors' checkpoints have {', '.join(FILES)}"
        )
    remixer = read_remixer(found, causal=causal)
    language_model = PromptReader(reader)
    if language_model.z_dim != remixer.config.z_dim:
        raise WeightsError(
            f"{found} wants a language model {remixer.config.z_dim} wide; {reader.base} is "
            f"{language_model.z_dim} wide"
        )
    _load_lora(language_model, found / LORA_FILE)
    card = SystemCard(
        name=f"lcr-{remixer.config.block.lower()}-authors",
        family="joint",
        sample_rate=SAMPLE_RATE,
        causal=remixer.config.is_causal,
        reference="Jiang et al., Listen, Chat, and Remix, arXiv 2402.03710; the authors' weights",
        weights={f"{found.name}/{name}": sha256_of(found / name) for name in FILES},
        trained_on=CORPORA,
    )
    return JointRemixer(language_model, remixer, card, device=device)


def read_remixer(folder: Path, *, causal: bool = True) -> SoundRemixer:
    """The SoundRemixer of a checkpoint, without its language model. Raises WeightsError."""
    encoder, decoder, masks = (_read(folder / name) for name in FILES[:3])
    with must_fit(folder, "is not a checkpoint of LCR-C or LCR-T"):
        state = {_our_name(name): tensor for name, tensor in masks.items() if _stored(name)}
        state |= {"encoder.weight": encoder["conv1d.weight"], "decoder.weight": decoder["weight"]}
        config = _sizes(state, causal=causal)
        with torch.device("meta"):
            remixer = SoundRemixer(config)
        shapes = {name: value.shape for name, value in remixer.state_dict().items()}
        if set(state) != set(shapes):
            odd = sorted(set(state) ^ set(shapes))
            raise ValueError(f"{len(odd)} tensors are missing or unknown, such as {odd[0]}")
        fitted = {name: _fit(name, state[name], shape) for name, shape in shapes.items()}
        remixer.load_state_dict(fitted, assign=True)
    return remixer


def _read(path: Path) -> dict[str, Tensor]:
    return {name: value.float() for name, value in read_state(path).items()}


def _stored(name: str) -> bool:
    return _COMPUTED.search(name) is None


def _our_name(name: str) -> str:
    for theirs, ours in _NAMES:
        if re.match(theirs, name):
            return re.sub("^" + theirs, ours, name)
    raise ValueError(f"unknown tensor {name}")


def _sizes(state: Mapping[str, Tensor], *, causal: bool) -> SoundRemixerConfig:
    channels, _, kernel = state["encoder.weight"].shape
    convolutional = any(name.endswith(".taps") for name in state)
    width = len(state["network.bottleneck.weight"])
    if convolutional:
        hidden, _, taps = state["network.blocks.0.0.taps"].shape
        network: Any = TcnConfig(
            bottleneck=width,
            hidden=hidden,
            kernel=taps,
            layers=_count(state, r"network\.blocks\.0\.(\d+)\."),
            repeats=_count(state, r"network\.blocks\.(\d+)\."),
            causal=causal,
        )
        masks = len(state["network.mask.weight"]) // channels
    else:
        network = DualPathConfig(
            channels=width,
            blocks=_count(state, r"network\.blocks\.(\d+)\."),
            layers=_count(state, r"network\.blocks\.0\.intra\.layers\.(\d+)\."),
            feed_forward=len(state["network.blocks.0.intra.layers.0.mlp.0.weight"]),
        )
        masks = len(state["network.split.weight"]) // width
    return SoundRemixerConfig(
        block="C" if convolutional else "T",
        network=network,
        channels=channels,
        kernel=kernel,
        masks=masks,
        z_dim=state["films.0.gamma.0.weight"].shape[1],
    )


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def _fit(name: str, value: Tensor, shape: torch.Size) -> Tensor:
    """Convolutions' weights to ours: their decoder has (channels, 1, kernel), their depthwise ones
    (channels, 1, kernel); elsewhere only dimensions of size 1 differ."""
    if name == "decoder.weight" or name.endswith(".taps"):
        value = value.squeeze(1).t()
    if value.numel() != shape.numel():
        raise ValueError(f"{name} has the shape {tuple(value.shape)}, not {tuple(shape)}")
    return value.reshape(shape).contiguous()


def _load_lora(reader: PromptReader, path: Path) -> None:
    """Their names go through LlamaForCausalLM, whose LlamaModel is our encoder."""
    state = {
        name.replace("base_model.model.model.", "base_model.model.", 1): value
        for name, value in _read(path).items()
    }
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    encoder: Any = reader.encoder
    expected = {name: value.shape for name, value in get_peft_model_state_dict(encoder).items()}
    found = {name: value.shape for name, value in state.items()}
    if found != expected:
        odd = sorted(set(found.items()) ^ set(expected.items()))
        raise WeightsError(
            f"{path} does not fit {reader.config.base}: {len(odd)} tensors differ, such as {odd[0]}"
        )
    set_peft_model_state_dict(encoder, state)
