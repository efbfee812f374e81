"""Pretrained transformers encoders and decoders, made ready to be read from: loading, LoRA,
quantisation, and prompts to padded token ids."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lcr.base_weights import MissingWeightsError
from lcr.errors import LcrError
from lcr.nn.reader.config import Bits, LoraConfig, Mode, Pooling, ReaderConfig
from lcr.nn.reader.light_bert import LightBert, LightTokenizer, is_light

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


class MissingPackageError(LcrError):
    """An optional package is needed; the message says which and how to get it."""


class PromptTruncatedWarning(UserWarning):
    """A prompt is longer than the reader reads; its end is not heard."""


@dataclass(frozen=True)
class PromptTokenizer:
    """Prompts to token ids as a model was trained on, no longer than `max_tokens`.

    `eos` is the id that goes behind every prompt; None where `tokenizer` ends prompts itself.
    """

    tokenizer: PreTrainedTokenizerBase
    pooling: Pooling
    eos: int | None
    max_tokens: int

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids and mask of 0 and 1, (texts, longest) int64, padded on the right.

        A text is cut behind its first `max_tokens` tokens, those that begin and end it counted in,
        with a PromptTruncatedWarning; what ends it (EOS, [SEP]) is kept.
        """
        end = [] if self.eos is None else [self.eos]
        room = self.max_tokens - len(end)
        options = {"return_attention_mask": False}
        if self.pooling == "final":
            options["split_special_tokens"] = True  # an EOS that somebody typed is text
        cut = self.tokenizer(list(texts), truncation=True, max_length=room, **options)["input_ids"]
        for text, row in zip(texts, cut, strict=True):
            if len(row) >= room:
                whole = self.tokenizer(text, verbose=False, **options)["input_ids"]
                self._warn_if_cut(len(whole) + len(end))
        padding = self.tokenizer.pad_token_id or 0
        # A tokeniser without end tokens leaves nothing of an empty prompt: a pad stands for it.
        rows = [torch.tensor([*row, *end] or [padding]) for row in cut]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(ids.shape[1]).unsqueeze(0) < lengths.unsqueeze(1)
        return ids, mask.long()

    def _warn_if_cut(self, tokens: int) -> None:
        if tokens > self.max_tokens:
            warnings.warn(
                f"a prompt of {tokens} tokens is read up to its first {self.max_tokens}: "
                "what comes after is not heard",
                PromptTruncatedWarning,
                stacklevel=3,
            )


@dataclass(frozen=True)
class TextEncoder:
    """A loaded `model(input_ids, attention_mask)` with a `last_hidden_state` of `width`."""

    tokens: PromptTokenizer
    model: nn.Module
    width: int


def load_text_encoder(folder: Path, settings: ReaderConfig) -> TextEncoder:
    """Load the model in `folder`; only what the config's mode trains asks for gradients.

    Where the config names no pooling it is "final" for decoders (models that transformers knows
    with a causal and without a masked language model), else "mean". Raises MissingWeightsError
    when files lack or do not fit each other, MissingPackageError for `bits` without bitsandbytes,
    ValueError for settings that the model does not allow.
    """
    # transformers and peft take seconds to import: only who reads prompts pays for it.
    from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

    options: dict[str, Any] = {"dtype": getattr(torch, settings.dtype)}
    if settings.bits is not None:
        options["quantization_config"] = _quantisation(settings.bits, options["dtype"])
    try:
        with quiet():
            config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            kind: Any = AutoModelForTextEncoding if config.is_encoder_decoder else AutoModel
            model, found = kind.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, **options
            )
    except ImportError as error:  # such as accelerate, which quantised weights are loaded with
        raise MissingPackageError(str(error)) from error
    except Exception as error:  # transformers, tokenizers and safetensors raise types of their own
        raise MissingWeightsError(f"{folder} cannot be loaded: {error}") from error
    # transformers would leave them random with no more than a note.
    lacking = sorted(k for k in found["missing_keys"] if not is_pooler(k))
    if lacking:
        raise MissingWeightsError(
            f"{folder} lacks {len(lacking)} weights of a {config.model_type}, such as {lacking[0]}"
        )
    width = getattr(config, "hidden_size", None)
    if not isinstance(width, int):
        raise ValueError(f"{folder} holds a {config.model_type}: not an encoder or decoder of text")
    pooling = settings.pooling or ("final" if _is_decoder(config) else "mean")
    eos = None
    if pooling == "final":
        config.use_cache = model.config.use_cache = False  # nothing is generated
        eos = _appended_eos(tokenizer, folder)
    tokenizer.truncation_side = "right"  # whatever the folder says
    tokens = PromptTokenizer(tokenizer, pooling, eos, settings.max_tokens)
    _check_length(tokens, getattr(config, "max_position_embeddings", None))
    _set_trained(model, settings.trains)
    if settings.lora is not None and settings.trains == "lora":
        model = _with_lora(model, settings.lora, quantised=settings.bits is not None)
    return TextEncoder(tokens, model, width)


def load_light_encoder(folder: Path, settings: ReaderConfig) -> TextEncoder:
    """`load_text_encoder` for inference, without transformers and peft where
    `lcr.nn.reader.light_bert` does: the same numbers up to rounding, some seconds sooner. Raises as
    that does."""
    if not is_light(folder, settings):
        return load_text_encoder(folder, settings)
    light: Any = LightTokenizer(folder)
    tokens = PromptTokenizer(light, "mean", None, settings.max_tokens)
    _check_length(tokens, light.model_max_length)
    lora = settings.lora if settings.trains == "lora" else None
    model = LightBert(folder, lora).eval()
    return TextEncoder(tokens, model, model.width)


def is_pooler(name: str) -> bool:
    """Whether a parameter belongs to the pooling head, which no hidden state passes through."""
    return "pooler" in name.split(".")


def digest(folder: Path, model: nn.Module) -> bytes:
    """SHA-256 of what a model makes of a text: its weights as they are in memory, its config and
    tokeniser in `folder`, and the version of transformers that runs it."""
    from transformers import __version__

    sha256 = hashlib.sha256(__version__.encode())
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".txt", ".model")):
        sha256.update(path.name.encode() + path.read_bytes())
    for name, value in sorted(model.state_dict().items()):
        # Absent from some folders, and then random.
        if not is_pooler(name):
            sha256.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            sha256.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return sha256.digest()


def _check_length(tokens: PromptTokenizer, positions: int | None) -> None:
    tokenizer, wanted = tokens.tokenizer, tokens.max_tokens
    most = min(tokenizer.model_max_length, positions or tokenizer.model_max_length)
    least = len(tokenizer("")["input_ids"]) + (tokens.eos is not None) + 1
    if wanted < least:
        raise ValueError(f"max_tokens is {wanted}; this model needs {least} for a word")
    if wanted > most:
        raise ValueError(f"max_tokens is {wanted}; this model has {most} positions")


def _is_decoder(config: PreTrainedConfig) -> bool:
    from transformers.models.auto import modeling_auto as auto

    if config.is_encoder_decoder:
        return False  # its encoder alone is loaded
    causal = config.model_type in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked = config.model_type in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    both_ways = getattr(config, "use_bidirectional_attention", False)
    return bool(getattr(config, "is_decoder", False) or (causal and not masked and not both_ways))


def _appended_eos(tokenizer: PreTrainedTokenizerBase, folder: Path) -> int | None:
    if tokenizer.eos_token_id is None:
        raise ValueError(f"the tokeniser in {folder} has no EOS token for z to be read at")
    eos = int(tokenizer.eos_token_id)
    return None if tokenizer("x")["input_ids"][-1:] == [eos] else eos


def _quantisation(bits: Bits, dtype: torch.dtype) -> object:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingPackageError(
            f"weights of {bits} bits need bitsandbytes: pip install bitsandbytes, or leave `bits` "
            "out and take dtype bfloat16"
        )
    from transformers import BitsAndBytesConfig

    untyped: Any = BitsAndBytesConfig
    return untyped(
        load_in_8bit=bits == 8,
        load_in_4bit=bits == 4,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_type="nf4",
    )


def _set_trained(model: nn.Module, mode: Mode) -> None:
    model.eval()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(mode == "all" and not is_pooler(name))


def _with_lora(model: PreTrainedModel, lora: LoraConfig, *, quantised: bool) -> nn.Module:
    from peft import LoraConfig as PeftLora
    from peft import get_peft_model, prepare_model_for_kbit_training
    from transformers.pytorch_utils import Conv1D

    if quantised:
        prepare: Any = prepare_model_for_kbit_training
        model = prepare(model, use_gradient_checkpointing=False)
    settings = PeftLora(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules=None if lora.targets is None else list(lora.targets),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with warnings.catch_warnings():
        # peft looks at an attribute that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        try:
            return get_peft_model(model, settings)
        except ValueError as error:
            kind = model.config.model_type
            raise ValueError(
                f"lora.targets do not fit a {kind}, or it needs some: {error}"
            ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No bar for 0.1 s of loading and no report of heads that are not used: noise everywhere."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    bar, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
