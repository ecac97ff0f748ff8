"""Cache of decoded images in memory that the workers of a data loader share."""

import hashlib
import mmap
import multiprocessing
from typing import NamedTuple

import numpy as np

#: Assumed minimum mean size of an image in bytes; it sets the size of the index.
SMALL_IMAGE = 4 * 1024
#: Columns of the index.
KEY, OFFSET, HEIGHT, WIDTH, ORIGINAL_HEIGHT, ORIGINAL_WIDTH, COLUMNS = range(7)


class CachedImage(NamedTuple):
    """An image in the cache.

    Args:
        image (np.ndarray): (H, W, 3), uint8, read-only.
        ori_shape (tuple[int, int]): Height and width of the image in its file.
    """

    image: np.ndarray
    ori_shape: tuple[int, int]


class ImageCache:
    """Images by name, kept until a memory bound is reached; nothing is evicted.

    The memory is anonymous shared memory: processes forked after :meth:`allocate` share
    the images, /dev/shm is not used, and nothing remains when the processes die. The
    kernel provides pages as images are stored. Eviction would not help: images are
    drawn at random, so that no choice of what to keep is better than another. A spawned
    process gets an empty cache of the same bound.

    Args:
        max_bytes (int): Bound, 0 or more; 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._slots = 2 * (max_bytes // SMALL_IMAGE) + 2
        self._arena: mmap.mmap | None = None

    def __reduce__(self) -> tuple:
        return ImageCache, (self.max_bytes,)

    def allocate(self) -> None:
        """Map the memory, if it is not mapped; the first access does so too."""
        if self._arena is None:
            self._arena = mmap.mmap(-1, max(self.max_bytes, 1))
            # One row for each image; the last row holds their number and the offset
            # of the first free byte.
            index = mmap.mmap(-1, (self._slots + 1) * COLUMNS * 8)
            self._index = np.frombuffer(index, np.int64).reshape(-1, COLUMNS)
            self._lock = multiprocessing.Lock()

    def get(self, name: str) -> CachedImage | None:
        """Return the image stored under a name, None if there is none."""
        self.allocate()
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
        """Store an image if there is room.

        Args:
            name (str): Its name.
            image (np.ndarray): (H, W, 3), uint8.
            ori_shape (tuple[int, int]): See :class:`CachedImage`.

        Returns:
            bool: Whether the cache has the image.
        """
        self.allocate()
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
        self.allocate()
        return int(self._index[-1, KEY])

    def _slot(self, key: int) -> int:
        """Row of a key, or where to store it; linear probing, at most half full."""
        slot = key % self._slots
        while self._index[slot, KEY] not in (0, key):
            slot = (slot + 1) % self._slots
        return slot


def _key(name: str) -> int:
    """Hash of 63 bits, not 0."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


#: Caches of this process by their bound.
caches: dict[int, ImageCache] = {}


def shared_image_cache(max_bytes: int) -> ImageCache:
    """Cache of this process and its forked workers for a bound."""
    return caches.setdefault(max_bytes, ImageCache(max_bytes))
