_base_ = "./mobilenet_v1_1.0_8xb32_in1k.py"
alpha = 0.5
model = dict(backbone=dict(alpha=alpha), head=dict(in_channels=int(1024 * alpha)))
