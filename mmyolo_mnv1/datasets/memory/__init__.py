"""Memory shared by a training process and the workers of its data loader.

Transforms only register what they use; :func:`allocate` maps it.
"""

from . import image_cache, shared_batches

__all__ = ["allocate", "image_cache", "shared_batches"]


def allocate() -> None:
    """Map the memory that the transforms of this process have registered.

    Call it in the training process before a data loader forks its workers; those share
    it. Otherwise each process that loads images maps a cache of its own for the first
    one, and batches pass through /dev/shm. A repeated call maps only what is new.
    """
    for cache in image_cache.caches.values():
        cache.allocate()
    shared_batches.allocate()
