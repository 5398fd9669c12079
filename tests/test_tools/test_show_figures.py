"""The paper's figures of the shipped model, and of one without gates."""
import csv
import json

import mmcv
import numpy as np
import pytest
from small_data import make_data, run_tool, save, write_config

SHIPPED = 'dyfadet://digit-streams'
SIMILARITY = 'analysis_tools/show_similarity.py'
GATES = 'analysis_tools/show_gates.py'
STATIC = 'dyfadet_mm::ablation/conv_static_i3d_1xb2-40e_thumos14.py'
BODY = """
ann_file, feature_dir = 'annotations.json', 'features/'
train_subset, val_subset = 'training', 'validation'
"""


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """Options for the shipped model, with two videos."""
    data = tmp_path_factory.mktemp('digits') / 'data'
    done = run_tool('dataset_converters/digit_streams.py', '--out', data,
                    '--train', 0, '--val', 2, '--min-cells', 40, '--max-cells',
                    60)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture(scope='module')
def static(tmp_path_factory):
    """A config of a detector without gates, which has no weights."""
    folder = tmp_path_factory.mktemp('static')
    save(folder, make_data(folder, n_train=1, n_val=2))
    return write_config(folder, BODY, base=STATIC)


def on(data):
    return '--device', 'cpu', '--cfg-options', f'data_root={data}/'


def read(path):
    """Numbers of both files, the table by the first columns."""
    with open(path.with_suffix('.csv'), newline='') as file:
        names, *rows = csv.reader(file)
    return names, rows, json.loads(path.with_suffix('.json').read_text())


def test_gates_of_the_shipped_model(digits, tmp_path):
    out = tmp_path / 'new' / 'gates.png'
    done = run_tool(GATES, SHIPPED, '--out', out, '--video', 'val_0001',
                    '--layer', 'head.reg_tower.layers.1', *on(digits))
    assert done.returncode == 0, done.stderr
    assert f'written: {out}, ' in done.stdout
    assert mmcv.imread(str(out)).std() > 20
    names, rows, content = read(out)
    assert names == ['layer', 'path', 'level', 'rate', 'strength', 'gates']
    assert content['num_videos'] == 2 and content['level'] == 1
    assert content['layer'] == 'head.reg_tower.layers.1'
    video, paths = content['video'], content['paths']
    assert video['video_id'] == 'val_0001' and video['gt_segments']
    assert len(video['segments']) == len(video['scores']) > 0
    cells = -(-len(np.load(digits / 'features/val_0001.npy')) // 2)
    for path, num in dict(down=cells, up=-(-cells // 2), depth=cells).items():
        assert len(paths[path]['rows'][0]) == num
        assert len(paths[path]['edges']) == num + 1
    # a cell a second, around the middle of the first one
    assert paths['depth']['edges'][:2] == [-0.5, 1.5]
    assert paths['up']['edges'][:2] == [-1.5, 2.5]
    assert paths['down']['text'] == 'C formation, mean of 64 channels'
    # all layers are the four towers' layers together
    table = {tuple(row[:3]): list(map(float, row[3:])) for row in rows}
    for (layer, *place), (rate, _, number) in table.items():
        parts = [
            row for key, row in table.items()
            if key[0] != 'all layers' and list(key[1:]) == place
        ]
        assert len(parts) == 4
        if layer == 'all layers':
            assert number == sum(row[2] for row in parts)
            num_open = sum(row[0] * row[2] for row in parts)
            assert rate * number == pytest.approx(num_open, rel=1e-5)
    done = run_tool(GATES, SHIPPED, '--out', out, *on(digits))
    assert done.returncode == 1
    assert 'FileExistsError: file to write must be new' in done.stderr


def test_similarity_of_models_side_by_side(digits, static, tmp_path):
    out = tmp_path / 'similarity.svg'
    done = run_tool(SIMILARITY, SHIPPED, SHIPPED, '--names', 'a$_$', '\\frac',
                    '--out', out, '--level', 2, '--videos', 'val_0001',
                    *on(digits))
    assert done.returncode == 0, done.stderr
    assert '<svg' in out.read_text()
    names, rows, content = read(out)
    assert names == ['model', 'level', 'mean', 'inside', 'across', 'videos']
    assert [row[1] for row in rows] == ['input', *'012345'] * 2
    assert rows[0][0] == 'a$_$' and rows[7][1:] == rows[0][1:]
    feats = np.load(digits / 'features/val_0001.npy').astype(float)
    units = feats / np.linalg.norm(feats, axis=1, keepdims=True).clip(1e-12)
    matrix = units @ units.T
    others = ~np.eye(len(matrix), dtype=bool)
    assert float(rows[0][2]) == pytest.approx(matrix[others].mean(), abs=1e-5)
    model, _ = content['models']
    matrix = np.array(model['matrix'])
    assert model['level'] == 2 and matrix.shape == (-(-len(feats) // 4), ) * 2
    others = ~np.eye(len(matrix), dtype=bool)
    assert model['mean'][3] == pytest.approx(matrix[others].mean(), abs=1e-4)
    assert model['segments']


def test_a_model_without_gates_has_similarities(static, tmp_path):
    out = tmp_path / 'static.png'
    done = run_tool(GATES, static, '--out', out, '--device', 'cpu')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert 'must have layers with gates, DFAAtt' in done.stderr
    assert not list(tmp_path.iterdir())
    features = static.parent / 'features'
    done = run_tool(SIMILARITY, static, '--out', out, '--device', 'cpu',
                    '--features', features / 'vid_000.npy', '--fps', 30)
    assert done.returncode == 0, done.stderr
    _, rows, content = read(out)
    assert len(rows) == 7 and all(row[3] == row[4] == '' for row in rows)
    assert content['models'][0]['video'] == 'vid_000'


@pytest.mark.parametrize('script, options, message', [
    (GATES, ['--layer', 'neck'], "must be one of ['head.cls_tower.layers.0',"),
    (GATES, ['--level', '9'], '--level must be one of [0, 1, 2, 3, 4, 5]'),
    (GATES, ['--videos', 'x9'], '--videos must be in the data set,'),
    (GATES, ['--video', 'x9'], '--video must be one of the videos,'),
    (SIMILARITY, ['--names', 'a', 'b'], '--names must be 1, one for each'),
    (SIMILARITY, ['--level', '9'], '--level must be in 0 .. 5, but got 9'),
])
def test_errors_are_one_line(digits, tmp_path, script, options, message):
    done = run_tool(script, SHIPPED, '--out', tmp_path / 'a.png', *options,
                    *on(digits))
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith('ValueError: ') and message in line
    assert 'Traceback' not in done.stderr
