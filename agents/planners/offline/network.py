"""The offline planner's network: MiniLM reads a prompt and an inventory as one sequence.

[CLS] prompt [SEP] <speech> <gender=F> <pitch=low> … <audio> dog barking … <rest>

Words of the prompt and of the labels are MiniLM's tokens; speaking styles, the same few for ever,
and the marker that begins each source are tokens learnt here. A source's action is read at its
marker, that of all else at <rest>: every decision sees the whole prompt and all other sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lcr.base_weights import MINILM, find_base
from lcr.errors import LcrError
from lcr.instruction import STYLE_VALUES, Action, AudioDescription, Description
from lcr.nn.reader.config import LoraConfig, ReaderConfig
from lcr.nn.reader.text_encoder import load_text_encoder

ACTIONS = tuple(Action)
MOST_SOURCES = 24
_MOST_LABEL_TOKENS = 14

_MARKERS = {"speech": "speaker voice", "audio": "sound", "rest": "everything else"}
_STYLE_TOKENS = [(name, value) for name, values in STYLE_VALUES.items() for value in values]
_TEMPO = {"low": "slow", "normal": "normal", "high": "fast"}


class InventoryError(LcrError):
    """More sources than the planner reads."""


@dataclass(frozen=True, kw_only=True)
class PlannerConfig:
    """`lora` is of every linear layer in the encoder; `hints`: whether a source's marker also
    tells what the keyword planner would do with it."""

    base: str = MINILM
    lora_rank: int = 16
    lora_alpha: float = 16.0
    lora_dropout: float = 0.05
    max_tokens: int = 96
    hints: bool = True

    def reader(self) -> ReaderConfig:
        """What `load_text_encoder` takes."""
        layers = ("query", "key", "value", "intermediate.dense", "output.dense")
        lora = LoraConfig(
            rank=self.lora_rank, alpha=self.lora_alpha, dropout=self.lora_dropout, targets=layers
        )
        return ReaderConfig(slots=0, base=self.base, lora=lora, max_tokens=self.max_tokens)


@dataclass(frozen=True)
class Question:
    """A prompt and the sources it may be about; `hints`, where there are any, an action each."""

    prompt: str
    descriptions: tuple[Description, ...]
    hints: tuple[Action, ...] | None = None


class PlannerNetwork(nn.Module):
    """Questions to logits of the four actions, for each source and for all else.

    Raises MissingWeightsError without its base.
    """

    def __init__(self, config: PlannerConfig) -> None:
        super().__init__()
        self.config = config
        loaded = load_text_encoder(find_base(config.base), config.reader())
        self.tokens, self.encoder, width = loaded.tokens, loaded.model, loaded.width
        self.words: nn.Module = self._bert().get_input_embeddings()
        count = self._word_weight().shape[0]
        self._marker = {name: count + i for i, name in enumerate(_MARKERS)}
        first = count + len(_MARKERS)
        self._style = {pair: first + i for i, pair in enumerate(_STYLE_TOKENS)}
        self._first_learnt = count
        self.learnt = nn.Embedding(len(_MARKERS) + len(_STYLE_TOKENS), width)
        self._start_from_words()
        self.hint = nn.Embedding(len(ACTIONS) + 1, width)
        nn.init.zeros_(self.hint.weight)
        self.act = nn.Linear(width, len(ACTIONS))
        self._labels: dict[str, list[int]] = {}

    def forward(self, questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
        """Logits (questions, most sources + 1, actions) and which of them are there, (questions,
        most sources + 1) bool. The last that is there in a row is that of all else.

        Raises InventoryError for more than MOST_SOURCES sources.
        """
        ids, mask, markers, hints = self._sequences(questions)
        learnt = ids >= self._first_learnt
        words = self.words(ids.masked_fill(learnt, 0))
        own = self.learnt((ids - self._first_learnt).clamp_min(0))
        embedded = torch.where(learnt.unsqueeze(-1), own, words)
        there = markers >= 0
        rows = torch.arange(len(ids), device=ids.device).unsqueeze(1).expand_as(markers)[there]
        embedded = embedded.index_put(
            (rows, markers[there]), self.hint(hints[there]), accumulate=True
        )
        out = self.encoder(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        at = markers.clamp_min(0).unsqueeze(-1).expand(-1, -1, out.shape[-1])
        logits: Tensor = self.act(out.gather(1, at))
        return logits, there

    def trained_state(self) -> dict[str, Tensor]:
        """What training changed: LoRA, the learnt tokens, the head."""
        return {
            name: value
            for name, value in self.state_dict().items()
            if "lora_" in name or name.partition(".")[0] in ("learnt", "hint", "act")
        }

    def merge(self) -> None:
        """Fold LoRA into the encoder, for good, and stop learning."""
        adapted: Any = self.encoder
        self.encoder = adapted.merge_and_unload()
        self.requires_grad_(False).eval()

    def _bert(self) -> Any:  # noqa: ANN401 - peft's wrapper types are its own
        encoder: Any = self.encoder
        return encoder.get_base_model()

    def _word_weight(self) -> Tensor:
        words: Any = self.words
        weight: Tensor = words.weight
        return weight

    def _start_from_words(self) -> None:
        """Learnt tokens begin as the mean of words that say nearly the same."""
        said = list(_MARKERS.values())
        for name, value in _STYLE_TOKENS:
            word = _TEMPO[value] if name == "tempo" else value
            said.append(
                {"gender": {"M": "male man", "F": "female woman"}.get(value, "")}.get(
                    name, f"{word} {name}"
                )
            )
        with torch.no_grad():
            for row, text in enumerate(said):
                ids = torch.tensor(self._text_ids(text))
                self.learnt.weight[row] = self._word_weight()[ids].mean(0)

    def _text_ids(self, text: str) -> list[int]:
        found = self.tokens.tokenizer(
            text, add_special_tokens=False, truncation=True, max_length=_MOST_LABEL_TOKENS
        )["input_ids"]
        return list(found)

    def _label_ids(self, label: str) -> list[int]:
        if label not in self._labels:
            if len(self._labels) > 10_000:
                self._labels.clear()
            self._labels[label] = self._text_ids(label.encode("utf-8", "replace").decode("utf-8"))
        return self._labels[label]

    def _source_ids(self, description: Description) -> list[int]:
        if isinstance(description, AudioDescription):
            return [self._marker["audio"], *self._label_ids(description.label)]
        styles = [self._style[pair] for pair in description.known.items()]
        return [self._marker["speech"], *styles]

    def _sequences(self, questions: Sequence[Question]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Ids and mask (questions, tokens), places of the markers (questions, sources + 1; -1
        where there is none) and hints there (0: none)."""
        texts = [q.prompt.encode("utf-8", "replace").decode("utf-8") for q in questions]
        prompt_ids, prompt_mask = self.tokens(texts)
        rows, places, hints = [], [], []
        for number, question in enumerate(questions):
            if len(question.descriptions) > MOST_SOURCES:
                raise InventoryError(
                    f"{len(question.descriptions)} sources; the offline planner reads up to "
                    f"{MOST_SOURCES}: give it fewer"
                )
            row = prompt_ids[number, : int(prompt_mask[number].sum())].tolist()
            place = []
            for description in question.descriptions:
                place.append(len(row))
                row += self._source_ids(description)
            place.append(len(row))
            row.append(self._marker["rest"])
            told = question.hints or ()
            hint = [1 + ACTIONS.index(action) for action in told]
            rows.append(torch.tensor(row))
            places.append(torch.tensor(place))
            hints.append(torch.tensor(hint + [0] * (len(place) - len(hint))))
        device = self.act.weight.device
        pad = nn.utils.rnn.pad_sequence
        ids = pad(rows, batch_first=True).to(device)
        lengths = torch.tensor([len(row) for row in rows], device=device)
        mask = torch.arange(ids.shape[1], device=device) < lengths.unsqueeze(1)
        markers = pad(places, batch_first=True, padding_value=-1).to(device)
        return ids, mask.long(), markers, pad(hints, batch_first=True).to(device)
