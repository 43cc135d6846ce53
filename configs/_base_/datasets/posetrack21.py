# PoseTrack21: python tools/prepare_data.py posetrack21 data/PoseTrack21
_base_ = './person_search.py'
data_root = '{{$DATA_ROOT:data}}/PoseTrack21/'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
val_evaluator = dict(
    type='PersonSearchMetric',
    protocol_file=data_root + 'prepared/protocol.npz',
)
test_evaluator = val_evaluator
