"""check_dataset finds what a detector cannot learn from, and names it."""
import json
import re
from importlib import import_module

import numpy as np
import pytest
from small_data import ROOT, make_data, run_tool, save, write_config


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools/analysis_tools'))
        yield import_module('check_dataset')


@pytest.fixture
def check(tool, tmp_path):
    """Check data after a change; returns exit status and report."""

    def run(change=None, body='', **kwargs):
        database = make_data(tmp_path, **kwargs)
        if change is not None:
            change(database, tmp_path / 'features')
        save(tmp_path, database)
        config, out = write_config(tmp_path, body), tmp_path / 'out.json'
        with pytest.raises(SystemExit) as end:
            tool.main([str(config), '--jobs=1', '--force', f'--json={out}'])
        return end.value.code, json.loads(out.read_text())

    return run


def found(report, severity, check):
    """Messages of one kind."""
    return [
        each['message'] for each in report['findings']
        if (each['severity'], each['check']) == (severity, check)
    ]


def edit(name, function):
    """A change of the features of one video."""

    def change(database, features):
        path = features / f'{name}.npy'
        np.save(path, function(np.load(path)))

    return change


def put(value):
    """Set one value."""

    def function(feats):
        feats[5, 3] = value
        return feats

    return function


def test_healthy_data_has_no_error(check):
    code, report = check()
    assert code == 0
    assert report['training'] == dict(
        samples=6, iterations_per_epoch=3, iterations=6, problem='')
    assert not [f for f in report['findings'] if f['severity'] == 'warning']


def test_an_average_longer_than_the_training_is_named(check):
    code, report = check(
        body='custom_hooks = [dict(type="EMAHook", momentum=0.001)]')
    assert code == 0
    message, = found(report, 'warning', 'moving average')
    assert '1000 updates, and the training has 6' in message


@pytest.mark.parametrize('severity, function, what', [
    ('error', put(1e30), r"overflow.*'vid_001' \(1e\+30 at cell 5, channel 3"),
    ('error', put(-1e6), r"far outside.*'vid_001' \(-1e\+06 at cell 5, chann"),
    ('warning', put(2e4), r"far outside.*'vid_001' \(2e\+04 at cell 5, chann"),
    ('error', lambda x: x * 1000, r"whole far larger.*'vid_001' \(median .* "
     r'\d+ times as large; largest .* at cell'),
    ('warning', lambda x: x / 1000, "whole far smaller.*'vid_001' "),
    ('warning', lambda x: x[:1].repeat(64, 0), "equal in all cells.*'vid_001"),
])
def test_features_far_from_the_others_are_named(check, severity, function,
                                                what):
    code, report = check(edit('vid_001', function))
    assert code == int(severity == 'error')
    message, = found(report, severity, 'feature values')
    assert message.startswith('features of 1 of 6 (16.7 %) videos')
    assert re.search(what, message)


def test_features_of_another_scale_in_evaluation_are_named(check):

    def change(database, features):
        for name in ('vid_006', 'vid_007', 'vid_008'):
            edit(name, lambda x: x * 255)(database, features)

    _, report = check(change)
    message, = found(report, 'error', 'feature values')
    assert 'features of 3 of 3' in message and "'vid_008'" in message


def heavy_tails(rng, shape):
    return rng.standard_t(3, shape)


def sparse_channels(rng, shape):
    return rng.lognormal(0, 1.5, shape) * (rng.random(shape) < 0.02)


def massive_channel(rng, shape):
    return rng.normal(size=shape) * np.where(np.arange(shape[1]) == 2, 3e3, 1)


@pytest.mark.parametrize('draw', [heavy_tails, sparse_channels,
                                  massive_channel,
                                  lambda rng, shape: rng.lognormal(0, 2, shape)
                                  ])  # yapf: disable
def test_heavy_tails_are_no_outliers(tool, draw):
    from dataset_magnitudes import check_magnitudes, measure_magnitude
    from dataset_survey import Reading, Survey
    rng = np.random.default_rng(0)
    survey = Survey('train')
    for i in range(200):
        feats = draw(rng, (100, 32)).astype(np.float32)
        survey.readings[str(i)] = Reading(
            shape=feats.shape, magnitude=measure_magnitude(feats))
    assert check_magnitudes([survey]) == []


REPEAT = """
train_dataloader = dict(dataset=dict(_delete_=True, type='RepeatDataset',
    times=3, dataset=dict(type='TADDataset', data_root=data_root,
    ann_file='annotations.json', data_prefix=dict(feats='features/'),
    subset='training', feat_stride=8, feat_num_frames=16, pipeline=[
        dict(type='LoadFeatures'), dict(type='SecondsToGrid'),
        dict(type='PackTADInputs')])))
"""


@pytest.mark.parametrize('body, length, error', [
    ('', 0, 'train_dataloader.drop_last=False, or add videos'),
    ('train_dataloader = dict(drop_last=False)', 1, None),
    (REPEAT, 1, None),
])
def test_too_few_videos_for_a_batch(check, body, length, error):
    code, report = check(n_train=1, n_val=1, body=body)
    assert report['training']['iterations_per_epoch'] == length
    messages = found(report, 'error', 'iterations')
    assert len(messages) == int(error is not None)
    assert not messages or messages[0].endswith(error)
    assert code == 1


def test_a_schedule_that_one_iteration_per_epoch_cannot_follow(check):
    code, report = check(n_train=2, n_val=1)
    assert code == 1
    message, = found(report, 'error', 'learning rate')
    assert 'is at most 1e-11 in all 2 iterations (1 per epoch)' in message


def test_a_validation_that_is_never_reached_is_told(check):
    code, report = check(body='train_cfg = dict(val_begin=5)')
    assert code == 0
    message, = found(report, 'warning', 'validation')
    assert 'the 2 epochs of the training, but got 5' in message


def move(name, segments):
    """Give the actions of one video, or of all, new times."""

    def change(database, features):
        for key in [name] if name else database:
            for item, segment in zip(database[key]['annotations'], segments):
                item['segment'] = segment

    return change


def test_actions_that_no_cell_can_hit_are_counted_and_named(check):

    def change(database, features):
        # centres of cells: 0.267 s to 17.067 s, 0.267 s apart
        move(None, [[0., 0.2], [3., 6.]])(database, features)
        move('vid_000', [[17.2, 17.5], [5.36, 5.46]])(database, features)
        for entry in database.values():
            for item, label in zip(entry['annotations'], ('jump', 'run')):
                item['label'] = label

    code, report = check(change)
    assert code == 1
    message, _ = found(report, 'error', 'regression ranges')  # train and val
    for part in ('7 of 12 ', '5 before the centre of the first cell',
                 '1 after the centre of the last', '1 shorter than a cell',
                 "'jump' 6 of 6, 'run' 1 of 6", "in 6 videos: 'vid_000'"):
        assert part in message
    message, = found(report, 'error', 'lost classes')
    assert "no cell can learn any 'jump': all 6 actions" in message
    message, = found(report, 'warning', 'lost classes')
    assert "no cell can find any 'jump': all 3 actions" in message


@pytest.mark.parametrize('factor, unit', [(30, 'frames'),
                                          (1000, 'milliseconds')])
def test_other_units_than_seconds_are_told(check, factor, unit):

    def change(database, features):
        for entry in database.values():
            for item in entry['annotations']:
                item['segment'] = [x * factor for x in item['segment']]

    code, report = check(change)
    assert code == 1
    errors = [f for f in report['findings'] if f['severity'] == 'error']
    assert [(f['data'], f['check']) for f in errors] == [('train', 'seconds'),
                                                         ('val', 'seconds')]
    assert f'divided by {factor}, so they look like {unit}' in (
        errors[0]['message'])


@pytest.mark.parametrize('name, value, severity', [
    ('duration', 40., 'error'),
    ('duration', 21., 'warning'),
    ('fps', 60., 'error'),
    ('duration', 517., 'error'),
])
def test_a_single_wrong_duration_is_named(check, name, value, severity):

    def change(database, features):
        database['vid_003'][name] = value

    code, report = check(change)
    assert code == int(severity == 'error')
    message, = found(report, severity, 'durations')
    assert message.startswith('durations of 1 of 6 (16.7 %) videos contradict')
    assert "'vid_003'" in message and 'but its 64 cells last about' in message
    assert not found(report, 'error', 'stride and fps')


def test_durations_in_frames_are_told(check):

    def change(database, features):
        for i, (name, entry) in enumerate(database.items()):
            cells = 50 + i
            edit(name, lambda feats: feats[:cells])(database, features)
            entry['duration'] = cells * 8 + 16

    code, report = check(change)
    assert code == 1
    assert 'look like frames' in found(report, 'error', 'stride and fps')[0]


def test_everything_in_a_refused_annotation_file_is_found(tmp_path):
    """By the command line, and without traceback."""
    database = make_data(tmp_path)
    actions = database['vid_000']['annotations']
    actions[0]['label'] = ['run', 'jump']
    database['vid_003']['annotations'][0]['label'] = ['run']
    database['vid_001']['annotations'][1]['segment'].reverse()
    database['../secret'] = dict(database['vid_002'])
    database['/root/x'] = dict(database['vid_002'])
    path = save(tmp_path, database)
    text = path.read_text().replace('"vid_004"', '"vid_003"')
    path.write_text(text.replace('"vid_007"', '"vid_008"'), 'utf-8-sig')
    out, image = tmp_path / 'report.json', tmp_path / 'check.png'
    run = run_tool('analysis_tools/check_dataset.py', write_config(tmp_path),
                   f'--json={out}', f'--out={image}')
    assert run.returncode == 1 and 'Traceback' not in run.stderr
    report = json.loads(out.read_text())
    assert image.read_bytes()[1:4] == b'PNG'
    keys, = found(report, 'error', 'repeated keys')
    assert "2 keys occur twice" in keys and "'vid_003', 'vid_008'" in keys
    ids, = found(report, 'error', 'video ids')
    assert "'../secret', '/root/x'" in ids
    labels, = found(report, 'error', 'labels')
    assert "['run', 'jump']" in labels and "in 1 videos: 'vid_000'" in labels
    back, = found(report, 'warning', 'reversed actions')
    assert "in 1 videos: 'vid_001'" in back
