_base_ = ['./posetrack21.py', './pipelines_600x1000.py']

train_dataloader = {{_base_.two_stage_train_dataloader}}
val_dataloader = {{_base_.two_stage_test_dataloader}}
test_dataloader = {{_base_.two_stage_test_dataloader}}
