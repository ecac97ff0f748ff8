"""Decoded images, kept in memory that the workers of a data loader share."""

import hashlib
import mmap
import multiprocessing
from functools import cache
from typing import NamedTuple

import numpy as np

#: Slots of the index are for images of this many bytes on average.
SMALL_IMAGE = 4 * 1024
KEY, OFFSET, HEIGHT, WIDTH, ORIGINAL_HEIGHT, ORIGINAL_WIDTH, COLUMNS = range(7)


class CachedImage(NamedTuple):
    """An image in the cache.

    Args:
        image (np.ndarray): (H, W, 3), uint8, read-only.
        ori_shape (tuple[int, int]): Height and width of the file's image.
    """

    image: np.ndarray
    ori_shape: tuple[int, int]


class ImageCache:
    """Images by name, first come, first kept, up to a bound.

    The memory is anonymous and shared: processes that are forked after it was made see
    each other's images, it needs no room in /dev/shm, and nothing stays when they die.
    It is taken as images come. Nothing is evicted: where images are drawn at random, no
    choice of what to keep is better than another. A process that is spawned, not
    forked, gets an empty cache of its own, of the same bound.

    Args:
        max_bytes (int): Bound, 0 or more; 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._slots = 2 * (max_bytes // SMALL_IMAGE) + 2
        self._arena = mmap.mmap(-1, max(max_bytes, 1))
        # One row an image; the row after the last holds the first free byte.
        index = mmap.mmap(-1, (self._slots + 1) * COLUMNS * 8)
        self._index = np.frombuffer(index, np.int64).reshape(-1, COLUMNS)
        self._lock = multiprocessing.Lock()

    def __reduce__(self) -> tuple:
        return ImageCache, (self.max_bytes,)

    def get(self, name: str) -> CachedImage | None:
        """The image of a name, if it is kept."""
        key = _key(name)
        with self._lock:
            row = self._index[self._slot(key)].tolist()
        if row[KEY] != key:
            return None
        shape = (row[HEIGHT], row[WIDTH], 3)
        count = shape[0] * shape[1] * 3
        image = np.frombuffer(self._arena, np.uint8, count, row[OFFSET]).reshape(shape)
        image.flags.writeable = False
        return CachedImage(image, (row[ORIGINAL_HEIGHT], row[ORIGINAL_WIDTH]))

    def put(self, name: str, image: np.ndarray, ori_shape: tuple[int, int]) -> bool:
        """Keep an image if there is room.

        Args:
            name (str): Its name.
            image (np.ndarray): (H, W, 3), uint8.
            ori_shape (tuple[int, int]): See :class:`CachedImage`.

        Returns:
            bool: Whether it is kept now.
        """
        key = _key(name)
        with self._lock:
            slot, free = self._slot(key), self._index[-1]
            if self._index[slot, KEY] == key:
                return True
            offset = int(free[OFFSET])
            is_full = free[KEY] >= self._slots // 2
            if is_full or offset + image.nbytes > self.max_bytes:
                return False
            room = np.frombuffer(self._arena, np.uint8, image.nbytes, offset)
            room[:] = image.reshape(-1)
            self._index[slot] = (key, offset, *image.shape[:2], *ori_shape)
            free[KEY] += 1
            free[OFFSET] += image.nbytes
        return True

    def __len__(self) -> int:
        return int(self._index[-1, KEY])

    def _slot(self, key: int) -> int:
        """Where a key is or would be: the index is never more than half full."""
        slot = key % self._slots
        while self._index[slot, KEY] not in (0, key):
            slot = (slot + 1) % self._slots
        return slot


def _key(name: str) -> int:
    """63 bits of a hash, not 0."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


@cache
def shared_image_cache(max_bytes: int) -> ImageCache:
    """The one cache of this process and its workers for a bound."""
    return ImageCache(max_bytes)
