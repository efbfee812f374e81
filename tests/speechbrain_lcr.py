"""LCR-C and LCR-T put together from SpeechBrain's own modules with the authors' FiLM placement, and
saved as their checkpoints are: what `lcr.joint.authors` is held against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.speechbrain_modules import speechbrain_module


class Film(nn.Module):
    """gamma h + beta; the authors call the perceptrons scaler and shifter."""

    def __init__(self, z_dim: int, channels: int) -> None:
        super().__init__()
        self.scaler, self.shifter = (
            nn.Sequential(nn.Linear(z_dim, channels), nn.ReLU(), nn.Linear(channels, channels))
            for _ in range(2)
        )

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """`h` (batch, frames, channels), or (batch, channels, chunk, chunks) as dual paths have."""
        gamma, beta = self.scaler(z), self.shifter(z)
        if h.dim() == 4:
            return gamma[:, :, None, None] * h + beta[:, :, None, None]
        return gamma[:, None] * h + beta[:, None]


class Reference(nn.Module):
    """Encoder, mask network with FiLM and decoder; (batch, samples) and (batch, z_dim) ->
    (batch, samples)."""

    def __init__(self, channels: int, z_dim: int) -> None:
        super().__init__()
        dual_path = speechbrain_module("lobes.models.dual_path")
        self.encoder = dual_path.Encoder(kernel_size=16, out_channels=channels)
        self.decoder = dual_path.Decoder(
            in_channels=channels, out_channels=1, kernel_size=16, stride=8, bias=False
        )
        self.z_dim = z_dim

    def mask(self, h: Tensor, z: Tensor) -> Tensor:
        raise NotImplementedError

    def mask_state(self) -> dict[str, Tensor]:
        raise NotImplementedError

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        h = self.encoder(mixture)
        y = self.decoder(h * self.mask(h, z)).reshape(len(mixture), -1)
        return nn.functional.pad(y, (0, mixture.shape[1] - y.shape[1]))

    def save(self, folder: Path) -> Path:
        """All but the language model, as SpeechBrain's Checkpointer writes it."""
        folder.mkdir(parents=True)
        (folder / "CKPT.yaml").write_text("# yamllint disable\nend-of-epoch: true\n")
        torch.save(self.encoder.state_dict(), folder / "encoder.ckpt")
        torch.save(self.decoder.state_dict(), folder / "decoder.ckpt")
        torch.save(self.mask_state(), folder / "masknet.ckpt")
        return folder


class Convolutional(Reference):
    """LCR-C: FiLM on the bottleneck's channels before each repeat's first layer."""

    def __init__(self, z_dim: int, *, causal: bool, masks: int = 1) -> None:
        super().__init__(12, z_dim)
        conv_tasnet = speechbrain_module("lobes.models.conv_tasnet")
        self.masknet = conv_tasnet.MaskNet(12, 6, 10, 3, 3, 2, masks, "gLN", causal)
        self.films = nn.ModuleList(Film(z_dim, 6) for _ in range(2))

    def mask(self, h: Tensor, z: Tensor) -> Tensor:
        net = self.masknet
        y = net.bottleneck_conv1x1(net.layer_norm(h.permute(0, 2, 1)))
        for i, block in enumerate(net.temporal_conv_net.values()):
            y = block(self.films[i // 3](y, z) if i % 3 == 0 else y)
        score = net.mask_conv1x1(y).relu()  # (batch, frames, masks * channels)
        return score.unflatten(-1, (net.C, -1)).sum(2).permute(0, 2, 1)

    def mask_state(self) -> dict[str, Tensor]:
        state = {
            name.replace("temporalblock", "filmtemporalblock"): value
            for name, value in self.masknet.state_dict().items()
        }
        for i, film in enumerate(self.films):
            for name, value in film.state_dict().items():
                state[f"temporal_conv_net.filmtemporalblock_{i}_0.film.{name}"] = value
        return state


class Transformer(Reference):
    """LCR-T: FiLM on the chunks before each of the two dual-path blocks."""

    def __init__(self, z_dim: int) -> None:
        super().__init__(16, z_dim)
        dual_path = speechbrain_module("lobes.models.dual_path")
        intra, inter = (
            dual_path.SBTransformerBlock(
                num_layers=2,
                d_model=16,
                nhead=8,
                d_ffn=24,
                dropout=0,
                use_positional_encoding=True,
                norm_before=True,
            )
            for _ in range(2)
        )
        self.masknet = dual_path.Dual_Path_Model(
            in_channels=16,
            out_channels=16,
            intra_model=intra,
            inter_model=inter,
            num_layers=2,
            K=250,
            num_spks=1,
            linear_layer_after_inter_intra=False,
        )
        self.films = nn.ModuleList(Film(z_dim, 16) for _ in range(2))

    def mask(self, h: Tensor, z: Tensor) -> Tensor:
        net = self.masknet
        y, gap = net._Segmentation(net.conv1d(net.norm(h)), net.K)
        for film, block in zip(self.films, net.dual_mdl, strict=True):
            y = block(film(y, z))
        y = net._over_add(net.conv2d(net.prelu(y)), gap)
        return net.activation(net.end_conv1x1(net.output(y) * net.output_gate(y)))

    def mask_state(self) -> dict[str, Tensor]:
        films = {f"films.{name}": value for name, value in self.films.state_dict().items()}
        return {**self.masknet.state_dict(), **films}


def shaken(reference: Reference) -> Reference:
    """Random everywhere, so that no two tensors can be exchanged unnoticed."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return reference.eval()


class LanguageModel:
    """The authors' use of LLaMA: LoRA of rank 16 on query and value, EOS behind the prompt, z the
    last hidden state at the last token."""

    def __init__(self, folder: Path) -> None:
        transformers: Any = pytest.importorskip("transformers")
        peft: Any = pytest.importorskip("peft")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        base = transformers.AutoModelForCausalLM.from_pretrained(folder)
        settings = peft.LoraConfig(
            r=16, lora_alpha=16, target_modules=["q_proj", "v_proj"], lora_dropout=0.05, bias="none"
        )
        self.model = peft.get_peft_model(base, settings).eval()
        self.state = peft.get_peft_model_state_dict
        torch.manual_seed(1)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if "lora_" in name:
                    parameter.normal_(std=0.2)

    @torch.no_grad()
    def read(self, prompt: str) -> Tensor:
        ids = self.tokenizer(prompt, return_tensors="pt")["input_ids"]
        hidden: Tensor = self.model(ids, output_hidden_states=True).hidden_states[-1]
        return hidden[:, -1]

    def save(self, folder: Path) -> None:
        torch.save(self.state(self.model), folder / "lora_llm.ckpt")
