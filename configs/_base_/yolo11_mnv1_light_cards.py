# Light MobileNetV1 detector on playing cards at 320 px, pretrained on
# ImageNet by TF-slim (docs/weights.md). Set size in a child config.
_base_ = [
    "./models/yolo11_mnv1_light.py",
    "./datasets/cards.py",
    "./schedules/adamw_40e.py",
]
pretrained = "weights/mobilenet_v1_1.0_224_tf_slim.npz"
