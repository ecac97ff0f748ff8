"""Load training images at the input size, from memory after the first epoch."""

import logging
import math

import numpy as np
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.logging import print_log
from mmyolo.registry import TRANSFORMS

from ...config import input_scale
from ...errors import InputError
from ..checks import check_policy
from ..memory.image_cache import shared_image_cache
from .canvas import fit_ratio, resize_to_fit


@TRANSFORMS.register_module()
class LoadResized(BaseTransform):
    """Load an image scaled to fit, keep it in the shared cache, and scale its boxes.

    Equivalent to MMYOLO's ``LoadImageFromFile`` and the first step of its ``Mosaic``
    (bilinear, aspect ratio kept), but each image is decoded and resized only once.
    Boxes, if any, must be loaded before:
    ``LoadAnnotations(with_bbox=True, box_type=None)`` gives plain arrays, which are
    faster than box objects.

    Adds ``img`` (H, W, 3), uint8, BGR, read-only, ``ori_shape``, ``img_shape`` and
    ``scale_factor``; changes ``gt_bboxes``.

    Args:
        img_scale (tuple[int, int]): Width and height in pixels to fit into, multiples
            of 32.
        cache_gb (float): Bound in 1e9 bytes of the images kept by this process and its
            workers, shared by all transforms with the same bound; 0 keeps none. A 4:3
            photo at 640 px takes 0.92e6 bytes. Defaults to 2.
        on_bad_image (str): What to do with an image that cannot be decoded, or whose
            size differs from the annotations: ``'stop'`` ends training, ``'skip'``
            replaces it by another one and logs a warning. Defaults to 'stop'.
        load (dict): Arguments of ``LoadImageFromFile``. Defaults to none.

    Raises:
        InputError: If ``img_scale``, ``cache_gb`` or ``on_bad_image`` is out of range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int],
        cache_gb: float = 2.0,
        on_bad_image: str = "stop",
        **load,
    ) -> None:
        self.scale = input_scale(img_scale, 1)
        self.on_bad_image = check_policy(on_bad_image)
        self.load = LoadImageFromFile(**load)
        if not 0 <= cache_gb < math.inf:
            raise InputError(
                f"cache_gb (image_cache_gb in a config) is {cache_gb!r}: give 0 or more"
            )
        self.cache = shared_image_cache(int(cache_gb * 1e9))
        self.skipped: set[str] = set()

    def transform(self, results: dict) -> dict | None:
        """Load and scale.

        Returns:
            dict, optional: None if the image is to be skipped.

        Raises:
            InputError: If it cannot be used and ``on_bad_image`` is ``'stop'``.
        """
        try:
            image, ori_shape = self._cached(results)
        except InputError as e:
            if self.on_bad_image == "stop":
                raise
            self._log_skipped(results["img_path"], e)
            return None
        ratio = fit_ratio(ori_shape, self.scale)
        results.update(
            img=image,
            img_shape=image.shape[:2],
            ori_shape=ori_shape,
            scale_factor=(ratio, ratio),
            keep_ratio=True,
        )
        if len(results.get("gt_bboxes", ())):
            results["gt_bboxes"] = results["gt_bboxes"] * np.float32(ratio)
        return results

    def _cached(self, results: dict) -> tuple[np.ndarray, tuple[int, int]]:
        """Resized image, from the cache or its file, and its size in the file."""
        name = f"{results['img_path']} {self.scale}"
        cached = self.cache.get(name)
        if cached:
            return cached
        image = self._decode(results)
        ori_shape = image.shape[:2]
        image = resize_to_fit(image, self.scale)
        self.cache.put(name, image, ori_shape)
        return image, ori_shape

    def _decode(self, results: dict) -> np.ndarray:
        path = results["img_path"]
        try:
            image = self.load(dict(img_path=path))["img"]
        except Exception as e:  # decoders and storage backends raise any type
            reason = (str(e).splitlines() or [""])[0]
            raise InputError(
                f"{path} cannot be decoded ({type(e).__name__}: {reason}): restore it, "
                "or take it off the list, or set bad_images = 'skip'"
            ) from None
        listed = results.get("height"), results.get("width")
        if None not in listed and listed != image.shape[:2]:
            height, width = image.shape[:2]
            raise InputError(
                f"{path} is {width} x {height} px, its EXIF rotation included, but the "
                f"annotations say {listed[1]} x {listed[0]}: correct them and the "
                "boxes, or set bad_images = 'skip'"
            )
        return image

    def _log_skipped(self, path: str, reason: InputError) -> None:
        """Log a skipped file, once in this process."""
        if path not in self.skipped:
            self.skipped.add(path)
            print_log(
                f"{reason}; skipped, {len(self.skipped)} by this process so far",
                logger="current",
                level=logging.WARNING,
            )
