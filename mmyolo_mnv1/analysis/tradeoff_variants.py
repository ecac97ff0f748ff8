"""Variants of the trade-off between size, cost, latency and accuracy."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError

CONFIG, BASELINE = "configs/yolo11_mnv1_m.py", "configs/yolo11_m.py"
SCALES = ("m", "s", "n")
ALPHAS = (1.0, 0.75, 0.5, 0.25)  # MobileNets, table 6
RHOS = (1.0, 6 / 7, 5 / 7, 4 / 7)  # table 7: 224, 192, 160, 128


class Variant(NamedTuple):
    """A point of the sweep.

    Args:
        config (str): Config file that is changed.
        scale (str): One of n, s, m, l, x.
        alpha (float, optional): Width multiplier; None for YOLO11's own backbone.
        rho (float): Resolution multiplier.
    """

    config: str
    scale: str
    alpha: float | None
    rho: float

    @property
    def name(self) -> str:
        """Name in the style of the config files: ``yolo11_mnv1_m_a075_r080``."""
        family = "yolo11" if self.alpha is None else "yolo11_mnv1"
        width = "" if self.alpha in (None, 1) else f"_a{round(100 * self.alpha):03}"
        size = "" if self.rho == 1 else f"_r{round(100 * self.rho):03}"
        return f"{family}_{self.scale}{width}{size}"

    def options(self, options: dict) -> dict:
        """Add the changes of the config to ``options``, other changes."""
        changed = {**options, "model.scale": self.scale, "rho": self.rho}
        if self.alpha is not None:
            changed["model.backbone.alpha"] = self.alpha
        return changed


def variants(
    scales: Sequence[str] = SCALES,
    alphas: Sequence[float] = ALPHAS,
    rhos: Sequence[float] = RHOS,
    config: str = CONFIG,
    baseline: str = BASELINE,
) -> list[Variant]:
    """List the variants: of the baseline, then of MobileNetV1 in each width.

    Args:
        scales (Sequence[str]): Scales. Defaults to m, s and n.
        alphas (Sequence[float]): Width multipliers. Defaults to the paper's.
        rhos (Sequence[float]): Resolution multipliers. Defaults to the paper's.
        config (str): Config with MobileNetV1. Defaults to :data:`CONFIG`.
        baseline (str): Config with YOLO11's backbone. Defaults to :data:`BASELINE`.
    """
    widths = [(baseline, None), *((config, alpha) for alpha in alphas)]
    return [
        Variant(file, scale, alpha, rho)
        for file, alpha in widths
        for scale in scales
        for rho in rhos
    ]


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Find the Pareto front: points that no other point dominates.

    Args:
        costs (Sequence[float]): To be minimised.
        values (Sequence[float]): To be maximised.

    Returns:
        list[int]: Indices in order of cost; equal points are all included.
    """
    pairs = list(zip(costs, values, strict=True))
    order = sorted(range(len(pairs)), key=lambda i: (pairs[i][0], -pairs[i][1]))
    front: list[int] = []
    for i in order:
        best = pairs[front[-1]] if front else (0, float("-inf"))
        if pairs[i][1] > best[1] or pairs[i] == best:
            front.append(i)
    return front


def read_results(path: Path | None, points: Sequence[Variant]) -> dict[str, float]:
    """Read the mAP of variants.

    Args:
        path (Path, optional): JSON object of names and numbers from 0 to 1; None for no
            results.
        points (Sequence[Variant]): Variants of the sweep.

    Raises:
        InputError: If the file is not such an object, or a name is not a variant's.
    """
    if path is None:
        return {}
    try:
        results = json.loads(path.read_text())
        wrong = [name for name, v in results.items() if not 0 <= v <= 1]
    except (OSError, ValueError, AttributeError, TypeError) as e:
        raise InputError(
            f'--results {path}: {e}: give a JSON object such as {{"yolo11_m": 0.5}}'
        ) from None
    wrong += sorted(set(results) - {point.name for point in points})
    if wrong:
        raise InputError(
            f"--results {path}: {', '.join(wrong)}: not among the variants, or not "
            "from 0 to 1"
        )
    return results
