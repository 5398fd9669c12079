import inspect

import mmcv
import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer

from dyfadet_mm.registry import VISUALIZERS
from dyfadet_mm.visualization import TADVisualizer


@pytest.fixture
def data_sample():
    sample = ActionDataSample(
        metainfo=dict(
            video_id='v0',
            duration=20.,
            fps=30.,
            feat_stride=4,
            feat_num_frames=16,
            gt_segments=np.array([[2., 12.]]),
            gt_labels=np.array([1])))
    sample.pred_instances = InstanceData(
        segments=torch.tensor([[2., 9.], [1., 4.]]),
        scores=torch.tensor([0.8, 0.4]),
        labels=torch.tensor([1, 0]))
    return sample


def build(tmp_path, **kwargs):
    visualizer = VISUALIZERS.build(
        dict(
            type='dyfadet_mm.TADVisualizer',
            name=str(tmp_path),
            vis_backends=[dict(type='mmengine.LocalVisBackend')],
            save_dir=str(tmp_path),
            **kwargs))
    visualizer.dataset_meta = dict(classes=('run', 'jump'))
    return visualizer


def test_backends_get_the_image(tmp_path, data_sample):
    image = build(tmp_path).add_datasample('name', None, data_sample, step=3)
    stored = mmcv.imread(
        str(tmp_path / 'vis_data/vis_image/name_3.png'), channel_order='rgb')
    assert np.array_equal(stored, image)


def test_out_file_gets_the_image_instead(tmp_path, data_sample):
    path = tmp_path / 'new' / 'timeline.png'
    image = build(tmp_path).add_datasample(
        'name', None, data_sample, out_file=str(path))
    assert mmcv.imread(str(path)).shape == image.shape
    assert not (tmp_path / 'vis_data/vis_image').exists()


def test_each_part_can_be_left_out(tmp_path, data_sample):
    visualizer = build(tmp_path)
    both = visualizer.add_datasample('a', None, data_sample)
    truth = visualizer.add_datasample('a', None, data_sample, draw_pred=False)
    found = visualizer.add_datasample('a', None, data_sample, draw_gt=False)
    best = visualizer.add_datasample('a', None, data_sample, score_thr=0.5)
    assert both.shape[0] > truth.shape[0]
    assert both.shape[0] > found.shape[0]
    assert both.shape[0] > best.shape[0]  # one lane less


def test_training_samples_are_drawn_from_their_instances(
        tmp_path, data_sample):
    visualizer = build(tmp_path)
    expected = visualizer.add_datasample(
        'a', None, data_sample, draw_pred=False)
    bare = ActionDataSample(metainfo={
        k: v
        for k, v in data_sample.metainfo_items() if k[:3] != 'gt_'
    })
    bare.gt_instances = InstanceData(
        segments=torch.tensor([[2., 12.]]), labels=torch.tensor([1]))
    assert np.array_equal(
        visualizer.add_datasample('a', None, bare, draw_pred=False), expected)


def test_a_sample_without_anything_is_an_empty_timeline(tmp_path):
    image = build(tmp_path).add_datasample('a', None, ActionDataSample())
    assert image.shape[2] == 3


def test_it_is_called_as_every_visualizer_of_mmengine():
    theirs, ours = (
        inspect.signature(each.add_datasample).parameters.values()
        for each in (Visualizer, TADVisualizer))
    theirs, ours = list(theirs), list(ours)
    assert [(x.name, x.default, x.kind) for x in theirs
            ] == [(x.name, x.default, x.kind) for x in ours[:len(theirs)]]
    assert {x.kind for x in ours[len(theirs):]} == {inspect._KEYWORD_ONLY}


def test_mmengines_order_of_arguments(tmp_path, data_sample, monkeypatch):
    shown = []
    monkeypatch.setattr(TADVisualizer, 'show',
                        lambda self, *args, **kwargs: shown.append(kwargs))
    visualizer = build(tmp_path)
    image = np.zeros((8, 8, 3), np.uint8)
    drawn = visualizer.add_datasample('a', image, data_sample, False, True,
                                      True, 2.5, 7)
    assert shown == [dict(win_name='a', wait_time=2.5)]
    assert (tmp_path / 'vis_data/vis_image/a_7.png').exists()
    assert np.array_equal(
        drawn,
        visualizer.add_datasample('a', None, data_sample, draw_gt=False))
    assert len(shown) == 1


def test_a_sample_in_the_place_of_the_image_is_told(tmp_path, data_sample):
    with pytest.raises(TypeError, match='data_sample must .*image comes seco'):
        build(tmp_path).add_datasample('a', data_sample)
