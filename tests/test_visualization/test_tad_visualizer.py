import mmcv
import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.registry import VISUALIZERS


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
    image = build(tmp_path).add_datasample('name', data_sample, step=3)
    stored = mmcv.imread(
        str(tmp_path / 'vis_data/vis_image/name_3.png'), channel_order='rgb')
    assert np.array_equal(stored, image)


def test_out_file_gets_the_image_instead(tmp_path, data_sample):
    path = tmp_path / 'new' / 'timeline.png'
    image = build(tmp_path).add_datasample(
        'name', data_sample, out_file=str(path))
    assert mmcv.imread(str(path)).shape == image.shape
    assert not (tmp_path / 'vis_data/vis_image').exists()


def test_each_part_can_be_left_out(tmp_path, data_sample):
    visualizer = build(tmp_path)
    both = visualizer.add_datasample('a', data_sample)
    truth = visualizer.add_datasample('a', data_sample, draw_pred=False)
    found = visualizer.add_datasample('a', data_sample, draw_gt=False)
    best = visualizer.add_datasample('a', data_sample, score_thr=0.5)
    assert both.shape[0] > truth.shape[0]
    assert both.shape[0] > found.shape[0]
    assert both.shape[0] > best.shape[0]  # one lane less


def test_training_samples_are_drawn_from_the_feature_grid(
        tmp_path, data_sample):
    visualizer = build(tmp_path)
    expected = visualizer.add_datasample('a', data_sample, draw_pred=False)
    bare = ActionDataSample(metainfo={
        k: v
        for k, v in data_sample.metainfo_items() if k[:3] != 'gt_'
    })
    # 2 s and 12 s as cells
    bare.gt_instances = InstanceData(
        segments=torch.tensor([[13., 88.]]), labels=torch.tensor([1]))
    assert np.array_equal(
        visualizer.add_datasample('a', bare, draw_pred=False), expected)


def test_a_sample_without_anything_is_an_empty_timeline(tmp_path):
    image = build(tmp_path).add_datasample('a', ActionDataSample())
    assert image.shape[2] == 3
