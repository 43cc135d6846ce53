# Two-stage methods on PRW at short side 900, long side at most 1500.
_base_ = ['./prw.py', './pipelines_900x1500.py']

train_dataloader = {{_base_.two_stage_train_dataloader}}
