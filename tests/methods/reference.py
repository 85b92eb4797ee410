"""Slow, obvious versions of what the methods compute. They share no code with the product but the words."""

import gzip
import hashlib
import math
import re

WORD = re.compile(r"\b\w\w+\b")


def zipfit(rows: list[str], targets: list[str], variant="header_corrected", aggregation="mean", level=9) -> list[float]:
    def size(text: str) -> int:
        return len(gzip.compress(text.encode(), level))

    free = 18 if variant == "header_corrected" else 0
    scores = []
    for row in rows:
        found = []
        for target in targets:
            one, other, both = size(row), size(target), size(row + target)
            found.append((one + other - both - free) / (max(one, other) - free))
        scores.append(max(found) if aggregation == "max" else math.fsum(found) / len(found))
    return scores


def bm25_matrix(rows: list[str], targets: list[str], k1=1.5, b=0.75) -> list[list[float]]:
    """rows × targets."""
    said = [WORD.findall(row.lower()) for row in rows]
    mean = sum(map(len, said)) / len(said) or 1
    having = {word: sum(word in row for row in said) for target in targets for word in WORD.findall(target.lower())}
    matrix = []
    for row in said:
        line = []
        for target in targets:
            score = 0.0
            for word in WORD.findall(target.lower()):
                often, n = row.count(word), having[word]
                idf = math.log(1 + (len(rows) - n + 0.5) / (n + 0.5))
                score += idf * often / (often + k1 * (1 - b + b * len(row) / mean)) if often else 0
            line.append(score)
        matrix.append(line)
    return matrix


def round_robin(matrix: list[list[float]], keys: list[str]) -> list[str]:
    """Each target in turn takes the next row of its own list; rows that are taken already are passed by."""
    targets = len(matrix[0])
    lists = []
    for target in range(targets):
        having = [row for row in range(len(keys)) if matrix[row][target] > 0]
        lists.append(sorted(having, key=lambda row, target=target: (-matrix[row][target], keys[row])))
    order: list[str] = []
    for rank in range(max(map(len, lists), default=0)):
        for ranked in lists:
            if rank < len(ranked) and keys[ranked[rank]] not in order:
                order.append(keys[ranked[rank]])
    return order


def chance(seed: int, key: str) -> float:
    secret = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
    value = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8, key=secret).digest(), "little")
    return ((value >> 11) + 0.5) / 2**53


def jaccard(one: str, other: str) -> float:
    def grams(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))}

    return len(grams(one) & grams(other)) / len(grams(one) | grams(other))
