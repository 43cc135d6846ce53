"""tools/model_converters/coat.py on a checkpoint as COAT saves it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.test_models.thin_methods import thin_config
from tests.test_models.two_stage import build

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/model_converters/coat.py'
STAGES = {'1st': 'first', '2nd': 'second', '3rd': 'third'}


@pytest.fixture(scope='module')
def model():
    config = thin_config('coat')
    config.roi_head.loss_reid.num_identities = 483
    return build(config)


def background(rows):
    return torch.cat([torch.full_like(rows, 7.0), rows])


def state_of_top(top, prefix):
    """The layers of a stage in the layout of COAT."""
    state = {
        f'{prefix}.conv1.weight': top.reduce.weight,
        f'{prefix}.conv2.weight': top.expand.weight,
        # In every stage, whether it is used or not.
        f'{prefix}.conv0.weight': getattr(top.skip, 'weight', torch.ones(1)),
    }
    encoder = f'{prefix}.transformer_encoder'
    for name in ('weight', 'bias'):
        state[f'{encoder}.output_linear.0.{name}'] = torch.ones(1)
    for number, scale in enumerate(top.scales, 1):
        block = f'{encoder}.blocks.scale{number}.0'
        for name in ('weight', 'bias'):

            def of(part, name=name):
                return getattr(part, name)

            state[f'{block}.patch2vec.{name}'] = of(scale.to_tokens)
            state[f'{block}.vec2patch.embedding.{name}'] = of(scale.to_map)
            query, key, value = of(scale.qkv).chunk(3)
            # The same module has two names there.
            for copy in ('transblock', 'transformer.0'):
                inner = f'{block}.{copy}'
                attention = f'{inner}.attention'
                state[f'{attention}.query_embedding.{name}'] = query
                state[f'{attention}.value_embedding.{name}'] = value
                state[f'{attention}.key_embedding.{name}'] = key
                state[f'{attention}.output_linear.{name}'] = of(
                    scale.projection
                )
                state[f'{inner}.ffn.conv.0.{name}'] = of(scale.ffn[0])
                state[f'{inner}.ffn.conv.3.{name}'] = of(scale.ffn[2])
                state[f'{inner}.norm1.{name}'] = of(scale.norm1)
                state[f'{inner}.norm2.{name}'] = of(scale.norm2)
    return state


def state_of_head(head, theirs):
    """The head of a stage in the layout of COAT."""
    state = {}
    predictor = f'roi_heads.box_predictor_{theirs}'
    if theirs == '1st':
        for name in ('weight', 'bias'):
            cls, reg = getattr(head.fc_cls, name), getattr(head.fc_reg, name)
            state[f'{predictor}.cls_score.{name}'] = cls.flip(0)
            state[f'{predictor}.bbox_pred.{name}'] = background(reg)
        return state
    for key, value in head.fc_reg.state_dict().items():
        value = background(value) if value.ndim else value
        state[f'{predictor}.bbox_pred.{key}'] = value
    embedding = f'roi_heads.embedding_head_{theirs}'
    names = ('before_trans', 'after_trans')
    for name, projection in zip(names, head.embedding.projections):
        for key, value in projection.state_dict().items():
            state[f'{embedding}.projectors.{name}.{key}'] = value
    for key, value in head.norm_scale.state_dict().items():
        state[f'{embedding}.rescaler.{key}'] = value
    return state


def original_state(model):
    """The model's weights in the layout of COAT, on PRW."""
    state = {
        key: value
        for key, value in model.state_dict().items()
        if key.startswith('backbone.')
    }
    rpn = dict(rpn_conv='conv.0.0', rpn_cls='cls_logits', rpn_reg='bbox_pred')
    for ours, theirs in rpn.items():
        for key, value in getattr(model.rpn_head, ours).state_dict().items():
            state[f'rpn.head.{theirs}.{key}'] = value
    for theirs, ours in STAGES.items():
        stage = model.roi_head.stages[ours]
        prefix = f'roi_heads.box_head_{theirs}'
        state.update(state_of_top(stage.top, prefix))
        state.update(state_of_head(stage.head, theirs))
        if stage.embeds:
            memory = stage.loss_reid.memory
            loss = f'roi_heads.reid_loss_{theirs}'
            state[f'{loss}.lut'] = torch.ones(482, memory.embed_dims)
            state[f'{loss}.cq'] = torch.zeros_like(memory.queue)
            state[f'{loss}.cq'][:3] = 1
    copies = {'box_head': 'box_head_1st', 'box_predictor': 'box_predictor_2nd'}
    for copy, part in copies.items():
        for key in [k for k in state if f'.{part}.' in k]:
            state[key.replace(part, copy)] = state[key]
    return {key: value.detach().clone() for key, value in state.items()}


def test_the_published_form_converts_and_loads(model, tmp_path):
    source, target = tmp_path / 'epoch_12.pth', tmp_path / 'converted.pth'
    torch.save(dict(model=original_state(model), epoch=12), source)
    result = subprocess.run(
        [sys.executable, TOOL, source, target], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert 'dropped roi_heads.box_head_1st.conv0.weight' in result.stdout
    weights = torch.load(target)['state_dict']
    # The classifiers of the persons are not in the original's checkpoints.
    expected = {
        key: value
        for key, value in model.state_dict().items()
        if not any(part in key for part in ('d.norm.', 'd.classifier.'))
    }
    assert weights.keys() == expected.keys()
    for key, value in expected.items():
        if '.memory.' not in key:
            torch.testing.assert_close(weights[key], value, msg=key)
    for stage in ('second', 'third'):
        memory = f'roi_head.stages.{stage}.loss_reid.memory.'
        assert (weights[memory + 'tail'], weights[memory + 'count']) == (3, 3)


def test_a_file_of_another_project_is_one_line(tmp_path, run_here):
    source = tmp_path / 'other.pth'
    torch.save(dict(model={'encoder.weight': torch.ones(1)}), source)
    result = run_here(TOOL, source, tmp_path / 'out.pth')
    assert result.returncode == 1
    assert result.stderr.startswith('error: ')
    assert 'is not of COAT' in result.stderr
    assert not (tmp_path / 'out.pth').exists()
