# MSMT17: python tools/prepare_data.py msmt17 data/MSMT17_V1
_base_ = './reid_crops.py'
data_root = '{{$DATA_ROOT:data}}/MSMT17_V1/'

train_dataloader = dict(dataset=dict(data_root=data_root))
