"""Groups of texts that are nearly the same, so that a split never has such a pair on both sides."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

_WORD = re.compile(r"[\u4e00-\u9fff]{1,2}|[^\W_\u4e00-\u9fff]+")
"""A word, or two Chinese characters."""


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case; for Chinese, pairs of characters."""
    return _WORD.findall(text.lower())


def clusters(texts: Sequence[str], threshold: float = 0.8) -> list[int]:
    """The number of each text's cluster. Two texts share a cluster if the Jaccard similarity of their sets of words is
    at least ``threshold``, or if a chain of such pairs links them.

    Candidates are found by prefix filtering (Chaudhuri et al. 2006, "A primitive operator for similarity joins"): two
    such sets share a word among the rarest ``n - ceil(threshold * n) + 1`` of each.
    """
    sets = [frozenset(words(text)) for text in texts]
    frequency = Counter(token for tokens in sets for token in tokens)
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    index: dict[str, list[int]] = defaultdict(list)
    for i, tokens in enumerate(sets):
        rarest = sorted(tokens, key=lambda token: (frequency[token], token))
        prefix = rarest[: len(rarest) - -(-len(rarest) * int(threshold * 100) // 100) + 1]
        for token in prefix:
            for j in index[token]:
                if root(i) != root(j):
                    union = len(tokens | sets[j])
                    if union and len(tokens & sets[j]) >= threshold * union:
                        parent[root(i)] = root(j)
            index[token].append(i)
    return [root(i) for i in range(len(texts))]
