# MobileNetV1-YOLO11n on BCCD blood cells at 320 px (data: docs/data.md).
_base_ = "./_base_/yolo11_small.py"
model = dict(
    scale="n",
    num_classes=3,
    backbone=dict(_delete_=True, type="MobileNetV1", alpha=0.5),
)
data_root = "data/BCCD/"
metainfo = dict(classes=("Platelets", "RBC", "WBC"))
data = dict(data_root=data_root, metainfo=metainfo, data_prefix=dict(img="images/"))
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=dict(data, ann_file="annotations/test.json"))
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = dict(ann_file=data_root + "annotations/test.json")
