"""Encoders and decoders: which state z is, and what padding, text, length and files may do."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from lcr.base_weights import MissingWeightsError
from lcr.nn.reader.prompt_reader import PromptReader
from lcr.nn.reader.text_encoder import PromptTruncatedWarning
from tests.tiny_models import BOS_ID, EOS, EOS_ID, KINDS, PROMPTS, WIDTH, reader, tiny_bases

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return tiny_bases(tmp_path_factory.mktemp("bases"))


def byte_ids(text: str) -> list[int]:
    """What the tiny tokenisers make of a text, written out: their letters are in byte order of
    the byte-to-unicode table that GPT-2 published."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    letters = {b: chr(b) for b in printable} | {b: chr(256 + n) for n, b in enumerate(rest)}
    order = {letter: i for i, letter in enumerate(sorted(letters.values()))}
    return [order[letters[b]] for b in text.encode()]


def hidden_by_hand(folder: Path, ids: Sequence[int]) -> Tensor:
    """(tokens, width) of one unpadded prompt, by the plain transformers model."""
    transformers: Any = pytest.importorskip("transformers")
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        states: Tensor = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    return states


@pytest.mark.parametrize(
    ("kind", "begin"), [("gpt2", []), ("llama", [BOS_ID]), ("llama that ends prompts", [BOS_ID])]
)
def test_a_decoders_z_is_its_state_at_one_eos(
    folders: dict[str, Path], kind: str, begin: list[int]
) -> None:
    model = reader(folders[kind])
    with torch.no_grad():
        z = model(PROMPTS)
    assert z.shape == (len(PROMPTS), WIDTH) == (len(PROMPTS), model.z_dim)
    for row, prompt in zip(z, PROMPTS, strict=True):
        by_hand = hidden_by_hand(folders[kind], [*begin, *byte_ids(prompt), EOS_ID])[-1]
        torch.testing.assert_close(row, by_hand, rtol=1e-5, atol=1e-5)


def test_an_encoder_decoder_is_read_by_its_encoder(folders: dict[str, Path]) -> None:
    transformers: Any = pytest.importorskip("transformers")
    whole = transformers.T5EncoderModel.from_pretrained(folders["t5"], local_files_only=True).eval()
    with torch.no_grad():
        states = whole(input_ids=torch.tensor([byte_ids(PROMPTS[0])])).last_hidden_state
        torch.testing.assert_close(reader(folders["t5"])(PROMPTS[:1]), states.mean(1))


def test_pooling_can_be_named(folders: dict[str, Path]) -> None:
    mean, final = (reader(folders["gpt2"], pooling=p) for p in ("mean", "final"))
    prompt = "mute the dog"
    with torch.no_grad():
        ids = mean.tokens([prompt])[0][0].tolist()
        states = hidden_by_hand(folders["gpt2"], ids)
        torch.testing.assert_close(mean([prompt])[0], states.mean(0), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(mean([prompt]), final([prompt]))


def test_a_model_without_eos_can_not_be_read_at_it(folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="no EOS token"):
        reader(folders["bert"], pooling="final", base=str(_without_eos(folders["gpt2"])))


def _without_eos(gpt2: Path) -> Path:
    transformers: Any = pytest.importorskip("transformers")
    folder = gpt2.parent / "gpt2-without-eos"
    transformers.AutoModel.from_pretrained(gpt2, local_files_only=True).save_pretrained(folder)
    tokenizers: Any = pytest.importorskip("tokenizers")
    plain = tokenizers.Tokenizer.from_file(str(gpt2 / "tokenizer.json"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=plain).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=25), min_size=1, max_size=4))
def test_a_batch_reads_as_one_by_one(folders: dict[str, Path], kind: str, texts: list[str]) -> None:
    model = _kept(folders[kind])
    with torch.no_grad():
        together = model(texts)
        alone = torch.cat([model([text]) for text in texts])
    assert torch.isfinite(together).all()
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


_KEPT: dict[Path, PromptReader] = {}


def _kept(folder: Path) -> PromptReader:
    if folder not in _KEPT:
        _KEPT[folder] = reader(folder, slots=9, max_tokens=128)
    return _KEPT[folder]


@pytest.mark.parametrize("kind", KINDS)
def test_reading_twice_and_building_twice_is_the_same(folders: dict[str, Path], kind: str) -> None:
    one, two = (reader(folders[kind], "lora", slots=5, project=3) for _ in range(2))
    with torch.no_grad():
        assert torch.equal(one(PROMPTS), one(PROMPTS))
        assert torch.equal(one(PROMPTS), two(PROMPTS))
        assert torch.equal(one(PROMPTS), copy.deepcopy(one)(PROMPTS))


def test_typed_special_tokens_are_text(folders: dict[str, Path]) -> None:
    model = reader(folders["gpt2"])
    ids, mask = model.tokens([f"a{EOS}b"])
    assert ids[0].tolist() == [*byte_ids(f"a{EOS}b"), EOS_ID]
    assert mask.all()


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [
        ("bert", 1, 1),
        ("gpt2", 0, 1),
        ("llama", 1, 1),
        ("llama that ends prompts", 1, 1),
        ("t5", 0, 0),
    ],
)
def test_long_prompts_are_cut_at_their_end_and_say_so(
    folders: dict[str, Path], kind: str, begin: int, end: int
) -> None:
    model = reader(folders[kind], max_tokens=20)
    words = [("the " if kind == "bert" else "x") * n for n in (20 - begin - end, 21 - begin - end)]
    fits, mask = model.tokens(words[:1])  # as long as may be: no warning, or this test fails
    assert fits.shape == (1, 20)
    assert mask.all()
    with pytest.warns(PromptTruncatedWarning, match="of 21 tokens is read up to its first 20"):
        ids, mask = model.tokens([words[1], "the"])
    assert ids[0].tolist() == fits[0].tolist()
    assert mask.sum(1).tolist() == [20, begin + end + (1 if kind == "bert" else 3)]
    if "bert" not in kind and end:
        assert ids[0, -1] == EOS_ID


@pytest.mark.parametrize(("tokens", "words"), [(129, "128 positions"), (1, "needs 2")])
def test_a_length_that_the_model_has_not_is_refused(
    folders: dict[str, Path], tokens: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        reader(folders["gpt2"], max_tokens=tokens)


def test_projection_and_slots_make_z(folders: dict[str, Path]) -> None:
    model = reader(folders["gpt2"], slots=9, project=3)
    with torch.no_grad():
        reading = model.read(PROMPTS)
        z = model(PROMPTS)
    assert z.shape == (4, 12) == (4, model.z_dim)
    assert torch.equal(z, torch.cat([reading.slots, reading.embedding], 1))
    plain = reader(folders["gpt2"])
    with torch.no_grad():
        torch.testing.assert_close(reading.embedding, model.project(plain(PROMPTS)))


def test_no_prompt_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="no prompt"):
        reader(folders["gpt2"])([])


def test_folders_that_do_not_fit_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    lacking = Path(shutil.copytree(folders["gpt2"], tmp_path / "lacking"))
    tensors = load_file(lacking / "model.safetensors")
    gone = next(name for name in sorted(tensors) if "mlp" in name)
    del tensors[gone]
    save_file(tensors, lacking / "model.safetensors", {"format": "pt"})
    with pytest.raises(MissingWeightsError, match=r"lacks 1 weights of a gpt2, such as .*mlp"):
        reader(lacking)
    (lacking / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(MissingWeightsError, match="cannot be loaded"):
        reader(lacking)
    (lacking / "model.safetensors").unlink()
    with pytest.raises(MissingWeightsError, match="cannot be loaded"):
        reader(lacking)
