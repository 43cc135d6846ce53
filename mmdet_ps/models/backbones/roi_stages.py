"""The last stages of a backbone that were trained on RoIs."""

from pathlib import Path

from mmengine.model import BaseModule

from mmdet_ps.utils.checkpoint import read_checkpoint
from mmdet_ps.utils.pretrained_weights import ROI_STAGES


def load_roi_stages(top: BaseModule) -> None:
    """Prefer, in the file of a backbone, the stages trained on RoIs.

    ``tools/model_converters/format_pretrained_weights.py --keep backbone``
    puts them beside the backbone's where a detector had both. Files without
    them, and weights that are downloaded, are left at what they gave.

    Args:
        top: stages that run on RoIs, initialised as its ``init_cfg`` says.
    """
    init_cfg = top.init_cfg
    if not isinstance(init_cfg, dict) or init_cfg['type'] != 'Pretrained':
        return
    path = Path(init_cfg['checkpoint'])
    stages = read_checkpoint(path).get(ROI_STAGES) if path.is_file() else None
    if stages:
        top.load_state_dict(stages, strict=False)
