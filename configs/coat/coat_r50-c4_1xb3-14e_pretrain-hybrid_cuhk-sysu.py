"""COAT on CUHK-SYSU, from hybrid pre-training of COAT."""

_base_ = './coat_r50-c4_1xb3-14e_cuhk-sysu.py'

# Everything but the persons of the pre-training, as written by
# tools/format_epoch_weights_for_pretraining.sh. Beside it lies
# `pretrained_backbone.pth`, to carry over the backbone alone.
load_from = (
    'work_dirs/hybrid-pretrain_coat-r50-c4_8xb8-90k_six-sources/'
    'pretrained_all.pth'
)
# No weights of ImageNet are fetched, which would all be replaced.
_base_.model.backbone.init_cfg = None
