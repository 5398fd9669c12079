import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from dyfadet_mm.datasets import PackTADInputs


def _results(**kwargs):
    return dict(
        video_id='vid',
        duration=8.,
        fps=10.,
        feat_stride=4,
        feat_num_frames=8,
        feats=np.arange(6, dtype=np.float32).reshape(3, 2),
        **kwargs)


def test_features_are_transposed():
    inputs = PackTADInputs()(_results())['inputs']
    assert inputs.tolist() == [[0, 2, 4], [1, 3, 5]]
    assert inputs.dtype == torch.float32 and inputs.is_contiguous()


def test_actions_and_metainfo_are_packed():
    packed = PackTADInputs()(
        _results(
            segments=np.array([[1, 2]], np.float32),
            labels=np.array([0]),
            segments_s=np.array([[0.5, 3]]),
            labels_s=np.array([4])))
    assert set(packed) == {'inputs', 'data_samples'}
    sample = packed['data_samples']
    gt = sample.gt_instances
    assert gt.grid_segments.tolist() == [[1, 2]]
    # cell t is at (4 t + 8 / 2) / 10 seconds
    assert gt.segments.numpy() == pytest.approx(np.array([[0.8, 1.2]]))
    assert gt.segments.dtype == gt.grid_segments.dtype == torch.float32
    assert sample.gt_instances.labels.tolist() == [0]
    assert sample.gt_instances.labels.dtype == torch.int64
    metainfo = sample.metainfo
    # torch.compile cannot copy arrays
    assert not any(isinstance(v, np.ndarray) for v in metainfo.values())
    assert metainfo.pop('gt_segments').tolist() == [[0.5, 3]]
    assert metainfo.pop('gt_labels').tolist() == [4]
    assert metainfo == dict(
        video_id='vid', duration=8., fps=10., feat_stride=4, feat_num_frames=8)
    assert 'gt_segments' in sample.to_dict()


def test_features_alone_are_enough():
    sample = PackTADInputs()(_results())['data_samples']
    assert 'gt_instances' not in sample
    assert 'gt_segments' not in sample.metainfo


def test_no_action_gives_empty_instances():
    sample = PackTADInputs()(_results(
        segments=np.zeros((0, 2), np.float32),
        labels=np.zeros(0, np.int64)))['data_samples']
    assert len(sample.gt_instances) == 0
    assert sample.gt_instances.segments.shape == (0, 2)
    assert sample.gt_instances.grid_segments.shape == (0, 2)


def test_missing_key_is_named():
    results = _results()
    del results['fps']
    with pytest.raises(KeyError, match=r"meta_keys \['fps'\]"):
        PackTADInputs()(results)


class _Toy(BaseModel):
    """Learns the mean of the features."""

    def __init__(self):
        super().__init__(
            dict(type='dyfadet_mm.TADDataPreprocessor', max_seq_len=32))
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        lengths = [len(sample.gt_segments) for sample in data_samples]
        return dict(loss=self.weight * sum(lengths))


def test_a_compiled_model_takes_the_samples(make_dataset, tmp_path):
    """MMEngine compiles the copy of the samples to the device too."""
    dataset = make_dataset(pipeline=[
        dict(type='dyfadet_mm.LoadFeatures'),
        dict(type='dyfadet_mm.SecondsToGrid'),
        dict(type='dyfadet_mm.PackTADInputs')
    ])
    runner = Runner(
        model=_Toy(),
        work_dir=str(tmp_path / 'work'),
        train_dataloader=dict(
            dataset=dataset,
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.5)),
        cfg=dict(compile=dict(backend='eager')),
        default_scope='dyfadet_mm',
        experiment_name='compiled')
    model = runner.train()
    assert model.weight.item() == 1 - 0.5 * 3  # three actions, one step
