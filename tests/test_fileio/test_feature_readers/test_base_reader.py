import numpy as np
import pytest

from dyfadet_mm import fileio
from dyfadet_mm.fileio import NpyReader, features_exist
from dyfadet_mm.registry import TASK_UTILS


@pytest.fixture
def save(tmp_path):
    """Save an array as an npy file and return its path."""

    def _save(array, name='vid.npy'):
        path = tmp_path / name
        np.save(path, array, allow_pickle=True)
        return str(path)

    return _save


def _message(error, path):
    """Text of an error that must name the video and the file."""
    text = str(error.value)
    assert "'vid'" in text and repr(path) in text
    assert text.count('\n') == 0
    return text


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64', 'int8'])
def test_values_come_back_as_float32(save, dtype):
    stored = np.arange(6, dtype=dtype).reshape(3, 2)
    feats = NpyReader().read(save(stored), 'vid', feat_dim=2)
    assert feats.dtype == np.float32 and feats.flags.c_contiguous
    assert feats.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_fortran_order_is_read_as_stored(save):
    stored = np.asfortranarray(np.arange(6.).reshape(3, 2))
    assert (NpyReader().read(save(stored), 'vid') == stored).all()


@pytest.mark.parametrize('name', [
    'CSVReader', 'HDF5Reader', 'NpyReader', 'NpzReader', 'TorchReader',
    'SlowFastPickleReader'
])
def test_reader_builds_from_config(name):
    backend_args = dict(backend='local')
    reader = TASK_UTILS.build(
        dict(type=f'dyfadet_mm.{name}', backend_args=backend_args))
    assert type(reader) is getattr(fileio, name)
    assert reader.backend_args == backend_args


def test_missing_file_names_video_path_and_remedy(tmp_path):
    path = str(tmp_path / 'vid.npy')
    with pytest.raises(FileNotFoundError) as error:
        NpyReader().read(path, 'vid')
    assert 'filter_missing=True' in _message(error, path)


def test_folder_instead_of_file_is_reported(tmp_path):
    with pytest.raises(OSError) as error:
        NpyReader().read(str(tmp_path), 'vid')
    assert 'check that it is a file' in _message(error, str(tmp_path))


@pytest.mark.parametrize('size', [-1, 100, 64, 20, 8, 0])
def test_truncated_file_is_refused(save, size):
    path = save(np.ones((50, 4), np.float32))
    with open(path, 'rb') as file:
        content = file.read()
    with open(path, 'wb') as file:
        file.write(content[:size])
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid')
    assert 'must be a' in _message(error, path)  # a complete or any npy file


def test_header_that_promises_too_much_is_refused(save):
    path = save(np.ones((5, 4), np.float32))
    with open(path, 'rb') as file:
        content = file.read()
    with open(path, 'wb') as file:
        file.write(
            content.replace(b'(5, 4), }          ', b'(500000000000, 4), }'))
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid')
    assert 'complete npy file' in _message(error, path)


@pytest.mark.parametrize('content', [
    np.array([[1, 'a']], dtype=object),
    np.array(dict(feats=np.ones((4, 2))), dtype=object)
])
def test_objects_are_refused_without_unpickling(save, content):
    path = save(content)
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid')
    assert 'could run code' in _message(error, path)


def test_other_formats_are_refused(tmp_path):
    path = str(tmp_path / 'vid.npy')
    with open(path, 'wb') as file:
        np.savez(file, feats=np.ones((4, 2)))
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid')
    assert 'must be an npy file' in _message(error, path)


@pytest.mark.parametrize('stored, words', [
    (np.ones(4), 'must have shape (T, C), but got (4,)'),
    (np.ones((1, 4, 2)), 'must have shape (T, C), but got (1, 4, 2); store '
     'one row per time step, without the leading axis'),
    (np.ones((0, 2)), 'at least one cell and one channel, but got shape'),
    (np.ones((4, 0)), 'at least one cell and one channel, but got shape'),
    (np.ones((4, 2), complex), 'must be real numbers, but got dtype complex'),
    (np.array([['a', 'b']]), 'must be real numbers, but got dtype <U1'),
    (np.array([[1.], [np.nan]]), 'got 1 NaN or infinite values of 2, the '
     'first in cell 1 of 2'),
    (np.array([[-np.inf, np.nan]]), 'got 2 NaN or infinite values of 2'),
    (np.array([[1e300]]), 'must be finite in float32'),
])
def test_unusable_arrays_are_refused(save, stored, words):
    path = save(stored)
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid')
    assert words in _message(error, path)


def test_wrong_dimension_names_both_and_the_remedy(save):
    path = save(np.ones((9, 4)))
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid', feat_dim=3)
    text = _message(error, path)
    assert 'must have shape (T, 3), but got (9, 4)' in text
    assert 'feat_dim' in text


def test_transposed_file_is_recognised(save):
    path = save(np.ones((3, 9)))
    with pytest.raises(ValueError) as error:
        NpyReader().read(path, 'vid', feat_dim=3)
    assert 'transpose it' in _message(error, path)


def test_features_come_over_http(save, http_folder):
    save(np.ones((3, 2)))
    feats = NpyReader().read(f'{http_folder}/vid.npy', 'vid')
    assert feats.shape == (3, 2)


def test_missing_file_over_http_is_reported_alike(http_folder):
    path = f'{http_folder}/vid.npy'
    with pytest.raises(FileNotFoundError) as error:
        NpyReader().read(path, 'vid')
    assert 'filter_missing=True' in _message(error, path)


def test_unreachable_host_is_reported():
    path = 'http://127.0.0.1:9/vid.npy'
    with pytest.raises(OSError) as error:
        NpyReader().read(path, 'vid')
    assert 'cannot be read' in _message(error, path)


def test_existence_is_known_on_disk_but_not_over_http(save):
    path = save(np.ones((3, 2)))
    assert features_exist(path)
    assert not features_exist(path + '.npy')
    with pytest.raises(NotImplementedError, match='HTTPBackend'):
        features_exist('http://127.0.0.1:9/vid.npy')
