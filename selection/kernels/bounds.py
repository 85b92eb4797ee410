"""How sure a share is that was counted in a sample."""


def upper_share(hits: int, looked: int, confidence: float = 0.95) -> float:
    """The largest share that still gives `hits` or fewer of `looked` with probability 1 - confidence.

    Clopper and Pearson 1934; 1 - (1 - confidence)^(1/looked) for no hit, 1 for nothing looked at.
    """
    if looked == 0 or hits >= looked:
        return 1.0
    from scipy.stats import beta

    return float(beta.ppf(confidence, hits + 1, looked - hits))
