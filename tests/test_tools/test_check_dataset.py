"""Every kind of damage is found, on generated data and on real features."""
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dyfadet_mm.models.heads import ConvHead
from dyfadet_mm.models.task_modules import Points

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'tools/analysis_tools'
CONFIG = str(ROOT / 'configs/dyfadet/dyfadet_custom.py')
GYM = ROOT.parent / 'shared/data/gym_i3d'
STRIDE, WINDOW, FPS = 8, 16, 30


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of its folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        import check_dataset
        yield check_dataset
    finally:
        sys.path.remove(str(FOLDER))


def generate(folder):
    """Eight videos of training and five of validation, all as should be."""
    rng = np.random.default_rng(0)
    (folder / 'features').mkdir(parents=True)
    database = {}
    for i in range(13):
        name = f'video_{i}'
        cells = 40 + 5 * i
        np.save(folder / f'features/{name}.npy',
                rng.standard_normal((cells, 6)).astype(np.float16))
        actions = [
            dict(
                segment=[start, start + 2.5],
                label=('run', 'jump', 'swim')[k],
                label_id=k) for k, start in enumerate((0.5, 3.5, 6.5))
        ]
        database[name] = dict(
            subset='training' if i < 8 else 'validation',
            duration=((cells - 1) * STRIDE + WINDOW) / FPS + 0.1,
            fps=FPS,
            annotations=actions)
    write(folder, database)


def read(folder):
    return json.loads((folder / 'annotations.json').read_text())['database']


def write(folder, database):
    (folder / 'annotations.json').write_text(
        json.dumps(dict(database=database)))


@pytest.fixture(scope='module')
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'clean'
    generate(folder)
    return folder


@pytest.fixture
def data(clean, tmp_path):
    """A copy to break."""
    return Path(shutil.copytree(clean, tmp_path / 'data'))


TINY = dict(
    feat_dim=6,
    feat_stride=STRIDE,
    feat_num_frames=WINDOW,
    max_seq_len=128,
    width=16,
    max_epochs=300)  # longer than the running average
REAL = dict(
    feat_dim=256,
    feat_stride=16,
    feat_num_frames=16,
    max_seq_len=192,
    width=16)


def check(tool, folder, settings, options=(), **changes):
    """Exit status, findings and the whole report."""
    out = folder.parent / 'report.json'
    settings = dict(settings, data_root=str(folder), **changes)
    with pytest.raises(SystemExit) as end:
        tool.main([
            CONFIG, '--jobs=1', '--force', f'--json={out}', *options,
            '--cfg-options', *(f'{k}={v}' for k, v in settings.items())
        ])
    report = json.loads(out.read_text()) if out.exists() else None
    return end.value.code, report and report['findings'], report


def first_video(folder):
    name = next(iter(read(folder)))
    return name, folder / f'features/{name}.npy'


def edit(folder, change):
    """Change the annotations; ``change`` gets the database."""
    database = read(folder)
    change(database)
    write(folder, database)


def missing_file(folder):
    first_video(folder)[1].unlink()


def truncated_file(folder):
    path = first_video(folder)[1]
    path.write_bytes(path.read_bytes()[:-100])


def no_npy_file(folder):
    first_video(folder)[1].write_text('<html>404</html>')


def other_dimension(folder):
    path = first_video(folder)[1]
    np.save(path, np.load(path)[:, :-1])


def transposed(folder):
    path = first_video(folder)[1]
    np.save(path, np.load(path).T)


def not_a_number(folder):
    path = first_video(folder)[1]
    feats = np.load(path)
    feats[3, 2] = np.nan
    np.save(path, feats)


def half_of_the_video(folder):
    path = first_video(folder)[1]
    feats = np.load(path)
    np.save(path, feats[:len(feats) // 2])


def other_fps(folder):

    def change(database):
        for entry in database.values():
            entry['fps'] = 15.

    edit(folder, change)


def action(folder, **fields):
    """Change the first action of the first video."""

    def change(database):
        next(iter(database.values()))['annotations'][0].update(fields)

    edit(folder, change)


def outside(folder):

    def change(database):
        for item in next(iter(database.values()))['annotations'][:3]:
            item['segment'] = [5000., 5010.]

    edit(folder, change)


def backwards(folder):
    action(folder, segment=[3., 2.])


def no_times(folder):
    action(folder, segment=['soon', None])


def misspelt(folder):
    name = next(iter(read(folder).values()))['annotations'][0]['label']
    action(folder, label=name + 's')


def no_label(folder):
    action(folder, label=None)


def empty_action(folder):
    action(folder, segment=[2., 2.])


def duplicate(folder):

    def change(database):
        actions = next(iter(database.values()))['annotations']
        actions.append(dict(actions[0]))

    edit(folder, change)


def no_fps(folder):
    edit(folder, lambda database: next(iter(database.values())).pop('fps'))


def no_subset(folder):
    edit(folder, lambda database: next(iter(database.values())).pop('subset'))


def no_json(folder):
    (folder / 'annotations.json').write_text('{"database": {')


def no_database(folder):
    (folder / 'annotations.json').write_text('{"videos": []}')


def copied_features(folder):
    names = list(read(folder))
    shutil.copy(folder / f'features/{names[0]}.npy',
                folder / f'features/{names[-1]}.npy')


def nothing(folder):
    pass


SCORES = {
    'model.score_fusion.type': 'ScoreFusion',
    'model.score_fusion.score_file': 'no.json'
}
# damage, options, kind of the finding, a part of its message
ERRORS = [
    (missing_file, {}, 'missing features', r'1 of \d+ videos have no'),
    (truncated_file, {}, 'unreadable features', 'end early or are damaged'),
    (no_npy_file, {}, 'unreadable features', 'must be an npy file'),
    (other_dimension, {}, 'feature dimension', r'must have shape \(T, '),
    (transposed, {}, 'transposed features', r'\(C, T\): transpose it'),
    (not_a_number, {}, 'NaN or infinity', '1 NaN or infinite'),
    (half_of_the_video, {}, 'durations', '1 of .* contradict .* cells'),
    (nothing, dict(feat_stride=2), 'stride and fps', 'feat_stride={} would'),
    (nothing, dict(fps=60), 'stride and fps', 'or fps=30 at feat_stride'),
    (other_fps, {}, 'stride and fps', 'or fps=30 at feat_stride={}'),
    (nothing, dict(feat_dim=99), 'feature dimension', r'shape \(T, 99\)'),
    (outside, {}, 'actions outside', '3 of .* lie outside the video'),
    (no_times, {}, 'actions', 'must be two finite numbers'),
    (misspelt, {}, 'labels', r'label_id \d+ has 2 names: .* misspelt'),
    (no_label, {}, 'actions', 'is not in 1 of'),
    (nothing, {'model.head.num_classes': 2}, 'number of classes',
     'classes, but model.head.num_classes is 2'),
    (no_fps, {}, 'entries', "must have 'fps'"),
    (no_subset, {}, 'entries', "1 of .* have no 'subset'"),
    (nothing, dict(val_subset='training'), 'overlap', 'videos are in both'),
    (nothing, dict(val_subset='valid'), 'subset', 'must be one of'),
    (nothing, dict(train_subset=''), 'subset', 'must be one of'),
    (no_json, {}, 'annotation file', 'must be JSON'),
    (no_database, {}, 'annotation file', "must have the key 'database'"),
    (nothing, dict(ann_file='x.json'), 'annotation file', 'no annotation fil'),
    (nothing, SCORES, 'class scores', "no class scores at 'no.json'"),
    (nothing, dict(warmup_epochs=999), 'learning rate', 'warm-up must end'),
    (copied_features, {}, 'identical features', 'in training and evaluation'),
]  # yapf: disable
WARNINGS = [
    (backwards, {}, 'reversed actions', "1 of 24 .* 'video_0'.* never found"),
    (empty_action, {}, 'empty actions', '1 of .* end where they start'),
    (duplicate, {}, 'duplicate actions', '1 of .* repeat an earlier one'),
    (nothing, dict(max_seq_len=32), 'max_seq_len', 'longer than max_seq_len='),
    (nothing, {'model.head.num_classes': 99}, 'number of classes', 'is 99'),
]  # yapf: disable


def assert_found(findings, severity, kind, message):
    found = [each for each in findings if each['severity'] == severity]
    assert any(each['check'] == kind and re.search(message, each['message'])
               for each in found), findings


@pytest.mark.parametrize('damage, options, kind, message', ERRORS)
def test_damage_is_an_error(tool, data, damage, options, kind, message):
    damage(data)
    code, findings, _ = check(tool, data, {**TINY, **options})
    assert code == 1
    assert_found(findings, 'error', kind, message.format(STRIDE))


@pytest.mark.parametrize('damage, options, kind, message', WARNINGS)
def test_what_training_survives_is_a_warning(tool, data, damage, options, kind,
                                             message):
    damage(data)
    code, findings, _ = check(tool, data, {**TINY, **options})
    assert code == 0
    assert_found(findings, 'warning', kind, message)


def test_clean_data_has_no_error(tool, clean):
    code, findings, report = check(tool, clean, TINY)
    assert code == 0
    assert {each['severity'] for each in findings} <= {'note'}
    train = report['datasets']['train']
    assert train['videos'] == train['read'] == 8
    assert train['actions_per_class'] == dict(run=8, jump=8, swim=8)
    assert train['cells'] == [40, 57, 75]
    assert train['cells_per_second'] == pytest.approx(FPS / STRIDE, rel=1e-3)
    assert list(report['datasets']) == ['train', 'val']  # test is val


@pytest.mark.skipif(not GYM.exists(), reason='needs the gym features')
class TestRealFeatures:

    def test_clean_data_has_no_error(self, tool, tmp_path):
        folder = tmp_path / 'gym'
        folder.symlink_to(GYM, target_is_directory=True)
        code, findings, report = check(tool, folder, REAL)
        assert code == 0
        assert {each['severity'] for each in findings} <= {'note'}
        assert report['datasets']['train']['read'] == 160
        assert report['datasets']['val']['read'] == 60

    @pytest.mark.parametrize('damage, options, kind, message', ERRORS)
    def test_damage_is_an_error(self, tool, tmp_path, damage, options, kind,
                                message):
        folder = tmp_path / 'gym'
        database = json.loads((GYM / 'annotations.json').read_text())
        names = list(database['database'])
        names = names[:12] + names[-4:]
        (folder / 'features').mkdir(parents=True)
        for name in names:
            shutil.copy(GYM / f'features/{name}.npy', folder / 'features')
        write(folder, {name: database['database'][name] for name in names})
        damage(folder)
        code, findings, _ = check(tool, folder, {**REAL, **options})
        assert code == 1
        assert_found(findings, 'error', kind, message.format(16))


def test_every_problem_is_reported_at_once(tool, data):
    """Unlike the dataset class, which stops at the first."""
    no_fps(data)
    action(data, label='climb', label_id=None)
    names = list(read(data))
    for name in names[1:3]:
        (data / f'features/{name}.npy').unlink()
    (data / f'features/{names[3]}.npy').write_bytes(b'\x93NUMPY')
    path = data / f'features/{names[4]}.npy'
    np.save(path, np.load(path).T)

    def change(database):
        database[names[5]]['annotations'] = 'none'
        database[names[6]]['annotations'][1] = 'jump'
        database[names[7]]['annotations'][2]['segment'] = [1.]

    edit(data, change)
    code, findings, _ = check(tool, data, TINY, classes='[run,jump,swim]')
    assert code == 1
    counts = {
        (each['data'], each['check']): each['count']
        for each in findings
        if each['severity'] == 'error' and each['data'] == 'train'
    }
    assert counts == {
        ('train', 'entries'): 1,
        ('train', 'labels'): 1,
        ('train', 'missing features'): 2,
        ('train', 'unreadable features'): 1,
        ('train', 'transposed features'): 1,
        ('train', 'actions'): 1,
    }
    listed = [each for each in findings if each['check'] == 'actions']
    assert any("is not in 2 of" in each['message'] for each in listed)
    assert any("[1.0]" in each['message'] for each in listed)


@pytest.mark.parametrize('offset, noise', [(0., 0.), (-1., 0.4), (3., 1.)])
def test_stride_is_estimated_in_spite_of_outliers(tool, offset, noise):
    from dataset_timing import fit_line
    rng = np.random.default_rng(1)
    seconds = rng.uniform(20, 300, 80)
    cells = np.floor(seconds * 1.875 + offset + noise * rng.normal(size=80))
    cells[::4] *= rng.uniform(0.2, 3, 20)
    assert fit_line(seconds, cells)[0] == pytest.approx(1.875, rel=0.01)


def test_equal_durations_have_a_rate_too(tool):
    from dataset_timing import fit_line
    assert fit_line(np.full(5, 40.), np.full(5, 75.)) == (1.875, 0.)


def test_fixed_length_features_are_told_apart(tool, data):
    for name in read(data):
        np.save(data / f'features/{name}.npy', np.random.rand(50, 6))
    code, findings, _ = check(tool, data, TINY)
    assert code == 1
    assert_found(findings, 'error', 'stride and fps', 'SpreadFeatures')


HEAD = dict(num_classes=1, in_channels=4, feat_channels=4, num_layers=1)


@pytest.mark.parametrize(
    'segment, levels',
    [
        ([4., 10.], [True, True]),  # 6 and 8 have ends 4 away
        ([4.2, 4.8], [False, False]),  # between two points
        ([7.9, 8.1], [True, False]),  # too short for level 1
        ([0., 12.], [False, True]),  # ends at least 6 away
        ([0., 19.], [False, False]),  # ends at least 10 away
        ([15., 40.], [False, False]),  # centre behind the last cell
    ])
def test_levels_of_an_action(tool, segment, levels):
    from dataset_range_checks import levels_of_actions
    head = ConvHead(regression_ranges=[(0, 4), (4, 8)], **HEAD)
    assert levels_of_actions(head, 20,
                             np.array([segment])).tolist() == [levels]


def test_levels_agree_with_the_targets_of_single_actions(tool):
    from dataset_range_checks import levels_of_actions
    head = ConvHead(regression_ranges=[(0, 3), (3, 5), (5, 9)], **HEAD)
    rng = np.random.default_rng(0)
    start = rng.uniform(-1, 25, 50)
    segments = np.stack([start, start + rng.exponential(6, 50)], 1)
    found = levels_of_actions(head, 26, segments)
    lengths = [26, 13, 7]
    points = head.points(lengths, torch.device('cpu'))
    mlvl = list(map(Points, *(x.split(lengths) for x in points)))
    for segment, row in zip(segments, found):
        for level, points in enumerate(mlvl):
            labels = head.assigner.assign(
                points, torch.tensor(segment[None], dtype=torch.float32),
                torch.tensor([0]), 1).labels
            assert row[level] == bool(labels.any())


def test_actions_that_no_level_regresses_are_counted(tool, data):
    action(data, segment=[1.16, 1.29])  # cells 3.35 to 3.84
    code, findings, report = check(tool, data, TINY)
    assert code == 0
    assert_found(findings, 'warning', 'regression ranges',
                 r'^1 of 24 .* 1 shorter than a cell')
    assert_found(findings, 'note', 'regression ranges', 'no action .* level')
    levels = report['datasets']['train']['actions_per_level']
    assert levels[1] == 23 and levels[5] == 0


def test_classes_of_one_subset_are_named(tool, data):

    def change(database):
        for entry in database.values():
            for item in entry['annotations']:
                item.pop('label_id')
        last = list(database.values())[-1]['annotations']
        last[0]['label'], last[1]['label'] = 'dance', 'jumps'

    edit(data, change)
    code, findings, _ = check(tool, data, TINY)
    assert code == 0
    assert_found(findings, 'warning', 'classes',
                 "2 classes .* none in training.*'dance', 'jumps'")
    assert_found(findings, 'warning', 'labels', "'jumps' is nearly 'jump'")
    assert not any("'dance' is nearly" in f['message'] for f in findings)


def test_sources_of_different_length_are_reported(tool, data, tmp_path):
    shutil.copytree(data / 'features', data / 'other')
    name, _ = first_video(data)
    np.save(data / f'other/{name}.npy', np.random.rand(7, 6))
    config = tmp_path / 'two.py'
    config.write_text(f"""
_base_ = {CONFIG!r}
load = dict(type='ConcatFeatures', align=None, loaders=[
    dict(type='LoadFeatures', source='feats', feat_dim=6),
    dict(type='LoadFeatures', source='other', feat_dim=6)])
pipeline = [load, dict(type='SecondsToGrid'), dict(type='PackTADInputs')]
dataset = dict(type='TADDataset', ann_file='annotations.json',
    data_root={str(data)!r}, feat_stride={STRIDE}, feat_num_frames={WINDOW},
    data_prefix=dict(feats='features', other='other'), pipeline=pipeline)
train_dataloader = dict(dataset=dict(_delete_=True, type='RepeatDataset',
    times=2, dataset=dict(subset='training', **dataset)))
val_dataloader = dict(dataset=dict(_delete_=True, subset='validation',
    **dataset))
test_dataloader = val_dataloader
bindings = None
model = dict(backbone=dict(in_channels=13), head=dict(num_classes=3))
""")
    out = tmp_path / 'report.json'
    with pytest.raises(SystemExit) as end:
        tool.main([str(config), f'--json={out}'])
    assert end.value.code == 1
    report = json.loads(out.read_text())
    assert report['datasets']['train']['feat_dim'] == [12]
    assert_found(report['findings'], 'error', 'pipeline',
                 rf"1 of 8 videos: features of video {name!r} must have one")
    assert_found(report['findings'], 'error', 'feature dimension',
                 '12 channels, but model.backbone.in_channels is 13')


def test_few_videos_are_read_and_all_looked_for(tool, data):
    names = list(read(data))
    (data / f'features/{names[0]}.npy').unlink()
    (data / f'features/{names[1]}.npy').unlink()
    options = ['--max-videos=3', f'--out={data.parent / "check.png"}']
    code, findings, report = check(
        tool, data, TINY, options, filter_missing=True)
    assert code == 0
    assert_found(findings, 'warning', 'missing features', '2 of 8 videos')
    assert_found(findings, 'note', 'sample', 'only 3 of 6 videos were read')
    assert report['datasets']['train']['read'] == 3
    assert (data.parent / 'check.png').read_bytes()[1:4] == b'PNG'


@pytest.mark.parametrize('damage', [no_json, nothing])
def test_histograms_survive_missing_data(tool, data, damage):
    shutil.rmtree(data / 'features')
    damage(data)
    out = data.parent / 'check.png'
    code, findings, _ = check(tool, data, TINY, [f'--out={out}'])
    assert code == 1 and out.exists()


@pytest.mark.parametrize('options, message', [
    (['--jobs=0'], 'ValueError: --jobs must be at least 1'),
    (['--max-videos=0'], 'ValueError: --max-videos must be at least 1'),
    (['--cfg-options', 'feat_strid=3'], "did you mean 'feat_stride'"),
])
def test_wrong_usage_has_its_own_status(tool, capsys, options, message):
    with pytest.raises(SystemExit) as end:
        tool.main([CONFIG, *options])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1


@pytest.mark.parametrize('config', ['nowhere.py', 'bad.py', 'model.py'])
def test_a_config_that_is_none_is_wrong_usage(tool, tmp_path, config, capsys):
    (tmp_path / 'bad.py').write_text('model = dict(')
    (tmp_path / 'model.py').write_text('model = dict()')
    with pytest.raises(SystemExit) as end:
        tool.main([str(tmp_path / config)])
    assert end.value.code == 2 and capsys.readouterr().err


def test_no_file_is_overwritten(tool, tmp_path, capsys):
    path = tmp_path / 'mine.json'
    path.write_text('mine')
    for name in ('json', 'out'):
        with pytest.raises(SystemExit) as end:
            tool.main([CONFIG, f'--{name}={path}'])
        assert end.value.code == 2
        assert str(path) in capsys.readouterr().err
    assert path.read_text() == 'mine'
