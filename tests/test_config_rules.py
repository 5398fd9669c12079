"""A config means one thing, however it is read and changed.

Four rules, for every config of the repository and its children: it means the
same wherever it is read; what is said last and most specifically wins; the
config that a run saves repeats the run; what nothing reads is refused.
"""
import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from one_step import load_tool
from settings import without_numbers

from dyfadet_mm.engine.options import (check_files, check_option,
                                       check_settings, merge_options,
                                       read_by_runner)
from dyfadet_mm.registry import MODELS

ROOT = Path(__file__).parents[1]
# those in features/ are of recognizers, see test_apis/test_feature_configs.py
CONFIGS = sorted(
    path for path in (ROOT / 'configs').glob('[!_]*/*.py')
    if path.parent.name != 'features') + sorted(
        (ROOT / 'projects').glob('*/configs/*.py'))
# those of the ablations differ in their parts alone, see test_ablation.py
UNLIKE = [path for path in CONFIGS if path.parent.name != 'ablation']
# one of each folder; a second is too long for all
FORMATTED = {path.parent: path for path in CONFIGS}.values()
TRAIN, TEST = load_tool('train'), load_tool('test')


def with_train(path, options):
    args = TRAIN.parse_args([str(path), *command_line(options)])
    return TRAIN.merge_args(Config.fromfile(path), args)


def with_test(path, options):
    args = TEST.parse_args([str(path), 'weights', *command_line(options)])
    return TEST.merge_args(Config.fromfile(path), args)


def with_other_tools(path, options):
    """As the tools of MMEngine, MMDetection and MMAction2 do it."""
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options)
    return cfg


def in_python(path, options):
    cfg = Config.fromfile(path)
    for key, value in options.items():
        node, *parts = cfg, *key.split('.')
        for part in parts[:-1]:
            node = node[int(part) if part.isdigit() else part]
        node[parts[-1]] = value
    return cfg


def in_a_child(path, options):
    child = Path(path.child)
    lines = [f'_base_ = {str(path)!r}']
    nested = Config({})
    nested.merge_from_dict(options)
    lines += [f'{key} = {value!r}' for key, value in nested.to_dict().items()]
    child.write_text('\n'.join(lines))
    return Config.fromfile(child)


WAYS = [with_train, with_test, with_other_tools, in_python, in_a_child]


def command_line(options):
    """Options as they are typed."""
    return ['--cfg-options', *(f'{k}={v}' for k, v in options.items())
            ] if options else []


class ConfigPath(type(Path())):
    """Path of a config, and where a child of it may lie."""

    child: str


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def path(request, tmp_path):
    path = ConfigPath(request.param)
    path.child = str(tmp_path / 'child.py')
    return path


def meaning(cfg):
    """What a runner reads, as plain data."""
    content = {
        key: value
        for key, value in cfg.to_dict().items() if key in read_by_runner()
    }
    for key in ('launcher', 'work_dir', 'randomness', 'load_from', 'resume'):
        content.pop(key, None)
    return json.loads(json.dumps(content, default=str, sort_keys=True))


def test_it_means_the_same_wherever_it_is_read(path):
    variables = dict(
        lr=0.25, max_epochs=77, data_root='elsewhere/', batch_size=5)
    nested = {
        'optim_wrapper.optimizer.lr': 0.5,
        'test_dataloader.dataset.data_root': 'its_own/'
    }
    found = [meaning(way(path, {**variables, **nested})) for way in WAYS]
    assert all(each == found[0] for each in found[1:])
    cfg = Config(found[0])
    assert cfg.optim_wrapper.optimizer.lr == 0.5
    assert cfg.train_dataloader.batch_size == 5
    # the rate is meant for another batch size than that of the moment
    assert cfg.auto_scale_lr.base_batch_size != 5
    assert cfg.train_cfg.max_epochs in (77, 45, 50, 60)  # some stop earlier
    assert cfg.param_scheduler[-1].end == 77
    assert [
        cfg[f'{split}_dataloader'].dataset.data_root
        for split in ('train', 'val', 'test')
    ] == ['elsewhere/', 'elsewhere/', 'its_own/']


@pytest.mark.parametrize('path', UNLIKE, ids=lambda path: path.stem)
def test_a_width_reaches_all_parts(path):
    cfg = Config.fromfile(path)
    if not cfg.model.type.endswith('SingleStageTAD'):
        pytest.skip('a model of its own')
    cfg.merge_from_dict({'model.backbone.embed_channels': 48})
    cfg.model.pop('encoder', None)  # has a width of its own, and takes seconds
    if 'num_heads' in cfg.model.backbone:
        cfg.merge_from_dict({'model.backbone.num_heads': 4})
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        init_default_scope(cfg.default_scope)
        with without_numbers():
            model = MODELS.build(cfg.model)
    assert model.backbone.out_channels == model.head.in_channels == 48


def test_whole_parts_are_replaced(path):
    """An evaluator by a list, a data set by a wrapper, no validation."""
    cfg = Config.fromfile(path)
    dataset = cfg.train_dataloader.dataset.to_dict()
    wrapped = dict(type='RepeatDataset', times=2, dataset=dataset)
    Path(path.child).write_text('\n'.join([
        f'_base_ = {str(path)!r}',
        "val_evaluator = [dict(type='TADRecallMetric')]",
        f'train_dataloader = dict(dataset=dict(_delete_=True, **{wrapped!r}))',
        'test_dataloader = test_cfg = test_evaluator = None'
    ]))
    cfg = Config.fromfile(path.child)
    assert cfg.val_evaluator == [dict(type='TADRecallMetric')]
    assert cfg.train_dataloader.dataset.to_dict() == wrapped
    assert cfg.test_dataloader is cfg.test_cfg is cfg.test_evaluator is None
    check_files(cfg)


@pytest.mark.parametrize('path', UNLIKE, ids=lambda path: path.stem)
def test_the_saved_config_repeats_the_run(path, tmp_path, plain_config_text):
    cfg = merge_options(
        Config.fromfile(path), {
            'lr': 0.25,
            'train_dataloader.batch_size': 3
        })
    if path in FORMATTED:
        plain_config_text.stop()
    cfg.dump(tmp_path / 'saved.py')
    saved = Config.fromfile(tmp_path / 'saved.py')
    assert meaning(saved) == meaning(cfg)
    merge_options(saved)  # nothing in it is refused
    changed = merge_options(saved, {'optim_wrapper.optimizer.lr': 0.5})
    assert changed.optim_wrapper.optimizer.lr == 0.5
    with pytest.raises(ValueError, match="'optim_wrapper.optimizer.lr'"):
        merge_options(saved, dict(lr=0.5))  # it has values, no references


def test_every_variable_acts_or_is_refused(path):
    cfg = Config.fromfile(path)
    before = meaning(cfg)
    check_files(cfg)
    variables = sorted(set(cfg) - read_by_runner())
    marked = Config.fromfile(path)
    marked.merge_from_dict({name: f'a new {name}.' for name in variables})
    marked = json.dumps(meaning(marked))
    for name in variables:
        acts = f'a new {name}.' in marked
        if not acts:  # by itself, or not at all
            value, cfg[name] = cfg[name], ['a new value']
            acts = meaning(cfg) != before
            cfg[name] = value
        try:
            check_option(name, cfg)
        except ValueError:
            assert not acts, name
        else:
            assert acts, name
    assert meaning(cfg) == before


@pytest.mark.parametrize('options, words', [
    (dict(max_epoch=5), "'max_epoch'; did you mean 'max_epochs'?"),
    (dict(regression_ranges=[(0, 9)]),
     "'regression_ranges'; did you mean 'model.head.regression_ranges'?"),
    ({
        'auto_scale_lr.enabled': True
    }, "'auto_scale_lr.enabled'; did you mean 'auto_scale_lr.enable'?"),
    ({
        'env_cfg.cudnn_bench': True
    }, "'env_cfg.cudnn_bench'; did you mean 'env_cfg.cudnn_benchmark'?"),
    ({
        'data_preprocessor.pad_to': 'divisor'
    }, "did you mean 'model.data_preprocessor"),
])
def test_what_nothing_reads_is_refused_by_name(options, words):
    path = ROOT / 'configs/dyfadet/dyfadet_i3d_1xb2-40e_thumos14.py'
    with pytest.raises(ValueError) as error:
        merge_options(Config.fromfile(path), options)
    assert words in str(error.value)
    # another program's options, when a runner is made of the config
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options)
    with pytest.raises(ValueError) as error:
        check_settings(cfg)
    assert words.split(';')[-1] in str(error.value)


@pytest.mark.parametrize('text, words', [
    ("optim_wrapper = dict(optimizer=dict(lr=1.))\nlr = 2.", None),
    ('max_epoch = 3', "'max_epoch', which nothing reads; did you mean "
     "'max_epochs'?"),
    ('my_note = "of my own"', None),
    ('depth = 3\nmodel = dict(head=dict(num_layers=depth))', None),
])
def test_variables_of_a_child(tmp_path, text, words):
    child = tmp_path / 'child.py'
    base = ROOT / 'configs/dyfadet/dyfadet_custom.py'
    child.write_text(f'_base_ = {str(base)!r}\n{text}')
    cfg = Config.fromfile(child)
    if words is None:
        merge_options(cfg)
        check_settings(cfg)
        return
    for check in (merge_options, check_settings):
        with pytest.raises(ValueError) as error:
            check(cfg)
        assert words in str(error.value) and str(child) in str(error.value)


def test_a_variable_that_a_child_overrules_acts_nowhere(tmp_path):
    child = tmp_path / 'child.py'
    base = ROOT / 'configs/dyfadet/dyfadet_custom.py'
    child.write_text(f'_base_ = {str(base)!r}\n'
                     'optim_wrapper = dict(optimizer=dict(lr=1.))')
    with pytest.raises(ValueError, match="'optim_wrapper.optimizer.lr'"):
        merge_options(Config.fromfile(child), dict(lr=2.))
    grandchild = tmp_path / 'grandchild.py'
    grandchild.write_text("_base_ = 'child.py'\nlr = 2.")
    with pytest.raises(ValueError, match="sets 'lr', which nothing reads"):
        merge_options(Config.fromfile(grandchild))
