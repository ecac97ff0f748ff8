# silu, without C2PSA.
_base_ = "./silu.py"
model = dict(neck=dict(c2psa=False))
