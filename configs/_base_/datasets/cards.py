# Playing cards on tables: 237 training, 59 validation, 67 test photos (docs/data.md).
_base_ = "./detection.py"
data_root = "data/cards/"
ann_files = dict(test="annotations/test.json")
classes = ("ace", "jack", "king", "nine", "queen", "ten")
img_scale = (320, 320)
