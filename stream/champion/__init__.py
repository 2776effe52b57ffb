"""The champion: a worker follows it, and a challenger scores in its shadow."""

from stream.champion.following import Swapper, announce
from stream.champion.shadow import ShadowScoring, chosen

__all__ = ["ShadowScoring", "Swapper", "announce", "chosen"]
