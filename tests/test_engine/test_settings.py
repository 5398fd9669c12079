import json

import pytest
from mmengine.config import Config

from dyfadet_mm.engine.settings import (apply_options, bind_settings,
                                        check_cfg_options)


@pytest.fixture
def cfg(tmp_path):
    annotations = [
        dict(label='run', segment=[0., 1.], label_id=1),
        dict(label='jump', segment=[0., 1.], label_id=0),
        dict(label='swim', segment=[0., 1.], label_id=2)
    ]
    (tmp_path / 'ann.json').write_text(
        json.dumps(
            dict(
                database=dict(
                    v=dict(
                        subset='training',
                        duration=2.,
                        fps=30.,
                        annotations=annotations)))))
    return Config(
        dict(
            data_root=str(tmp_path),
            ann_file='ann.json',
            classes=None,
            num_classes=20,
            width=8,
            fps=None,
            model=dict(head=dict(num_classes=20, in_channels=8)),
            train_dataloader=dict(dataset=dict(fps=5, pipeline=[dict(n=0)])),
            val_dataloader=dict(dataset=dict(fps=5, pipeline=[dict(n=0)])),
            test_dataloader=None,
            bindings=dict(
                num_classes=['model.head.num_classes'],
                width=[
                    'model.head.in_channels',
                    '*_dataloader.dataset.pipeline.0.n'
                ],
                fps=['*_dataloader.dataset.fps'])))


def test_settings_reach_every_place(cfg):
    apply_options(cfg, dict(width=16))
    assert cfg.model.head.in_channels == 16
    assert cfg.train_dataloader.dataset.pipeline[0].n == 16
    assert cfg.val_dataloader.dataset.pipeline[0].n == 16


def test_setting_that_is_none_is_left_alone(cfg):
    bind_settings(cfg)
    assert cfg.train_dataloader.dataset.fps == 5


def test_classes_are_counted_in_the_annotations(cfg):
    bind_settings(cfg)
    assert cfg.model.head.num_classes == cfg.num_classes == 3


@pytest.mark.parametrize('classes, number', [(['a', 'b'], 2), ('a', 1)])
def test_given_classes_win_over_the_annotations(cfg, classes, number):
    apply_options(cfg, dict(classes=classes))
    assert cfg.model.head.num_classes == number


def test_missing_annotations_are_left_to_the_dataset(cfg):
    apply_options(cfg, dict(ann_file='nowhere.json'))
    assert cfg.model.head.num_classes == 20


def test_option_for_a_bound_place_wins_over_the_setting(cfg):
    apply_options(cfg, {'width': 16, 'model.head.in_channels': 4})
    assert cfg.model.head.in_channels == 4


def test_binding_to_nowhere_is_refused(cfg):
    cfg.bindings.width = ['model.neck.channels']
    with pytest.raises(ValueError, match="got 'model.neck.channels'"):
        bind_settings(cfg)


def test_option_that_nothing_reads_is_refused_with_the_closest_key(cfg):
    with pytest.raises(ValueError, match="got 'widht'; did you mean 'width'"):
        check_cfg_options(cfg, dict(widht=16))


def test_argument_of_the_runner_is_an_option(cfg):
    apply_options(cfg, {'randomness.seed': 3})
    assert cfg.randomness.seed == 3


@pytest.mark.parametrize('warmup', [0, 7, 8])
def test_warm_up_that_leaves_nothing_is_refused(cfg, warmup):
    cfg.max_epochs = 7
    cfg.warmup_epochs = warmup
    with pytest.raises(ValueError, match=f'but got {warmup} and 7'):
        bind_settings(cfg)
