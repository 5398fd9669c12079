import json

import pytest

from dyfadet_mm.fileio import check_grid, grid_path, load_grid, save_grid

FACTS = dict(fps=15., stride=8, window=32, channels=2304, backbone='SlowFast')


def test_what_is_written_is_read(tmp_path):
    for features in (str(tmp_path), str(tmp_path / 'all.hdf5')):
        assert load_grid(features) is None
        save_grid(features, FACTS)
        assert load_grid(features).items() >= FACTS.items()
    assert {path.name
            for path in tmp_path.iterdir()
            } == {'feature_grid.json', 'all.feature_grid.json'}


@pytest.mark.parametrize('change, kind, words', [
    (dict(stride=0), ValueError, 'stride of .*must be a whole number above 0'),
    (dict(window=1.5), ValueError, 'window of .*but got 1.5'),
    (dict(fps='inf'), ValueError, 'fps of .*must be a number above 0'),
    (dict(channels=[3]), ValueError, 'channels of'),
    (dict(version='2'), ValueError, 'must have the version'),
])
def test_a_damaged_file_is_refused(tmp_path, change, kind, words):
    save_grid(str(tmp_path), {**FACTS, **change})
    with pytest.raises(kind, match=words) as error:
        load_grid(str(tmp_path))
    assert 'feature_grid.json' in str(error.value)


@pytest.mark.parametrize('text, kind, words', [
    ('[]', TypeError, 'must be an object'),
    ('{"stride": 1', ValueError, 'must be JSON'),
    ('{"version": "dyfadet_mm feature grid 1", "fps": null}', KeyError,
     "must have 'stride'"),
])
def test_another_file_is_refused(tmp_path, text, kind, words):
    (tmp_path / 'feature_grid.json').write_text(text)
    with pytest.raises(kind, match=words):
        load_grid(str(tmp_path))


def test_a_mismatch_names_both(tmp_path):
    path = str(tmp_path)
    save_grid(path, dict(FACTS, fps=None))
    facts, source = load_grid(path), grid_path(path)
    check_grid(
        source, facts, 'the detector', feat_stride=8, feat_dim=None, fps=29.97)
    with pytest.raises(ValueError) as error:
        check_grid(source, facts, 'the detector', feat_num_frames=16)
    for words in ('feat_num_frames of the detector', 'got 16', 'window = 32',
                  source):
        assert words in str(error.value)
    assert json.loads(open(grid_path(path)).read())['fps'] is None
