"""Latency job of Ultralytics' network, in place of ours."""

from dataclasses import dataclass

import torch
from torch import nn

from mmyolo_mnv1.analysis.latency_job import LatencyJob
from mmyolo_mnv1.analysis.subject import Subject

#: Ultralytics' network, with the memory format that it uses and with ours.
NETWORK_PEERS = {
    "ultralytics": torch.contiguous_format,
    "ultralytics-channels-last": torch.channels_last,
}


@dataclass(frozen=True)
class UltralyticsJob(LatencyJob):
    """Latency job of Ultralytics' network with the weights of a config's detector.

    Args:
        peer (str): Key of :data:`NETWORK_PEERS`.
    """

    peer: str = "ultralytics"

    def network(self, subject: Subject) -> nn.Module:
        """See the parent."""
        from benchmarks.network.ultralytics_network import build_ultralytics

        return build_ultralytics(subject, NETWORK_PEERS[self.peer])
