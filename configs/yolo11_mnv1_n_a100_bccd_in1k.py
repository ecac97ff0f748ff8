# MobileNetV1-YOLO11n, alpha 1.0, on blood cells, from TF-slim's ImageNet weights.
_base_ = "./yolo11_mnv1_n_a100_bccd.py"
pretrained = "weights/mobilenet_v1_1.0_224_tf_slim.npz"
