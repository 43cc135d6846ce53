# CUHK03, labelled boxes, new protocol:
# python tools/prepare_data.py cuhk03 data/cuhk03_release
_base_ = './reid_crops.py'
data_root = '{{$DATA_ROOT:data}}/cuhk03_release/'

train_dataloader = dict(dataset=dict(data_root=data_root))
