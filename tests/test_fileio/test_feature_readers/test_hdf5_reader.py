import pickle
import sys

import h5py
import numpy as np
import pytest
from torch.utils.data import DataLoader

from dyfadet_mm.fileio import HDF5Reader

FEATS = np.arange(6, dtype=np.float16).reshape(3, 2)


@pytest.fixture
def container(tmp_path):
    """An HDF5 file of seven videos, one of them in a group."""
    path = tmp_path / 'tsp.hdf5'
    with h5py.File(path, 'w') as file:
        for i in range(6):
            file[f'v_{i}'] = FEATS + i
        file.create_dataset('deep/v_6/rgb', data=FEATS, compression='gzip')
    return str(path)


@pytest.mark.parametrize('suffix', ['.hdf5', '.h5', '.hdf', '.HDF5'])
def test_a_path_names_file_and_key(container, tmp_path, suffix):
    path = (tmp_path / 'tsp.hdf5').rename(tmp_path / f'a{suffix}')
    feats = HDF5Reader().read(f'{path}/v_3', 'vid', feat_dim=2)
    assert feats.dtype == np.float32 and np.array_equal(feats, FEATS + 3)


def test_a_key_may_lead_through_groups(container):
    feats = HDF5Reader().read(f'{container}/deep/v_6/rgb', 'vid')
    assert np.array_equal(feats, FEATS)


def test_a_missing_key_lists_those_there_are(container):
    with pytest.raises(FileNotFoundError) as error:
        HDF5Reader().read(f'{container}/v_9.npy', 'vid')
    text = str(error.value)
    assert f"no features for video 'vid' at '{container}/v_9.npy'" in text
    assert "9 keys, such as 'deep', 'deep/v_6', 'deep/v_6/rgb', 'v_0'" in text
    assert 'file_suffix' in text and 'filter_missing=True' in text


def test_a_missing_file_is_reported_as_any_other(tmp_path):
    with pytest.raises(FileNotFoundError, match="no features for video 'vid'"):
        HDF5Reader().read(str(tmp_path / 'tsp.hdf5' / 'v_1'), 'vid')


@pytest.mark.parametrize('key, words', [
    ('', "be a path 'file.hdf5/KEY', but got no key"),
    ('/deep', "lead to a data set, but got a group with 1 key: 'v_6'"),
    ('/text', 'be real numbers, but got dtype object'),
    ('/flat', r'have shape (T, C), but got (4,)'),
    ('/scalar', r'have shape (T, C), but got ()'),
    ('/empty', r'a group with no keys'),
])
def test_paths_to_anything_else_are_refused(container, key, words):
    with h5py.File(container, 'a') as file:
        file['text'] = 'abc'
        file['flat'] = np.ones(4)
        file['scalar'] = 1.5
        file.create_group('empty')
    with pytest.raises(ValueError) as error:
        HDF5Reader().read(container + key, 'vid')
    assert "'vid'" in str(error.value) and words in str(error.value)


def test_damaged_and_foreign_files_are_refused(container):
    with open(container, 'rb') as file:
        content = file.read()
    for each in (b'', b'some text', content[:300], content[:-100]):
        with open(container, 'wb') as file:
            file.write(each)
        with pytest.raises(ValueError, match='in a complete HDF5 file') as e:
            HDF5Reader().read(f'{container}/v_1', 'vid')
        assert "'vid'" in str(e.value) and '\n' not in str(e.value)


def test_damage_at_one_video_leaves_the_others(container):
    with h5py.File(container, 'a') as file:
        file.create_dataset(
            'checked', data=FEATS, fletcher32=True, chunks=(3, 2))
        place = file['checked'].id.get_chunk_info(0).byte_offset
    with open(container, 'r+b') as file:
        file.seek(place)
        file.write(b'\xff')
    with pytest.raises(ValueError, match='is damaged'):
        HDF5Reader().read(f'{container}/checked', 'vid')
    assert HDF5Reader().read(f'{container}/v_1', 'vid').shape == (3, 2)


def test_without_h5py_it_says_how_to_install_it(container, monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(ImportError, match='pip install h5py'):
        HDF5Reader().read(f'{container}/v_1', 'vid')


class _Videos:

    def __init__(self, reader, paths):
        self.reader, self.paths = reader, paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.reader.read(self.paths[index], 'vid')


@pytest.mark.parametrize('context, num_workers', [('fork', 2), ('spawn', 1)])
def test_worker_processes_read_what_the_main_process_has_read(
        container, context, num_workers):
    videos = _Videos(HDF5Reader(), [f'{container}/v_{i}' for i in range(6)])
    assert videos[0].shape == (3, 2)
    loader = DataLoader(
        videos,
        batch_size=None,
        num_workers=num_workers,
        multiprocessing_context=context)
    for i, feats in enumerate(loader):
        assert np.array_equal(feats, FEATS + i)


def test_a_reader_travels_to_other_processes(container):
    reader = pickle.loads(pickle.dumps(HDF5Reader()))
    assert np.array_equal(reader.read(f'{container}/v_0', 'vid'), FEATS)


def test_a_remote_file_is_downloaded_once(container, http_folder, tmp_path):
    url = f'{http_folder}/tsp.hdf5'
    assert HDF5Reader().read(f'{url}/v_1', 'vid').shape == (3, 2)
    (tmp_path / 'tsp.hdf5').unlink()
    assert HDF5Reader().read(f'{url}/v_2', 'vid').shape == (3, 2)
    with pytest.raises(FileNotFoundError, match="which has 9 keys, such as"):
        HDF5Reader().read(f'{url}/v_9', 'vid')
    with pytest.raises(FileNotFoundError, match='no features for video'):
        HDF5Reader().read(f'{http_folder}/other.hdf5/v_1', 'vid')
