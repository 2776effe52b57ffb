"""The encoder with its head, as a PyTorch module for training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from model.encoder import CENTER, Base, Weights

LINEAR_LAYERS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def autocast(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 if the processor has it. Emulated, it takes nearly four times as long as float32."""
    if device.type == "cpu":
        has = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        has = device.type != "cuda" or torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=has)


class SentimentEncoder(nn.Module):
    """An encoder and one linear head.

    The head reads two vectors: that of the first token, which sees the entity and the text, and the mean over the
    text's own tokens, which is also the document's embedding. With ``rank``, LoRA on all linear layers is trained
    (Hu et al. 2021, arXiv 2106.09685), otherwise all weights but those of the embeddings. With ``top``, only that many
    last layers are trained. ``weights`` are where to start: None for the base's own, or those of a fine-tuned encoder
    with its head.
    """

    def __init__(
        self,
        base: Base,
        weights: Weights | None = None,
        rank: int | None = None,
        dropout: float = 0.1,
        top: int | None = None,
    ):
        super().__init__()
        first = max(0, base.layers - (top or base.layers))
        weights = base.weights if weights is None else weights
        words, hidden = weights["embeddings.word_embeddings.weight"].shape
        config = BertConfig(
            vocab_size=words,
            hidden_size=hidden,
            num_hidden_layers=base.layers,
            num_attention_heads=base.heads,
            intermediate_size=base.intermediate,
            max_position_embeddings=len(weights["embeddings.position_embeddings.weight"]),
            type_vocab_size=len(weights["embeddings.token_type_embeddings.weight"]),
            layer_norm_eps=base.epsilon,
            hidden_act="gelu",
        )
        encoder: Any = BertModel(config, add_pooling_layer=False)
        encoder.load_state_dict(
            {k: _tensor(v) for k, v in weights.items() if not k.startswith("head.") and k != CENTER}
        )
        self._center = {CENTER: weights[CENTER]} if CENTER in weights else {}
        for name, parameter in encoder.named_parameters():
            layer = int(name.split(".")[2]) if name.startswith("encoder.layer.") else -1
            parameter.requires_grad = layer >= first if first else "_embeddings" not in name
        if rank is not None:
            settings = LoraConfig(
                r=rank,
                lora_alpha=2 * rank,
                lora_dropout=0.05,
                target_modules=LINEAR_LAYERS,
                layers_to_transform=list(range(first, base.layers)),
                bias="none",
            )
            encoder = get_peft_model(encoder, settings)
        self.encoder: Any = encoder
        self.dropout = nn.Dropout(dropout)
        self.head: nn.Linear = nn.Linear(2 * hidden, 3)
        if "head.weight" in weights:
            self.head.load_state_dict({part: _tensor(weights[f"head.{part}"]) for part in ("weight", "bias")})

    def forward(self, ids: Tensor, types: Tensor, attention: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """(logits [n, 3], embedding [n, hidden]) of token ``ids`` [n, t]; ``text`` [n, t] marks the text's tokens."""
        hidden = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=attention).last_hidden_state
        weights = text.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        features = torch.cat([hidden[:, 0], mean], dim=1)
        return self.head(self.dropout(features)).float(), mean.float()

    @property
    def device(self) -> torch.device:
        """The device that holds the weights."""
        return self.head.weight.device

    def weights(self) -> Weights:
        """All weights by name, those of LoRA merged in."""
        encoder = self.encoder
        if hasattr(encoder, "merge_adapter"):
            encoder.merge_adapter()
        named = {
            name.removeprefix("base_model.model.").replace(".base_layer", ""): value.detach().cpu().numpy().copy()
            for name, value in encoder.state_dict().items()
            if ".lora_" not in name
        }
        if hasattr(encoder, "unmerge_adapter"):
            encoder.unmerge_adapter()
        return (
            named
            | self._center
            | {f"head.{name}": value.detach().cpu().numpy().copy() for name, value in self.head.state_dict().items()}
        )


def _tensor(value: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
