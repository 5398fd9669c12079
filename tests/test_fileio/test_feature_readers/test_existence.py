import os
import sys

import h5py
import numpy as np
import pytest
import warm_python

from dyfadet_mm.fileio import features_exist, missing_features_message
from dyfadet_mm.fileio.feature_readers import containers


def _write(path, keys):
    with h5py.File(path, 'w') as file:
        for key in keys:
            file[key] = np.ones((2, 3))
    return str(path)


def test_keys_of_a_container_are_known(tmp_path):
    path = _write(tmp_path / 'tsp.hdf5', ['v_a', 'deep/v_b'])
    assert features_exist(path) and features_exist(f'{path}/v_a')
    assert features_exist(f'{path}/deep/v_b')
    assert not features_exist(f'{path}/v_b')
    assert not features_exist(f'{path}/v_a/x')
    assert not features_exist(str(tmp_path / 'other.hdf5' / 'v_a'))


def test_links_are_known(tmp_path):
    path = _write(tmp_path / 'tsp.hdf5', ['v_a'])
    with h5py.File(path, 'a') as file:
        file['v_b'] = h5py.SoftLink('/v_a')
    assert features_exist(f'{path}/v_b')


def test_a_file_is_opened_once_for_all_its_videos(tmp_path, monkeypatch):
    path = _write(tmp_path / 'tsp.hdf5', [f'v_{i}' for i in range(100)])
    opened = []
    real = h5py.File

    def _open(*args, **kwargs):
        opened.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(h5py, 'File', _open)
    found = [features_exist(f'{path}/v_{i}') for i in range(200)]
    assert found == [True] * 100 + [False] * 100
    assert len(opened) == 1


def test_a_changed_file_is_read_anew(tmp_path):
    path = _write(tmp_path / 'tsp.hdf5', ['v_a'])
    os.utime(path, ns=(0, 0))
    assert not features_exist(f'{path}/v_b')
    _write(path, ['v_b'])
    assert features_exist(f'{path}/v_b') and not features_exist(f'{path}/v_a')


def test_a_folder_may_be_called_like_a_container(tmp_path):
    (tmp_path / 'feats.h5').mkdir()
    np.save(tmp_path / 'feats.h5' / 'v_a.npy', np.ones((2, 3)))
    assert features_exist(str(tmp_path / 'feats.h5' / 'v_a.npy'))
    assert not features_exist(str(tmp_path / 'feats.h5' / 'v_b.npy'))


def test_a_damaged_container_is_reported(tmp_path):
    (tmp_path / 'tsp.hdf5').write_text('no such thing')
    path = str(tmp_path / 'tsp.hdf5' / 'v_a')
    with pytest.raises(ValueError, match='in a complete HDF5 file') as error:
        features_exist(path)
    assert repr(path) in str(error.value)
    # the message of a missing video is still one
    assert 'no features for' in missing_features_message('a', path)


def test_the_message_shows_what_a_container_has(tmp_path):
    path = _write(tmp_path / 'tsp.hdf5', ['v_a', 'v_b'])
    text = missing_features_message('c', f'{path}/v_c')
    assert f"'c' at '{path}/v_c', which has 2 keys: 'v_a', 'v_b'; " in text
    text = missing_features_message('c', str(tmp_path / 'c.npy'))
    assert 'keys' not in text


def test_without_h5py_it_says_how_to_install_it(tmp_path, monkeypatch):
    path = _write(tmp_path / 'tsp.hdf5', ['v_a'])
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(ImportError, match='pip install h5py'):
        features_exist(f'{path}/v_a')


def test_a_remote_container_is_known_and_its_copy_removed(
        tmp_path, http_folder):
    _write(tmp_path / 'tsp.hdf5', ['v_a'])
    (tmp_path / 'copies').mkdir()
    code = ('from dyfadet_mm.fileio import features_exist as f; import os;'
            f"print(f('{http_folder}/tsp.hdf5/v_a'),"
            f"f('{http_folder}/tsp.hdf5/v_b'), f('{http_folder}/b.hdf5/v_a'),"
            "len(os.listdir(os.environ['TMPDIR'])))")
    run = warm_python.run_code(code, TMPDIR=str(tmp_path / 'copies'))
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ['True', 'False', 'False', '1']
    assert list((tmp_path / 'copies').iterdir()) == []


@pytest.mark.parametrize('path, parts', [
    ('a/b.hdf5/v_1', ('a/b.hdf5', 'v_1')),
    ('a/b.h5/g/v_1', ('a/b.h5', 'g/v_1')),
    ('s3://a/b.hdf5/v_1', ('s3://a/b.hdf5', 'v_1')),
    ('a/b.hdf5', ('a/b.hdf5', None)),
    ('a/b.hdf5/', ('a/b.hdf5/', None)),
    ('a/v.h5.npy', ('a/v.h5.npy', None)),
    ('a/b/v_1.npy', ('a/b/v_1.npy', None)),
])
def test_paths_are_split_at_the_file(path, parts):
    assert containers.split_container(path) == parts
