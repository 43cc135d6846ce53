# Labelled video: python tools/prepare_data.py mot data/MOT17. The identities
# to train on are the "train ids" that it prints.
_base_ = './person_search.py'
data_root = '{{$DATA_ROOT:data}}/MOT17/'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
val_evaluator = dict(
    type='PersonSearchMetric',
    protocol_file=data_root + 'prepared/protocol.npz',
)
test_evaluator = val_evaluator
