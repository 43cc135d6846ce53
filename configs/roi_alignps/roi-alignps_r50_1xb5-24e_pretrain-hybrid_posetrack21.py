"""ROI-AlignPS on PoseTrack21, from hybrid pre-training of ROI-AlignPS."""

_base_ = './roi-alignps_r50_1xb5-24e_posetrack21.py'

# Everything but the persons of the pre-training, as written by
# tools/format_epoch_weights_for_pretraining.sh. Beside it lie
# `pretrained_backbone.pth`, to carry over the backbone alone, and
# `pretrained_neck.pth`, without the RoI head: take out the last line with it.
load_from = (
    'work_dirs/hybrid-pretrain_r50_8xb8-90k_six-sources/pretrained_all.pth'
)
# No weights of ImageNet are fetched, which would all be replaced.
_base_.model.backbone.init_cfg = None
_base_.model.roi_head.shared_head.init_cfg = None
