from importlib import import_module

import mmaction.models  # noqa: F401
import mmdet.models  # noqa: F401
import pytest
import torch
import warm_python
from mmaction.registry import MODELS as MMACTION_MODELS
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

from dyfadet_mm import compat
from dyfadet_mm.registry import MODELS

BMN = dict(
    type='BMN',
    temporal_dim=10,
    boundary_ratio=0.5,
    num_samples=4,
    num_samples_per_bin=3,
    feat_dim=8,
    soft_nms_alpha=0.4,
    soft_nms_low_threshold=0.5,
    soft_nms_high_threshold=0.9,
    post_process_top_k=5)
SLOW_ONLY = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3dSlowOnly', depth=50, pretrained=None, base_channels=4),
    cls_head=dict(
        type='I3DHead',
        in_channels=128,
        num_classes=3,
        spatial_type='avg',
        average_clips='prob'))
FPN_1D = dict(
    type='FPN',
    in_channels=[4, 4],
    out_channels=4,
    num_outs=2,
    conv_cfg=dict(type='Conv1d'))


def run_python(code):
    """Run code in a process of its own and return what it printed."""
    done = warm_python.run_code(code)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def toy():
    """A class of our registry; it is gone after the test."""

    @MODELS.register_module()
    class ToyOfTest(torch.nn.Identity):
        pass

    yield ToyOfTest
    MODELS.module_dict.pop('ToyOfTest')


@pytest.mark.parametrize('cfg', [BMN, SLOW_ONLY], ids=lambda cfg: cfg['type'])
def test_mmaction_builds_its_models(cfg):
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MMACTION_MODELS.build(cfg)
    assert type(model).__name__ == cfg['type']
    assert type(model).__module__.startswith('mmaction.')


def test_mmdet_fpn_runs_on_one_dimension():
    fpn = MMDET_MODELS.build(FPN_1D)
    outs = fpn([torch.randn(2, 4, 16), torch.randn(2, 4, 8)])
    assert [tuple(out.shape) for out in outs] == [(2, 4, 16), (2, 4, 8)]


def test_mmdet_focal_loss_runs_on_cpu():
    loss = MMDET_MODELS.build(dict(type='FocalLoss'))
    value = loss(torch.zeros(5, 3), torch.tensor([0, 1, 2, 3, 3]))
    assert value > 0 and torch.isfinite(value)


@pytest.mark.parametrize('cfg', [
    dict(BMN, type='mmaction.BMN'),
    dict(FPN_1D, type='mmdet.FPN'),
])
def test_other_scopes_build_from_ours(cfg):
    scope, name = cfg['type'].split('.')
    model = MODELS.build(cfg)
    assert type(model).__name__ == name
    assert type(model).__module__.startswith(f'{scope}.')


@pytest.mark.parametrize('scope', ['mmaction', 'mmdet', 'dyfadet_mm', None])
@pytest.mark.parametrize(
    'registry', [ROOT_MODELS, MMACTION_MODELS, MMDET_MODELS, MODELS],
    ids=lambda registry: registry.scope)
def test_ours_builds_from_every_scope(toy, registry, scope):
    with DefaultScope.overwrite_default_scope(scope):
        assert isinstance(
            registry.build(dict(type='dyfadet_mm.ToyOfTest')), toy)


def test_ours_builds_before_anything_is_imported():
    out = run_python('from mmengine.registry import MODELS\n'
                     'cfg = dict(type="dyfadet_mm.DIoULoss")\n'
                     'print(type(MODELS.build(cfg)).__module__)')
    assert out.splitlines()[-1].startswith('dyfadet_mm.models.losses')


def test_import_is_light():
    out = run_python('import dyfadet_mm, sys\n'
                     'print([name for name in ("mmaction", "mmdet", "mmcv", '
                     '"mmcv.ops") if name in sys.modules])')
    assert out.strip() == '[]'


def test_status_names_every_mend():
    status = compat.status()
    assert set(status) == set(compat.MENDS)
    assert all(state == 'active' or state.startswith('not needed: ')
               for state in status.values())


def test_applying_twice_changes_nothing():
    before = compat.status(), torch.serialization.get_safe_globals()
    compat.apply_mends()
    after = compat.status(), torch.serialization.get_safe_globals()
    assert before[0] == after[0] and len(before[1]) == len(after[1])


@pytest.mark.parametrize('name', compat.MENDS)
def test_mend_is_not_needed_once_applied(name, plain_config_text):
    plain_config_text.stop()
    assert import_module(f'dyfadet_mm.compat.{name}').unneeded()


@pytest.mark.parametrize('name', compat.MENDS)
def test_mend_says_where_it_comes_from_and_when_to_delete_it(name):
    doc = import_module(f'dyfadet_mm.compat.{name}').__doc__
    assert 'Upstream: ' in doc and 'Delete when: ' in doc
