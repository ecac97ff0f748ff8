"""Batches in memory that workers and the training process share and use again.

PyTorch makes a new file in /dev/shm for each batch, and the kernel fills it with zeros,
page by page, in the worker and once more in the reader. Here the same pages serve batch
after batch, and /dev/shm, which containers keep small, is not needed.
"""

import mmap
import multiprocessing
import os
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

#: Bound in bytes; memory is taken only as batches in flight need it.
MAX_BYTES = 2_000_000_000
#: Batches in flight at most; there are prefetch_factor for each worker, and a few.
MAX_SLOTS = 256
#: Seconds to wait for the others; a worker that is killed may keep the lock.
PATIENCE = 1.0


class SharedBatches:
    """Slots of one size, that of the first batch; a batch that does not fit has none.

    It has to be made before the workers are forked.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._arena = mmap.mmap(-1, max_bytes)
        state = mmap.mmap(-1, 8 * (MAX_SLOTS + 1))
        # The first number is the size of a slot, the others whether each is taken.
        self._state = np.frombuffer(state, np.int64)
        self._lock = multiprocessing.Lock()

    def take(self, count: int) -> int | None:
        """Take a slot for so many bytes; None if there is none."""
        if not self._lock.acquire(timeout=PATIENCE):
            return None
        try:
            size = int(self._state[0]) or count
            slots = min(len(self._arena) // size, MAX_SLOTS)
            free = np.flatnonzero(self._state[1 : slots + 1] == 0)
            if count > size or not len(free):
                return None
            self._state[0] = size
            self._state[1 + free[0]] = 1
            return int(free[0])
        finally:
            self._lock.release()

    def release(self, slot: int) -> None:
        """Give a slot back."""
        self._state[1 + slot] = 0  # one number: whoever looks sees the old or the new

    def array(self, slot: int, shape: Sequence[int]) -> np.ndarray:
        """A slot as bytes of a shape."""
        offset = slot * int(self._state[0])
        count = int(np.prod(shape))
        return np.frombuffer(self._arena, np.uint8, count, offset).reshape(shape)


class SharedBatch:
    """A batch in a slot, on its way to the training process, where it is a tensor.

    The slot is free again when that tensor and all of its views are gone.

    Args:
        slot (int): The slot.
        shape (tuple[int, ...]): (N, H, W, 3).
    """

    def __init__(self, slot: int, shape: tuple[int, ...]) -> None:
        self.slot = slot
        self.shape = shape

    def __reduce__(self) -> tuple:
        return _receive, (self.slot, self.shape)


_shared: SharedBatches | None = None


def share_batches() -> None:
    """Have the workers that this process will fork put batches into shared slots."""
    global _shared
    if _shared is None:
        _shared = SharedBatches()


def stack_images(images: Sequence[np.ndarray]) -> Tensor | SharedBatch:
    """Make a batch of images, in shared memory if this is a worker.

    Args:
        images (Sequence[np.ndarray]): Each (H, W, 3), uint8.

    Returns:
        Tensor or SharedBatch: (N, 3, H, W), channels last; for a process other than
        this one a :class:`SharedBatch`, which will be such a tensor there.
    """
    shape = (len(images), *images[0].shape)
    in_worker = torch.utils.data.get_worker_info() is not None
    slot = _shared.take(int(np.prod(shape))) if in_worker and _shared else None
    if slot is None:
        return _channels_first(np.stack(images))
    np.stack(images, out=_shared.array(slot, shape))
    return SharedBatch(slot, shape)


def _receive(slot: int, shape: tuple[int, ...]) -> Tensor:
    array = _shared.array(slot, shape)
    weakref.finalize(array, _release_here, os.getpid(), slot).atexit = False
    return _channels_first(array)


def _release_here(process: int, slot: int) -> None:
    """Give a slot back; a process that was forked meanwhile only has a copy of it."""
    if process == os.getpid():
        _shared.release(slot)


def _channels_first(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).permute(0, 3, 1, 2)
