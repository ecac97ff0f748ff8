# YOLO11x with MobileNetV1; GPUs share out the optimizer's state (ZeRO-1).
_base_ = "./yolo11_mnv1_x.py"
optim_wrapper = dict(
    optimizer=dict(type="ZeroRedundancyOptimizer", optimizer_type="SGD")
)
