"""Latency jobs of Ultralytics' networks, in place of ours."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from mmyolo_mnv1.analysis.latency_job import LatencyJob
from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.analysis.worker import Runs
from mmyolo_mnv1.compat import flop_counter
from mmyolo_mnv1.config import input_shape, load_config


class NetworkPeer(NamedTuple):
    """A network of Ultralytics'.

    Args:
        memory_format (torch.memory_format): Memory format of its feature maps.
        family (str, optional): Family of its model, of which the scale of our config
            is taken. Defaults to None, YOLO11 with our weights.
    """

    memory_format: torch.memory_format = torch.contiguous_format
    family: str | None = None


#: YOLO11 with the memory format that Ultralytics uses and with ours; YOLO26.
NETWORK_PEERS = {
    "ultralytics": NetworkPeer(),
    "ultralytics-channels-last": NetworkPeer(torch.channels_last),
    "yolo26": NetworkPeer(family="yolo26"),
}


@dataclass(frozen=True)
class UltralyticsJob(LatencyJob):
    """Latency job of Ultralytics' network in place of a config's detector.

    Args:
        peer (str): Key of :data:`NETWORK_PEERS`.
    """

    peer: str = "ultralytics"

    def network(self, subject: Subject) -> nn.Module:
        """See the parent."""
        from benchmarks.network.ultralytics_network import build_ultralytics

        return build_ultralytics(subject, NETWORK_PEERS[self.peer])


class CountJob(NamedTuple):
    """Task that counts a network of another family; the counts are its facts.

    Args:
        config (str): Config file with the scale, classes and input shape.
        options (dict): Changes of the config.
        family (str): See :class:`NetworkPeer`.
    """

    config: str
    options: dict
    family: str

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`."""
        from benchmarks.network.ultralytics_network import build_untrained

        cfg = load_config(self.config, dict(self.options))
        network = build_untrained(cfg, self.family).fuse(verbose=False)
        params = sum(parameter.numel() for parameter in network.parameters())
        with torch.no_grad(), flop_counter(network) as counter:
            network(torch.zeros(1, 3, *input_shape(cfg)))
        flops = counter.get_flop_counts()["Global"]
        total = sum(flops.values())
        return {}, dict(
            params=params,
            params_fused=params,
            conv_macs=flops[torch.ops.aten.convolution] // 2,
            macs=total // 2,
            flops=total,
        )
