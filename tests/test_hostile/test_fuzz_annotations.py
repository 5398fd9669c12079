"""Annotation files of strangers: read by data sets, tools and converters."""
import importlib
import io
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from data_cases import RAW, run_main, scripts, spoil_json
from harness import check_case, seeds
from mmengine.config import Config
from rich.console import Console

from dyfadet_mm.datasets import dataset_classes
from dyfadet_mm.evaluation import load_ground_truth
from dyfadet_mm.fileio import load_database, read_class_list
from dyfadet_mm.registry import DATASETS

OUTSIDE = [
    '../secret', 'a/../../secret', '/etc/passwd', '{folder}/secret',
    'http://127.0.0.1:9/secret', 'https://127.0.0.1:9/secret',
    'file:///etc/passwd', 's3://bucket/secret', 'petrel://bucket/secret', '..',
    '.', '', 'a//b', '..\\secret', 'a\0b'
]


@pytest.fixture(scope='module')
def tools():
    """The scripts that read annotations."""
    names = ('activitynet_to_tad', 'check_dataset', 'ego4d_mq_to_tad',
             'mmaction_to_tad', 'video_info')
    with scripts('analysis_tools'), scripts('dataset_converters'):
        yield SimpleNamespace(
            **{name: importlib.import_module(name)
               for name in names})


@pytest.fixture
def content():
    """A small right file."""
    database = {
        f'v{i}':
        dict(
            subset='training',
            duration=10. + i,
            fps=30.,
            annotations=[
                dict(segment=[1., 4.], label='run', label_id=0),
                dict(segment=[5, 8.5], label='jump', label_id=1)
            ])
        for i in range(3)
    }
    return dict(version='1', database=database)


@pytest.fixture
def folder(tmp_path):
    """A data set of right features, and a file beside it."""
    folder = tmp_path / 'data'
    (folder / 'features').mkdir(parents=True)
    for i in range(3):
        np.save(folder / f'features/v{i}.npy', np.ones((40, 4), np.float32))
    np.save(tmp_path / 'secret.npy', np.ones((40, 4), np.float32))
    return folder


def config(folder, type='TADDataset', **kwargs):
    pipeline = [
        dict(type='dyfadet_mm.LoadFeatures'),
        dict(type='dyfadet_mm.SecondsToGrid'),
        dict(type='dyfadet_mm.PackTADInputs')
    ]
    return dict(
        type=f'dyfadet_mm.{type}',
        ann_file='a.json',
        subset='training',
        feat_stride=8,
        feat_num_frames=16,
        data_root=str(folder),
        data_prefix=dict(feats='features'),
        pipeline=pipeline,
        **kwargs)


def read_dataset(folder, **kwargs):
    cfg = config(folder, **kwargs)
    dataset_classes(cfg)
    dataset = DATASETS.build(cfg)
    return [dataset[i] for i in range(len(dataset))]


def inspect(tools, folder):
    """All that check_dataset.py says, printed and written."""
    cfg = Config(
        dict(
            default_scope='dyfadet_mm',
            train_dataloader=dict(dataset=config(folder))))
    args = SimpleNamespace(max_videos=None, jobs=1, videos=None)
    report = tools.check_dataset.inspect(cfg, args)
    assert all(len(each.message) <= 2000 for each in report.findings)
    tools.check_dataset.print_report(report, 1., Console(file=io.StringIO()))
    return report.findings


def test_mutated_annotations(content, folder, tools, num_cases):
    names, counts = ['a.json', 'v0', 'v1', 'v2', 'features'], []
    for rng in seeds('annotations', num_cases):
        (folder / 'a.json').write_bytes(spoil_json(rng, content))
        given = rng.choice([{}, dict(metainfo=dict(classes=['run', 'jump']))])
        error = check_case(lambda: read_dataset(folder, **given), folder,
                           names)
        counts.append(error is not None)
        check_case(lambda: load_ground_truth(str(folder / 'a.json')), folder,
                   ['a.json'])
        if rng.random() < 0.2:  # slower
            check_case(lambda: inspect(tools, folder), folder)
        run = tools.activitynet_to_tad.main
        out = folder / 'out.json'
        check_case(
            lambda: run_main(run, folder / 'a.json', '--out', out, '--force'),
            folder, ['a.json', 'out.json'])
    assert num_cases < 100 or 0.3 < np.mean(counts) < 0.99


@pytest.mark.parametrize('video_id', OUTSIDE)
def test_ids_name_no_place(content, folder, tools, video_id):
    video_id = video_id.format(folder=folder.parent)
    content['database'][video_id] = content['database'].pop('v0')
    (folder / 'a.json').write_text(json.dumps(content))
    for cls in ('TADDataset', 'ActivityNetDataset', 'HACSDataset'):
        error = check_case(lambda: read_dataset(folder, file_suffix='.npy'),
                           folder, ['a.json'])
        assert 'rename the video' in str(error), cls
    findings = []
    assert check_case(lambda: findings.extend(inspect(tools, folder)),
                      folder) is None
    assert any(each.check == 'video ids' for each in findings)


@pytest.mark.parametrize('video_id', ['a?b', '%2e%2e/secret', 'a#b', 'ü b'])
def test_ids_name_no_other_address(content, folder, monkeypatch, video_id):
    asked = []
    monkeypatch.setattr('mmengine.fileio.backends.http_backend.urlopen',
                        lambda url: asked.append(url) or io.BytesIO())
    content['database'] = {video_id: content['database']['v0']}
    (folder / 'a.json').write_text(json.dumps(content))
    cfg = config(folder)
    cfg['data_prefix'] = dict(feats='http://localhost/features')
    with pytest.raises(ValueError, match='npy file'):
        DATASETS.build(cfg)[0]
    (url, ) = asked
    path = url[len('http://localhost/features/'):]
    assert not set('?# ') & set(path) and '%2e' not in path.replace(
        '%252e', '')


@pytest.mark.parametrize('kind', RAW)
def test_wrong_json(folder, tools, kind):
    raw = RAW[kind]
    (folder /
     'a.json').write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    path = str(folder / 'a.json')
    out = folder / 'out.json'
    readers = [
        lambda: load_database(path), lambda: load_ground_truth(path),
        lambda: read_dataset(folder),
        lambda: tools.video_info.read_video_info(path, ['v']), lambda:
        run_main(tools.mmaction_to_tad.main, '--training', path, '--out', out),
        lambda: run_main(tools.ego4d_mq_to_tad.main, path, '--out', out),
        lambda: run_main(tools.activitynet_to_tad.main, path, '--out', out),
        lambda: run_main(tools.activitynet_to_tad.main, path, '--out', out,
                         '--classes', path),
        lambda: run_main(tools.activitynet_to_tad.main, path, '--out', out,
                         '--exclude', path)
    ]
    for read in readers:
        error = check_case(read, folder, ['a.json'])
        assert error is not None
    findings = []
    assert check_case(lambda: findings.extend(inspect(tools, folder)),
                      folder) is None
    assert any(each.severity == 'error' for each in findings)


@pytest.mark.parametrize('field, value', [
    ('segment', '12'), ('segment', [True, 2]), ('segment', [1, '2x']),
    ('segment', [float('nan'), 2]), ('segment', [1, 1e999]),
    ('segment', {'1': 2, '3': 4}), ('segment', [1, 2, 3]),
    ('segment', [[1], 2]), ('segment', [-1e308, 1e308]), ('label', True),
    ('label', ['run']), ('label', float('nan')), ('label', {}),
    ('duration', True), ('duration', '1e999'), ('fps', [30]), ('fps', 5e-324),
    ('subset', ['training']), ('subset', {}), ('annotations', 'x'),
    ('annotations', {'segment': [1, 2]})
])  # yapf: disable
def test_wrong_values(content, folder, field, value):
    entry = content['database']['v1']
    holder = entry if field in entry else entry['annotations'][1]
    holder[field] = value
    (folder / 'a.json').write_text(json.dumps(content))
    error = check_case(lambda: read_dataset(folder), folder,
                       ['a.json', "video 'v1'"])
    if field != 'fps' or value != 5e-324:  # a video of almost no cells
        assert error is not None and 'v1' in str(error), error


@pytest.mark.parametrize('field', ['duration', 'label', 'subset', 'segment'])
def test_messages_are_short(content, folder, tools, field):
    """Giant and deep values, and ids, are quoted in part."""
    deep = current = []
    for _ in range(900):
        current.append([])
        current = current[0]
    for value in ('x' * 10**6, [["x" * 1000] * 100] * 20, deep):
        entry = content['database']['v1']
        holder = entry if field in entry else entry['annotations'][1]
        holder[field] = value
        (folder / 'a.json').write_text(json.dumps(content))
        check_case(
            lambda: read_dataset(
                folder, metainfo=dict(classes=['run', 'jump'])), folder,
            ['a.json', 'features'])
        check_case(
            lambda: load_ground_truth(
                str(folder / 'a.json'), classes=['run', 'jump']), folder,
            ['a.json'])
        check_case(lambda: inspect(tools, folder), folder)
    content['database'] = {'x' * 10**6: content['database']['v0']}
    (folder / 'a.json').write_text(json.dumps(content))
    assert check_case(lambda: read_dataset(folder), folder, ['data/features'])


def test_many_keys_take_no_time(folder):
    """What compares each with each would take minutes."""
    keys = ', '.join(f'"v{i}": {{}}' for i in range(200_000))
    (folder /
     'a.json').write_text(f'{{"database": {{{keys}, "v199999": {{}}}}}}')
    path = str(folder / 'a.json')
    assert 'v199999' in str(check_case(lambda: load_database(path), folder))
    classes = [f'c{i}' for i in range(200_000)]
    (folder / 'a.json').write_text('{"database": {}}')
    check_case(lambda: load_ground_truth(path, classes=[*classes, 'c199999']),
               folder)


def test_many_actions_take_no_time(content, folder, tools):
    entry = content['database']['v0']
    entry['annotations'] = [
        dict(segment=[i / 7, i / 7 + 2], label=f'class number {i % 999}')
        for i in range(20_000)
    ]
    content['database']['v1']['subset'] = 'validation'
    (folder / 'a.json').write_text(json.dumps(content))
    assert check_case(lambda: read_dataset(folder, remove_duplicates=True),
                      folder) is None
    assert check_case(lambda: inspect(tools, folder), folder) is None


def test_lists_of_names(content, folder):
    """A byte order mark and blank lines are no names, and bytes no text."""
    (folder / 'a.json').write_text(json.dumps(content))
    names = folder / 'names.txt'
    names.write_bytes(b'\xef\xbb\xbfrun\r\n\r\njump\n\n')
    assert read_class_list(str(names)) == ['run', 'jump']
    (sample, *_) = read_dataset(folder, metainfo=dict(classes=str(names)))
    assert sample['data_samples'].gt_instances.labels.tolist() == [0, 1]
    names.write_bytes(b'\xef\xbb\xbfv0\r\n')
    assert len(read_dataset(folder, exclude=str(names))) == 2
    names.write_bytes(b'run\xff\n')
    for given in (dict(exclude='names.txt'),
                  dict(metainfo=dict(classes=str(names)))):
        assert check_case(lambda: read_dataset(folder, **given), folder,
                          ['names.txt'])


def test_pipes_are_not_waited_for(content, folder):
    """As an archive may unpack them in the place of files."""
    os.mkfifo(folder / 'a.json')
    assert check_case(lambda: read_dataset(folder), folder, ['a.json'])
    (folder / 'a.json').unlink()
    (folder / 'a.json').write_text(json.dumps(content))
    (folder / 'features/v0.npy').unlink()
    os.mkfifo(folder / 'features/v0.npy')
    assert check_case(lambda: read_dataset(folder), folder, ['v0.npy'])
    (folder / 'features/v0.npy').unlink()
    (folder / 'features/v0.npy').symlink_to('/dev/zero')
    assert check_case(lambda: read_dataset(folder), folder, ['v0.npy'])


def test_links_of_the_owner_are_followed(content, folder):
    """Features often lie on another disk: a link is the owner's choice."""
    (folder / 'a.json').write_text(json.dumps(content))
    (folder / 'features').rename(folder / 'elsewhere')
    (folder / 'features').symlink_to('elsewhere')
    assert len(read_dataset(folder)) == 3
