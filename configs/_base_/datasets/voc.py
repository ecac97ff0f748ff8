# Pascal VOC 2007 + 2012, converted to COCO (docs/data.md).
_base_ = "./detection.py"
data_root = "data/VOC/"
ann_files = dict(
    train="annotations/trainval.json",
    val="annotations/test.json",
    test="annotations/test.json",
)
# fmt: off
classes = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep",
    "sofa", "train", "tvmonitor",
)
