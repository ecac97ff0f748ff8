"""Loading images at the size in which training wants them."""

import logging

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
    """Load an image scaled to fit, keep it in memory, and scale its boxes.

    What MMYOLO's ``LoadImageFromFile`` and the first step of its ``Mosaic`` do
    (bilinear, the aspect ratio kept), but decoded and resized once. Boxes, if any,
    must have been loaded before: ``LoadAnnotations(with_bbox=True, box_type=None)``
    gives plain arrays, which are quicker than box objects.

    Adds ``img`` (H, W, 3), uint8, BGR, read-only, ``ori_shape``, ``img_shape`` and
    ``scale_factor``; changes ``gt_bboxes``.

    Args:
        img_scale (tuple[int, int]): Width and height in pixels, to fit into.
        cache_gb (float): Bound in 1e9 bytes of the images kept by this process and the
            workers it forks, shared by all transforms of the same bound. At 640 px a
            photo of 4:3 takes 0.92e6 bytes. 0 keeps none. Defaults to 2.
        on_bad_image (str): What an image does that cannot be decoded, or whose size is
            not the one that the annotations give: ``'stop'`` ends training, ``'skip'``
            takes another one and says so in the log. Defaults to 'stop'.
        load (dict): Arguments of ``LoadImageFromFile``. Defaults to none.

    Raises:
        InputError: If ``img_scale`` or ``on_bad_image`` is out of range.
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
            image, ori_shape = self._find(results)
        except InputError as e:
            if self.on_bad_image == "stop":
                raise
            self._skip(results["img_path"], e)
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

    def _find(self, results: dict) -> tuple[np.ndarray, tuple[int, int]]:
        """The image, from memory or from its file, and the size of the file's."""
        name = f"{results['img_path']} {self.scale}"
        found = self.cache.get(name)
        if found:
            return found
        image = self._decode(results)
        ori_shape = image.shape[:2]
        image = resize_to_fit(image, self.scale)
        self.cache.put(name, image, ori_shape)
        return image, ori_shape

    def _decode(self, results: dict) -> np.ndarray:
        path = results["img_path"]
        try:
            image = self.load(dict(img_path=path))["img"]
        except Exception as e:  # whatever a decoder or a storage backend raises
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

    def _skip(self, path: str, reason: InputError) -> None:
        """Log a file once."""
        if path not in self.skipped:
            self.skipped.add(path)
            print_log(
                f"{reason}; skipped, {len(self.skipped)} by this process so far",
                logger="current",
                level=logging.WARNING,
            )
