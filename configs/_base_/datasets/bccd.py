# BCCD blood cells: 205 training, 87 validation, 72 test photos (docs/data.md).
_base_ = "./detection.py"
data_root = "data/BCCD/"
ann_files = dict(test="annotations/test.json")
classes = ("Platelets", "RBC", "WBC")
img_scale = (320, 320)
