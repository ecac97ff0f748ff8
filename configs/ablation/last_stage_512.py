# silu, last stage of the backbone: 512 channels instead of 1024.
_base_ = "./silu.py"
model = dict(backbone=dict(last_stage=[(512, 2), (512, 1)]))
