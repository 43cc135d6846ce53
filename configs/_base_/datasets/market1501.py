# Market-1501: python tools/prepare_data.py market1501
# data/Market-1501-v15.09.15
_base_ = './reid_crops.py'
data_root = '{{$DATA_ROOT:data}}/Market-1501-v15.09.15/'

train_dataloader = dict(dataset=dict(data_root=data_root))
