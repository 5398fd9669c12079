import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from dyfadet_mm.visualization.feature_strip import (draw_feature_strip,
                                                    standardized_rows)

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / 'configs/dyfadet/dyfadet_custom.py')


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location(
        'browse_dataset', ROOT / 'tools/analysis_tools/browse_dataset.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def options(tmp_path):
    """Options of a data set of three videos, one without actions."""
    (tmp_path / 'features').mkdir()
    database = {}
    for name, subset, cells in (('a', 'training', 90), ('b', 'training', 30),
                                ('c/1', 'validation', 50)):
        path = tmp_path / f'features/{name}.npy'
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.random.rand(cells, 5))
        actions = [dict(segment=[1., 9.], label='run')]
        database[name] = dict(
            subset=subset,
            duration=cells / 5,
            fps=20,
            annotations=actions if name != 'b' else [])
    (tmp_path / 'annotations.json').write_text(
        json.dumps(dict(database=database)))
    return [
        '--cfg-options', f'data_root={tmp_path}', 'feat_dim=5',
        'feat_stride=4', 'feat_num_frames=4', 'max_seq_len=40'
    ]


def test_samples_are_drawn_after_augmentation(tool, options, tmp_path, capsys):
    out = tmp_path / 'new/folder'
    tool.main([CONFIG, f'--out-dir={out}', '--num=9', *options])
    names = sorted(path.name for path in out.iterdir())
    assert names == ['train_0_a.png', 'train_1_b.png']
    assert '2 samples are in' in capsys.readouterr().out
    for name in names:
        image = imread(out / name)[..., :3]
        assert image.shape[1] == 1650 and image.std() > 0.1


def test_axis_is_that_of_the_crop(tool, options):
    args = tool.parse_args([CONFIG, '--out-dir=x', *options])
    sample = tool.build_dataset(args)[0]
    assert sample['inputs'].shape == (5, 40)
    seen = []

    def note(videos, classes):
        seen.extend(videos)
        return draw(videos, classes)

    draw, tool.draw_timeline = tool.draw_timeline, note
    try:
        tool.draw_sample(sample, ('run', ))
    finally:
        tool.draw_timeline = draw
    assert seen[0]['duration'] == pytest.approx(40 * 4 / 20)
    gt = sample['data_samples'].gt_instances
    np.testing.assert_allclose(seen[0]['gt_segments'],
                               (gt.grid_segments * 4 + 2) / 20)
    np.testing.assert_allclose(seen[0]['gt_segments'], gt.segments)


def test_epochs_show_other_crops(tool, options):
    samples = [
        tool.build_dataset(
            tool.parse_args(
                [CONFIG, '--out-dir=x', f'--epoch={epoch}', *options]))[0]
        for epoch in (0, 0, 1)
    ]
    first, same, other = (sample['inputs'].numpy() for sample in samples)
    assert (first == same).all() and (first != other).any()


def test_other_phases_show_whole_videos(tool, options, tmp_path):
    out = tmp_path / 'out'
    tool.main([CONFIG, '--out-dir', str(out), '-p', 'val', *options])
    assert [path.name for path in out.iterdir()] == ['val_0_c_1.png']


def test_no_image_is_overwritten(tool, options, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'train_1_b.png').write_text('mine')
    with pytest.raises(SystemExit, match='train_1_b.png.*or --force'):
        tool.main([CONFIG, f'--out-dir={out}', *options])
    assert [path.name for path in out.iterdir()] == ['train_1_b.png']
    assert (out / 'train_1_b.png').read_text() == 'mine'
    tool.main([CONFIG, f'--out-dir={out}', '--force', *options])
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize('extra, message', [
    (['--num=0'], 'ValueError: --num must be at least 1'),
    (['feat_dim=7'], r'ValueError: .* must have shape \(T, 7\)'),
    (['train_subset=x'
      ], 'ValueError: annotation file .*json.*subset must be one of'),
])
def test_errors_are_one_clear_line(tool, options, tmp_path, extra, message):
    out = tmp_path / 'out'
    extra = [*extra, *options] if extra[0][0] == '-' else [*options, *extra]
    with pytest.raises(SystemExit, match=message) as error:
        tool.main([CONFIG, f'--out-dir={out}', *extra])
    assert '\n' not in str(error.value)


def test_rows_are_standardized_over_time():
    feats = np.stack([np.arange(9.), np.full(9, 3.), np.arange(9.)[::-1]], 1)
    rows = standardized_rows(feats)
    assert rows.shape == (3, 9)
    np.testing.assert_allclose(rows[0], -rows[2])
    np.testing.assert_allclose(rows[[0, 2]].std(1), 1)
    assert not rows[1].any()
    assert standardized_rows(np.random.rand(4, 1000)).shape == (64, 4)


@pytest.mark.parametrize('cells', [1, 2, 500])
def test_strip_has_the_axis_of_a_timeline(cells):
    figure = draw_feature_strip(np.random.rand(cells, 3), 0.4, 19.6, 20.)
    norm, strip = figure.axes
    assert norm.get_xlim() == strip.get_xlim() == (0, 20)
    figure.canvas.draw()
