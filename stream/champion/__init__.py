"""The champion: a worker follows it, and a challenger scores in its shadow."""

from stream.champion.following import ChampionFollower, announce, worker_name
from stream.champion.shadow import ShadowScoring, chosen

__all__ = ["ChampionFollower", "ShadowScoring", "announce", "chosen", "worker_name"]
