# CityPersons, boxes without identities:
# python tools/prepare_data.py citypersons data/CityPersons
_base_ = './person_search.py'
data_root = '{{$DATA_ROOT:data}}/CityPersons/'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
