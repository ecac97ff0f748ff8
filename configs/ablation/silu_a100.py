# silu, alpha 1.0.
_base_ = "./silu.py"
model = dict(backbone=dict(alpha=1.0))
