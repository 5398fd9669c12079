"""Labels mean the same in training, validation, testing and weights.

Every test runs MMEngine's runner on a small detector.
"""
import json

import pytest
import torch
from mmaction.apis import init_recognizer
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.runner import Runner, load_checkpoint
from small_data import make_data, save, write_config

from dyfadet_mm.registry import MODELS

CLASSES = ('a_wave', 'b_jump', 'c_run')
SMALL = {
    'model.backbone.arch': (1, 1, 1),
    'model.head.num_layers': 1,
    'model.head.regression_ranges': [(0, 8), (8, 1e4)],
    'default_hooks.logger.interval': 100,
    'max_epochs': 2
}


def rename(database, names, subset='training'):
    """Entries with other labels; a label without a new name is left out."""
    return {
        video_id:
        dict(
            entry,
            subset=subset,
            annotations=[
                dict(each, label=names[each['label']])
                for each in entry['annotations'] if each['label'] in names
            ])
        for video_id, entry in database.items()
    }


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Training videos of three classes, and a config."""
    folder = tmp_path_factory.mktemp('data')
    database = make_data(folder, 6, 0, classes=CLASSES)
    save(folder, database, 'train.json')
    same = {name: name for name in CLASSES}
    files = dict(
        less={k: k
              for k in CLASSES[1:]},
        one=dict(c_run='c_run'),
        more=dict(same, a_wave='0_new'),
        none={k: f'my_{k}'
              for k in CLASSES},
        nothing={})
    for name, names in files.items():
        save(folder, rename(database, names, 'validation'), f'{name}.json')
    write_config(folder)
    return folder


@pytest.fixture
def make_runner(folder, tmp_path):
    """A runner; files of training and of validation and testing."""

    def _make(train='train.json', val='less.json', **options):
        cfg = Config.fromfile(folder / 'my_config.py')
        cfg.merge_from_dict({
            **SMALL, 'train_dataloader.dataset.ann_file': train,
            'val_dataloader.dataset.ann_file': val,
            'test_dataloader.dataset.ann_file': val,
            **options
        })
        cfg.work_dir = str(tmp_path / 'run')
        cfg.experiment_name = f'{tmp_path.name}_{id(cfg)}'
        return Runner.from_cfg(cfg)

    return _make


@pytest.fixture(scope='module')
def weights(folder, tmp_path_factory):
    """A checkpoint of a training."""
    work_dir = tmp_path_factory.mktemp('weights')
    DefaultScope._instance_dict.clear()
    cfg = Config.fromfile(folder / 'my_config.py')
    cfg.merge_from_dict({
        **SMALL, 'train_dataloader.dataset.ann_file': 'train.json',
        'val_dataloader': None,
        'val_cfg': None,
        'val_evaluator': None
    })
    cfg.work_dir = str(work_dir)
    Runner.from_cfg(cfg).train()
    return work_dir / 'epoch_2.pth'


def labels_by_name(loop):
    """What every action of a loop's data is called, by its label."""
    dataset = loop.dataloader.dataset
    names = loop.evaluator.metrics[0].dataset_meta['classes']
    assert names == dataset.metainfo['classes']
    stored = json.load(open(dataset.ann_file))['database']
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        entry = stored[sample.video_id]['annotations']
        assert [names[i] for i in sample.gt_labels
                ] == [each['label'] for each in entry]
    return names


def test_validation_follows_the_training_data(make_runner):
    runner = make_runner()
    runner.train()
    assert labels_by_name(runner.val_loop) == CLASSES
    saved = torch.load(f'{runner.work_dir}/epoch_2.pth', weights_only=True)
    assert tuple(saved['meta']['dataset_meta']['classes']) == CLASSES


@pytest.mark.parametrize('val, expected', [
    ('less.json', CLASSES),
    ('one.json', CLASSES),
    ('nothing.json', CLASSES),
    ('more.json', (*CLASSES, '0_new')),
])
def test_testing_follows_the_weights(make_runner, weights, val, expected):
    # as on a machine where the training data are not
    runner = make_runner('missing.json', val, load_from=str(weights))
    metrics = runner.test()
    assert runner.model.head.num_classes == 3
    assert labels_by_name(runner.test_loop) == expected
    assert bool(metrics) == (val != 'nothing.json')
    assert runner.visualizer.dataset_meta['classes'] == expected


def test_the_averaged_weights_grow_along(make_runner, weights):
    runner = make_runner('one.json', load_from=str(weights))
    runner.test()
    ema, = (h for h in runner.hooks if type(h).__name__ == 'EMAHook')
    assert ema.ema_model.module.head.num_classes == 3


def test_another_order_in_the_config(make_runner, weights):
    names = list(CLASSES[::-1])
    runner = make_runner(
        load_from=str(weights),
        **{'test_dataloader.dataset.metainfo.classes': names})
    runner.test()
    assert labels_by_name(runner.test_loop) == CLASSES


def test_no_class_in_common(make_runner, weights):
    runner = make_runner(val='none.json', load_from=str(weights))
    with pytest.raises(ValueError) as error:
        runner.test()
    for words in ('none.json', str(list(CLASSES)), "['my_a_wave'"):
        assert words in str(error.value)


@pytest.mark.parametrize('val, words', [
    ('train.json', None),
    ('one.json', "3 classes without names, but .*one.json' has 1"),
])
def test_weights_without_names(make_runner, weights, tmp_path, val, words):
    state = torch.load(weights, weights_only=True)['state_dict']
    torch.save(dict(state_dict=state), tmp_path / 'converted.pth')
    runner = make_runner(
        val=val,
        load_from=str(tmp_path / 'converted.pth'),
        val_subset='training' if val == 'train.json' else 'validation')
    if words is None:
        runner.test()
        return
    with pytest.raises(ValueError, match=words):
        runner.test()


def test_resuming_with_other_classes(make_runner, weights):
    for options, refused in ((dict(resume=True), True), ({}, False)):
        runner = make_runner(
            load_from=str(weights),
            **{'train_dataloader.dataset.metainfo.classes': CLASSES[::-1]},
            **options)
        if refused:
            with pytest.raises(ValueError, match='resuming needs the same'):
                runner.train()
        else:
            runner.train()
            assert runner.model.head.num_classes == 3


def test_weights_of_others_are_a_start(make_runner, weights):
    """Fine-tuning has the classes of its own data."""
    runner = make_runner(
        'one.json',
        'one.json',
        load_from=str(weights),
        train_subset='validation')
    runner.train()
    assert runner.model.head.num_classes == 1
    assert labels_by_name(runner.val_loop) == ('c_run', )


def test_too_few_classes_in_the_model(make_runner):
    with pytest.raises(ValueError, match='num_classes must be at least .* 3'):
        make_runner(**{'model.head.num_classes': 2}).train()


def test_a_model_alone_takes_the_classes_of_weights(folder, weights):
    """As init_detector and the like do it."""
    cfg = Config.fromfile(folder / 'my_config.py')
    cfg.merge_from_dict(dict(SMALL, ann_file='one.json'))
    cfg.dump(folder / 'small.py')
    for build in (_build, init_recognizer):
        model = build(str(folder / 'small.py'), str(weights), device='cpu')
        assert model.head.num_classes == 3
        cls_logits, _ = model.eval()(torch.zeros(1, 16, 64))
        assert cls_logits[0].shape == (1, 3, 64)


def _build(config, weights, device):
    """A model and its weights, strictly, with names in the checkpoint."""
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        init_default_scope('dyfadet_mm')
        model = MODELS.build(cfg.model).to(device)
    checkpoint = load_checkpoint(model, weights, strict=True)
    assert checkpoint['meta']['dataset_meta']['classes'] == CLASSES
    return model
