# Two-stage methods on PoseTrack21 at short side 900, long side at most 1500.
_base_ = ['./posetrack21.py', './pipelines_900x1500.py']

train_dataloader = {{_base_.two_stage_train_dataloader}}
