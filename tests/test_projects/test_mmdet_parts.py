"""Recipes with parts of MMDetection, and our parts in its scope."""
import re
import runpy
import sys
from pathlib import Path

import mmdet
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from one_step import ONE_STEP, ROOT, check_one_step, load_tool, run_one_step
from real_layouts import THUMOS14, write_thumos14
from torch import nn

from dyfadet_mm.models import DyHead, ScoreFusion
from dyfadet_mm.registry import MODELS

CONFIGS = ROOT / 'projects/mmdet_parts/configs'
RECIPES = sorted(path.stem for path in CONFIGS.glob('*_thumos14.py'))
DETECTOR = CONFIGS / (
    'mmdet-single-stage_dyhead_pixels_1xb8-10e_digit-streams.py')
NAME = 'dyfadet-{}_i3d_1xb2-40e_thumos14'
#: Settings of the recipes that reach all of their parts.
SMALL = ('width=32', 'mlp_channels=48', 'max_seq_len=96')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Folder with a small THUMOS14."""
    path = tmp_path_factory.mktemp('thumos')
    write_thumos14(path / 'data/thumos14')
    return path


def load_recipe(name, options=SMALL):
    """A recipe with options of the command line."""
    train, path = load_tool('train'), CONFIGS / f'{NAME.format(name)}.py'
    args = train.parse_args([str(path), '--cfg-options', *options])
    return train.merge_args(Config.fromfile(path), args)


def build(name, *options):
    """The model of a recipe, in evaluation mode."""
    cfg = load_recipe(name, (*SMALL, *options))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return MODELS.build(cfg.model).eval()


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, folder, tmp_path):
    outcome = run_one_step(CONFIGS / f'{name}.py', tmp_path, folder, SMALL)
    check_one_step(*outcome, classes=THUMOS14)


@pytest.mark.parametrize('name, neck, loss', [
    ('fpn', 'mmdet.models.necks.fpn.FPN', 'FocalLoss'),
    ('pafpn', 'mmdet.models.necks.pafpn.PAFPN', 'FocalLoss'),
    ('pafpn-qfl', 'mmdet.models.necks.pafpn.PAFPN', 'QualityFocalLoss'),
])
def test_recipes_hold_the_classes_of_mmdetection(name, neck, loss):
    model = build(name)
    kind = type(model.neck.neck)
    assert f'{kind.__module__}.{kind.__name__}' == neck
    assert isinstance(model.head.loss_cls, getattr(mmdet.models, loss))


def test_the_recipe_in_the_scope_of_mmdetection_is_the_same_detector():
    ours, theirs = build('fpn'), build('fpn_mmdet-scope')
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(1, 2048, 50)
    with torch.no_grad():
        for a, b in zip(ours(x), theirs(x)):
            assert all(map(torch.equal, a, b))


@pytest.mark.parametrize('name', ['fpn', 'bifpn'])
def test_a_neck_that_does_not_fit_is_named_when_it_is_built(name):
    """Both sides of it, with the numbers."""
    match = 'embed_channels gives 32.*model.neck.in_channels takes 48'
    with pytest.raises(ValueError, match=match):
        build(name, 'model.neck.in_channels=48')
    match = 'model.neck.num_levels gives 5.*regression_ranges takes 6'
    with pytest.raises(ValueError, match=match):
        build(name, 'model.neck.num_levels=5')


def test_dyhead_reads_a_pyramid_of_mmdetection_in_its_own_registry():
    with DefaultScope.overwrite_default_scope('mmdet'):
        neck = MMDET_MODELS.build(
            dict(
                type='FPN',
                in_channels=[6, 8, 10],
                out_channels=16,
                num_outs=3,
                conv_cfg=dict(type='Conv1d')))
        head = MMDET_MODELS.build(
            dict(
                type='dyfadet_mm.DyHead',
                num_classes=3,
                in_channels=16,
                feat_channels=8,
                regression_ranges=[(0, 4), (4, 8), (8, 10000)],
                loss_cls=dict(type='FocalLoss')))
    cls_logits, offsets = head(
        neck([
            torch.randn(1, channels, size)
            for channels, size in zip((6, 8, 10), (20, 10, 5))
        ]))
    assert [x.shape for x in cls_logits] == [(1, 3, 20), (1, 3, 10), (1, 3, 5)]
    assert [x.shape for x in offsets] == [(1, 2, 20), (1, 2, 10), (1, 2, 5)]
    cls_logits[0].sum().backward()
    # the finest output hears of the coarsest input, through neck and head
    assert neck.lateral_convs[2].conv.weight.grad.any()


def test_the_script_of_mmdetection_trains_and_ours_tests(
        folder, tmp_path, monkeypatch):
    """The former knows nothing of this package."""
    script = Path(mmdet.__file__).parent / '.mim/tools/train.py'
    if not script.exists():
        pytest.skip('this MMDetection was installed without its scripts')
    config, work_dir = str(tmp_path / 'config.py'), f'--work-dir={tmp_path}'
    load_recipe('fpn_mmdet-scope', (*SMALL, *ONE_STEP[:-1])).dump(config)
    monkeypatch.chdir(folder)

    def run(path, *args):
        monkeypatch.setattr(sys, 'argv', [str(path), config, work_dir, *args])
        runpy.run_path(str(path), run_name='__main__')

    run(script)
    assert (tmp_path / 'epoch_1.pth').exists()
    run(ROOT / 'tools/test.py', str(tmp_path / 'epoch_1.pth'),
        f'--show-dir={tmp_path / "shown"}')
    assert len(list((tmp_path / 'shown').rglob('*.png'))) == 2


def test_the_config_in_the_readme_builds():
    text = (CONFIGS.parent / 'README.md').read_text()
    [code] = re.findall(r'^```python\n(.*?)^```$', text, re.M | re.S)
    cfg = Config.fromstring(code, '.py')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
    assert type(model.head) is DyHead
    assert isinstance(model.head.loss_cls, mmdet.models.FocalLoss)
    assert isinstance(model.neck.neck, mmdet.models.PAFPN)


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """Folder with some digit streams."""
    path = tmp_path_factory.mktemp('digits') / 'digit_streams'
    script = ROOT / 'tools/dataset_converters/digit_streams.py'
    tool = runpy.run_path(str(script))
    tool['make_data_set'](str(path), tool['Settings'](train=4, val=2))
    return path


def test_dyhead_is_the_bbox_head_of_a_detector_of_mmdetection(
        digits, tmp_path):
    """Trained and tested by a plain Runner, all of it but the head theirs."""
    cfg = Config.fromfile(DETECTOR)
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            data_root=f'{digits}/',
            max_epochs=2,
            warmup_epochs=1,
            batch_size=2))
    runner = Runner.from_cfg(cfg)
    detector = runner.model
    assert type(detector) is mmdet.models.SingleStageDetector
    assert type(detector.neck) is mmdet.models.FPN
    assert type(detector.bbox_head) is DyHead
    before = detector.bbox_head.conv_cls.weight.clone()
    runner.train()
    metrics = runner.test()
    assert not torch.equal(before, detector.bbox_head.conv_cls.weight)
    assert 0 <= metrics['tad/average_mAP'] <= 1


class TwoCells(BaseDenseHead):
    """A dense head of MMDetection's kind: it knows no pyramid of ours."""

    num_classes, in_channels, num_levels = 3, 32, 6

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(32, 1, 1)

    def forward(self, x):
        return tuple(self.conv(level) for level in x),

    def loss_by_feat(self, scores, gt, metas, ignored):
        assert len(gt[0].segments) and gt[0].segments.max() > 5  # seconds
        return dict(loss_cls=sum(level.mean() for level in scores))

    def predict(self, x, batch_data_samples, rescale=False):
        scores, = self(x)
        return [
            InstanceData(
                segments=torch.tensor([[0., 2.]]),
                scores=scores[0][video, 0, :1].sigmoid(),
                labels=torch.zeros(1, dtype=torch.long))
            for video in range(len(batch_data_samples))
        ]


@pytest.mark.parametrize('option', [
    dict(window=dict(size=96)),
    dict(window=dict()),
    dict(cuda_graph=True),
])
def test_what_a_head_of_theirs_cannot_do_is_refused(option):
    cfg = dict(load_recipe('fpn').model, head=dict(type=TwoCells), **option)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        with pytest.raises(
                ValueError, match='left out with a head .*TwoCells'):
            MODELS.build(cfg)


def test_our_detector_takes_a_dense_head_of_theirs(tmp_path):
    model = build('fpn')
    model.head = TwoCells()
    sample = ActionDataSample(
        metainfo=dict(video_id='v'),
        gt_instances=InstanceData(
            segments=torch.tensor([[1., 9.]]), labels=torch.tensor([0])))
    batch = dict(inputs=[torch.randn(2048, 40)], data_samples=[sample])
    [found] = model.test_step(batch)
    assert found.pred_instances.segments.tolist() == [[0., 2.]]
    [score] = found.pred_instances.scores.tolist()
    (tmp_path / 'scores.json').write_text('{"v": [0.1, 0.2, 0.7]}')
    model.score_fusion = ScoreFusion(
        str(tmp_path / 'scores.json'), topk=1, method='product')
    [found] = model.test_step(batch)
    assert found.pred_instances.labels.tolist() == [2]
    assert found.pred_instances.scores.tolist() == pytest.approx([0.7 * score])
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    losses['loss_cls'].backward()
    assert model.head.conv.weight.grad.any()
