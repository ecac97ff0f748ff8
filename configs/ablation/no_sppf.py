# silu, without SPPF.
_base_ = "./silu.py"
model = dict(neck=dict(sppf=False))
