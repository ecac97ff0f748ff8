# Handwritten digits on photos, which `make demo` makes (docs/data.md).
_base_ = "./detection.py"
data_root = "data/digits/"
digits = dict(num_train=400, num_val=100)
img_dirs = dict(train="train/", val="val/", test="val/")
classes = tuple("0123456789")
flip_prob = 0.0  # a mirrored digit is another sign
scaling_ratio_range = (0.8, 1.25)  # digits of 23 px and more stay legible
