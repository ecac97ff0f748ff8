# MobileNetV1-YOLO11n, alpha 0.5, on blood cells, pretrained: TF-slim's ImageNet
# weights for alpha 1 are narrowed to alpha 0.5 when loaded (docs/weights.md).
_base_ = "./yolo11_mnv1_n_bccd.py"
pretrained = "weights/mobilenet_v1_1.0_224_tf_slim.npz"
