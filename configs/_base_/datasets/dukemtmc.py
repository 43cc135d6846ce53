# DukeMTMC-reID and what has its form:
# python tools/prepare_data.py dukemtmc data/DukeMTMC-reID
_base_ = './reid_crops.py'
data_root = '{{$DATA_ROOT:data}}/DukeMTMC-reID/'

train_dataloader = dict(dataset=dict(data_root=data_root))
