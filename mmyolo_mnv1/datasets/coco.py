"""COCO-format dataset that refuses bad input before the first iteration."""

from pathlib import Path

from mmdet.datasets.api_wrappers import COCO
from mmengine.logging import print_log
from mmyolo.datasets import YOLOv5CocoDataset
from mmyolo.registry import DATASETS

from ..errors import InputError
from .checks import check_images

HOW_TO_GET_COCO = (
    "set data_root and ann_file to your data, or get COCO 2017 from "
    "https://cocodataset.org/#download (`mim download mmdet --dataset coco2017`)"
)


class CheckedCOCO(COCO):
    """COCO annotations of which the file and the class names are checked.

    Args:
        annotation_file (str): Path of a COCO JSON file.

    Raises:
        InputError: If the file is missing or is not COCO JSON.
    """

    def __init__(self, annotation_file: str) -> None:
        self.annotation_file = annotation_file
        if not Path(annotation_file).is_file():
            raise InputError(
                f"annotation file {annotation_file} not found: {HOW_TO_GET_COCO}"
            )
        try:
            super().__init__(annotation_file)
        except (AssertionError, KeyError, TypeError, ValueError) as e:
            raise InputError(
                f"annotation file {annotation_file} is not COCO JSON "
                f"({type(e).__name__}: {e}): convert it with tools/dataset_converters"
            ) from None

    def get_cat_ids(
        self,
        cat_names: list | tuple = (),
        sup_names: list | tuple = (),
        cat_ids: list | tuple = (),
    ) -> list[int]:
        """Category ids of ``cat_names``.

        Raises:
            InputError: If a class name is not in the annotations.
        """
        have = [cat["name"] for cat in self.dataset.get("categories", [])]
        missing = [name for name in cat_names if name not in have]
        if missing:
            raise InputError(
                f"classes {missing} of metainfo are not in {self.annotation_file}, "
                f"which has {have}: make metainfo.classes and the file agree, "
                "case included"
            )
        unused = [name for name in have if cat_names and name not in cat_names]
        if unused:
            print_log(
                f"{self.annotation_file}: categories {unused} are not in "
                "metainfo.classes; their boxes are left out",
                logger="current",
            )
        return super().get_cat_ids(list(cat_names), list(sup_names), list(cat_ids))


@DATASETS.register_module()
class CheckedCocoDataset(YOLOv5CocoDataset):
    """COCO-format dataset with one clear line for what would fail later.

    Args:
        verify_images (bool): Whether to look, before the first iteration, for images
            that are missing or truncated. Reads the last bytes of every local image.
            Defaults to True.
        kwargs: See :class:`mmdet.datasets.CocoDataset`.

    Raises:
        InputError: On loading, if the annotation file is missing or unreadable, a
            class name is not in it, no image is left, or an image is missing or
            truncated.
    """

    COCOAPI = CheckedCOCO

    def __init__(self, *args, verify_images: bool = True, **kwargs) -> None:
        self.verify_images = verify_images
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load the annotations and check that their images can be read."""
        data_list = super().load_data_list()
        if self.verify_images and not self.backend_args:
            check_images(
                (info["img_path"] for info in data_list), listed_in=self.ann_file
            )
        return data_list

    def filter_data(self) -> list[dict]:
        """Drop what ``filter_cfg`` excludes.

        Raises:
            InputError: If nothing is left.
        """
        data_list = super().filter_data()
        if not data_list:
            raise InputError(
                f"no image left of {self.ann_file}: it lists {len(self.data_list)}; "
                "check the file and filter_cfg"
            )
        return data_list
