"""The diversity methods written down plainly: slow, no blocks, no bounds, whole matrices."""

import numpy as np


def plain_k_center(points, start, most):
    """Squared distances of whole numbers; the first of the farthest rows."""
    points = points.astype(np.int64)
    order = [start]
    far = ((points - points[start]) ** 2).sum(axis=1)
    while len(order) < min(most, len(points)):
        open_ = [row for row in range(len(points)) if row not in order]
        row = max(open_, key=lambda row: (far[row], -row))
        order.append(row)
        far = np.minimum(far, ((points - points[row]) ** 2).sum(axis=1))
    return order


def plain_facility(sims, most):
    """Greedy over sims[row][reference]: the first row with the largest gain, then layer by layer."""
    sims = sims.astype(np.int64)
    order, gains, covered = [], [], np.zeros(sims.shape[1], np.int64)
    fresh = True
    while len(order) < min(most, len(sims)):
        open_ = [row for row in range(len(sims)) if row not in order]
        gain = {row: int(np.maximum(sims[row] - covered, 0).sum()) for row in open_}
        row = max(open_, key=lambda row: (gain[row], -row))
        if not gain[row]:
            if fresh:
                return order + open_[: most - len(order)], gains + [0] * min(len(open_), most - len(order))
            covered[:], fresh = 0, True
            continue
        order.append(row)
        gains.append(gain[row])
        covered, fresh = np.maximum(covered, sims[row]), False
    return order, gains


def plain_dedup(sims, groups, order, threshold):
    """{row: the kept row it is like, or itself}: first in order stays, compared with rows that stay, per group."""
    stands = {}
    for group in sorted(set(groups)):
        kept = []
        for row in order:
            if groups[row] != group:
                continue
            like = [other for other in kept if sims[row][other] > threshold]
            stands[row] = like[0] if like else row
            if not like:
                kept.append(row)
    return stands


def their_dedup(sims, order, threshold):
    """The rule of the published code: an item goes when it is like any earlier one, kept or not."""
    return [row for at, row in enumerate(order) if not any(sims[row][other] > threshold for other in order[:at])]


def plain_density(square, most, width):
    """Sum over the `most` nearest rows (itself among them) of (1 - D^2 / width)+; `square` [N, N]."""
    if width <= 0:
        return np.ones(len(square))
    return np.array([np.maximum(0, 1 - np.sort(row)[:most] / width).sum() for row in square])


def plain_transport(distances, density, alpha, scale):
    """(s, mass [targets, K]) of the heap rule, by looking at every target at every step. `distances` ascending."""
    targets, most = distances.shape
    taken = [1] * targets
    cost = [0.0] * targets
    while True:
        counts = [sum(1 / density[j][i] for i in range(taken[j])) for j in range(targets)]
        j = min(range(targets), key=lambda j: (counts[j], j))
        s = counts[j]
        if taken[j] >= most:
            break
        cost[j] = distances[j][taken[j]] * s - sum(distances[j][i] / density[j][i] for i in range(taken[j]))
        if alpha / scale * sum(cost) >= (1 - alpha) * targets:
            break
        taken[j] += 1
    mass = np.zeros(distances.shape)
    for j in range(targets):
        left = 1 / targets
        for i in range(most):
            mass[j][i] = min(left, 1 / (targets * s * density[j][i]))
            left -= mass[j][i]
    return s, mass
