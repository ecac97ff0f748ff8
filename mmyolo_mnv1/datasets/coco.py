"""COCO-format dataset that refuses bad input before the first iteration."""

import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from mmdet.datasets.api_wrappers import COCO
from mmengine.logging import print_log
from mmyolo.datasets import YOLOv5CocoDataset
from mmyolo.registry import DATASETS

from ..coco_file import number_annotations, read_coco
from ..errors import InputError
from ..photos import is_decodable
from .checks import (
    check_classes,
    check_policy,
    describe_bad_images,
    find_bad_boxes,
    find_bad_images,
    find_undecodable,
    find_wrong_sizes,
)

HOW_TO_GET_COCO = (
    "set data_root and ann_files to your data, or get COCO 2017 from "
    "https://cocodataset.org/#download (`mim download mmdet --dataset coco2017`)"
)


class CheckedCOCO(COCO):
    """COCO annotations, repaired and checked by :func:`.read_coco`.

    Boxes outside their image or without area are counted in a warning.

    Args:
        annotation_file (str): Path of a COCO JSON file.
        ignore_classes (Sequence[str]): Categories to leave out. Defaults to none.
        quiet (bool): Whether to leave the warning out. Defaults to False.

    Raises:
        InputError: If the file is missing or refused.
    """

    def __init__(
        self,
        annotation_file: str,
        ignore_classes: Sequence[str] = (),
        quiet: bool = False,
    ) -> None:
        self.name = f"annotation file {annotation_file}"
        self.ignore_classes = tuple(ignore_classes)
        if not Path(annotation_file).is_file():
            raise InputError(f"{self.name} not found: {HOW_TO_GET_COCO}")
        super().__init__()
        self.dataset = read_coco(Path(annotation_file), sizes=True)
        warning = find_bad_boxes(self.dataset)
        number_annotations(self.dataset)
        with redirect_stdout(StringIO()):
            self.createIndex()
        if warning and not quiet:
            _warn(f"{annotation_file}: {warning}")
        self.img_ann_map, self.cat_img_map = self.imgToAnns, self.catToImgs

    def get_cat_ids(
        self,
        cat_names: list | tuple = (),
        sup_names: list | tuple = (),
        cat_ids: list | tuple = (),
    ) -> list[int]:
        """Category ids of ``cat_names``.

        Raises:
            InputError: If the categories or their order differ from ``cat_names``.
        """
        if cat_names:
            categories = [each["name"] for each in self.dataset.get("categories", [])]
            problem = check_classes(categories, cat_names, self.ignore_classes)
            if problem:
                raise InputError(f"{self.name}: {problem}")
        return super().get_cat_ids(list(cat_names), list(sup_names), list(cat_ids))


@DATASETS.register_module()
class CheckedCocoDataset(YOLOv5CocoDataset):
    """COCO-format dataset that reports bad input in one line when it is loaded.

    Args:
        ignore_classes (Sequence[str]): Categories of the annotation file to leave out.
            Defaults to none: a category that is not among the class names is refused.
        require_boxes (bool): Whether to refuse a file without boxes.
            Defaults to True.
        verify_images (bool): Whether to look for missing and truncated images and
            wrong sizes, by reading the first and last bytes of every local image.
            Defaults to True.
        on_bad_image (str): What to do with these: ``'stop'`` refuses the data,
            ``'skip'`` leaves them out and logs a warning. Defaults to 'stop'.
        args, kwargs: See :class:`mmdet.datasets.CocoDataset`.

    Raises:
        InputError: On loading, if the annotation file is missing, unreadable, or
            contradicts itself or the class names, no image or no box is left, or an
            image is missing, truncated or of another size.
    """

    def __init__(
        self,
        *args,
        ignore_classes: Sequence[str] = (),
        require_boxes: bool = True,
        verify_images: bool = True,
        on_bad_image: str = "stop",
        **kwargs,
    ) -> None:
        self.require_boxes = require_boxes
        self.COCOAPI = partial(CheckedCOCO, ignore_classes=ignore_classes)
        self.verify_images = verify_images
        self.on_bad_image = check_policy(on_bad_image)
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load the annotations; refuse them without images or, if required, boxes."""
        data_list = super().load_data_list()
        if not data_list:
            raise InputError(f"annotation file {self.ann_file} lists no image: fill it")
        if self.verify_images and not self.backend_args:
            data_list = self._drop_bad_images(data_list)
        boxes = (box for info in data_list for box in info["instances"])
        if self.require_boxes and all(box["ignore_flag"] for box in boxes):
            raise InputError(
                f"annotation file {self.ann_file} has no box of "
                f"{list(self.metainfo['classes'])} that counts: give bbox as x, y, "
                "width, height in pixels, an area above 0, and iscrowd 0"
            )
        return data_list

    def prepare_data(self, idx: int) -> Any:
        """Load a sample.

        Raises:
            InputError: If its image cannot be decoded.
        """
        try:
            return super().prepare_data(idx)
        except InputError:
            raise
        except Exception:
            path = self.get_data_info(idx)["img_path"]
            if not is_decodable(Path(path)):
                raise InputError(
                    f"{path} cannot be decoded: restore it, or take it off the list"
                ) from None
            raise

    def _drop_bad_images(self, data_list: list[dict]) -> list[dict]:
        """Refuse or leave out missing and truncated images, and those of other sizes.

        Sizes are compared with the annotations: the boxes of an image that was
        resized or turned later would be wrong.
        """
        bad = find_bad_images(info["img_path"] for info in data_list)
        bad |= find_wrong_sizes(i for i in data_list if i["img_path"] not in bad)
        if self.test_mode and self.on_bad_image == "skip":
            # The training pipeline replaces such images; evaluation has no others.
            paths = [i["img_path"] for i in data_list if i["img_path"] not in bad]
            bad |= dict.fromkeys(find_undecodable(paths), "not decodable")
        if not bad:
            return data_list
        problems = f"images listed in {self.ann_file}: {describe_bad_images(bad)}"
        if self.on_bad_image == "stop":
            raise InputError(
                f"{problems}: restore them, correct data_prefix, take them off the "
                "list, or set bad_images = 'skip'"
            )
        _warn(f"{problems}: left out, {len(bad)} of {len(data_list)} images")
        return [info for info in data_list if info["img_path"] not in bad]

    def filter_data(self) -> list[dict]:
        """Drop images that ``filter_cfg`` excludes.

        Raises:
            InputError: If none is left.
        """
        data_list = super().filter_data()
        if not data_list:
            raise InputError(
                f"no image left of {self.ann_file}: it lists {len(self.data_list)}; "
                "check the file and filter_cfg"
            )
        return data_list


def _warn(message: str) -> None:
    print_log(message, logger="current", level=logging.WARNING)
