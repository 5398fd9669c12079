"""Configs and classes through the commands that a user types."""
import json
import re

import pytest
import torch
from mmengine.config import Config
from small_data import make_data, run_tool, save, write_config

BODY = """
train_dataloader = dict(batch_size=3)
val_dataloader = dict(dataset=dict(ann_file='val.json'))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
val_evaluator = [dict(type='TADMapMetric', tiou_thresholds=[0.5]),
                 dict(type='TADRecallMetric', tiou_thresholds=[0.5])]
model = dict(backbone=dict(embed_channels=24, arch=(1, 1, 2)),
             head=dict(num_layers=2,
                       regression_ranges=[(0, 8), (8, 16), (16, 1e4)]))
"""


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """What a training with overrides in a child config has written.

    Its validation has a file of its own, which lacks the first class.
    """
    folder = tmp_path_factory.mktemp('data')
    database = make_data(folder)
    save(folder, database)
    for entry in database.values():
        entry['annotations'] = [
            each for each in entry['annotations'] if each['label'] == 'run'
        ]
    save(folder, database, 'val.json')
    config = write_config(folder, BODY)
    done = run_tool('train.py', config, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout + done.stderr


def run_test(folder, **options):
    """``tools/test.py`` on the last checkpoint, with the log and labels."""
    out = folder / 'p.json'
    out.unlink(missing_ok=True)
    done = run_tool(
        'test.py',
        folder / 'my_config.py',
        folder / 'work_dirs/my_config/epoch_2.pth',
        f'--out={out}',
        '--cfg-options',
        *(f'{k}={v}' for k, v in options.items()),
        cwd=folder)
    labels = set()
    if out.exists():
        results = json.loads(out.read_text())['results']
        labels = {x['label'] for video in results.values() for x in video}
    return done, labels


def test_the_child_has_the_last_word(trained):
    """Cases child_overrides, two_metrics and split_files."""
    folder, log = trained
    cfg = Config.fromfile(folder / 'work_dirs/my_config/my_config.py')
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.optim_wrapper.optimizer.lr == 5e-4
    assert re.search(r'\[1\]\[2/2\]|Epoch\(train\)\s+\[2\]\[2/2\]', log)
    assert 'mAP@0.50' in log and 'Recall@1x@0.50' in log
    assert 'mAP@0.30' not in log
    rows = set(re.findall(r'^\| (\w+) +\|', log, re.MULTILINE))
    assert 'run' in rows and 'jump' not in rows
    weights = torch.load(
        folder / 'work_dirs/my_config/epoch_2.pth', weights_only=True)
    assert weights['state_dict']['head.conv_cls.weight'].size(1) == 24
    assert weights['meta']['dataset_meta']['classes'] == ('jump', 'run')


def test_new_files_are_labelled_by_name(trained, tmp_path):
    """Case new_file: other classes, of which one is the model's."""
    folder, _ = trained
    other = make_data(folder / 'other', classes=('run', 'swim'), seed=1)
    save(folder, other, 'other.json')
    done, labels = run_test(
        folder,
        ann_file='other.json',
        **{'test_dataloader.dataset.data_prefix.feats': 'other/features/'})
    assert done.returncode == 0, done.stderr
    assert labels and labels <= {'jump', 'run'}
    assert "['swim']" in done.stdout + done.stderr


def test_new_videos_need_no_annotations(trained):
    """Case no_annotations: no metric, and names from the checkpoint."""
    folder, _ = trained
    videos = {
        f'vid_{i:03d}': dict(subset='test', duration=17.6, fps=30.)
        for i in range(3)
    }
    save(folder, videos, 'new_videos.json')
    done, labels = run_test(
        folder, ann_file='new_videos.json', val_subset='test')
    assert done.returncode == 0, done.stderr
    assert labels and labels <= {'jump', 'run'}
    log = done.stdout + done.stderr
    assert 'nothing' in log and 'tad/average_mAP:' not in log


def test_files_without_a_class_of_the_model_are_refused(trained):
    folder, _ = trained
    other = make_data(folder / 'swim', classes=('dive', 'swim'))
    save(folder, other, 'swim.json')
    done, labels = run_test(folder, ann_file='swim.json')
    assert done.returncode == 1 and not labels
    message = done.stderr.splitlines()[-1]
    for words in ('swim.json', "['jump', 'run']", "['dive', 'swim']"):
        assert words in message


def test_training_without_validation(tmp_path):
    """Case no_validation."""
    database = make_data(tmp_path, 4, 0, classes=('a_wave', 'b_jump'))
    save(tmp_path, database, 'train.json')
    config = write_config(
        tmp_path, "ann_file = 'train.json'\nmax_epochs = 2\n"
        'val_dataloader = val_cfg = val_evaluator = None\n'
        'test_dataloader = test_cfg = test_evaluator = None\n' +
        BODY[BODY.index('model'):])
    done = run_tool('train.py', config, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    work_dir = tmp_path / 'work_dirs/my_config'
    assert [x.name for x in work_dir.glob('*.pth')] == ['epoch_2.pth']


@pytest.mark.parametrize('tool, option, words', [
    ('train.py', 'max_epoch=5', "'max_epoch'; did you mean 'max_epochs'?"),
    ('test.py', 'regression_ranges=3',
     "'regression_ranges'; did you mean 'model.head.regression_ranges'?"),
    ('analysis_tools/compare.py', 'num_layer=3', "'num_layer'"),
])
def test_options_that_nothing_reads(tmp_path, tool, option, words):
    save(tmp_path, make_data(tmp_path, 2, 1))
    config = write_config(tmp_path)
    more = ['weights.pth'] if tool == 'test.py' else []
    done = run_tool(tool, config, *more, '--cfg-options', option, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert not list(tmp_path.rglob('*.pth'))
