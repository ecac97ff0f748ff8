# MobileNetV1-YOLO11n, alpha 0.5, on blood cells, from ImageNet weights of alpha 1.0
# that were narrowed (docs/weights.md).
_base_ = ["./yolo11_mnv1_n_bccd.py", "./_base_/models/mnv1_in1k.py"]
weights = "weights/mobilenet_v1_0.5_narrowed.pth"
model = _base_.in1k
