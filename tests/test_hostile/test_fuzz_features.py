"""Feature files of strangers."""
import io
import pickle
import zipfile

import h5py
import numpy as np
import pytest
import torch
from harness import check_case, seeds
from mutators import mutate_bytes

from dyfadet_mm.fileio import (CSVReader, HDF5Reader, NpyReader, NpzReader,
                               SlowFastPickleReader, features_exist)
from dyfadet_mm.fileio.feature_readers import checks

FEATS = np.arange(8, dtype=np.float32).reshape(4, 2)


def npy(array=FEATS):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def hdf5(**kwargs):
    file = io.BytesIO()
    with h5py.File(file, 'w', **kwargs) as content:
        content['v0'] = FEATS
        content['soft'] = h5py.SoftLink('/group/v1')
        content.create_dataset(
            'group/v1', data=FEATS, compression='gzip', fletcher32=True)
    return file.getvalue()


FORMATS = {
    'npy': (NpyReader, [npy()], ''),
    'npz': (NpzReader, [npz(a=FEATS),
                        npz(np.savez_compressed, a=FEATS)], ''),
    'csv': (CSVReader, [b'a,b\n1,2\n3,4\n', b'0,1\r\n1.5,2e3\r\n'], ''),
    'pkl': (SlowFastPickleReader, [
        pickle.dumps(
            dict(
                slow_feature=FEATS.T[None],
                fast_feature=torch.from_numpy(FEATS.T.copy())))
    ], ''),
    'hdf5': (HDF5Reader, [hdf5(), hdf5(libver='latest')], '/soft'),
}


@pytest.mark.parametrize('suffix', FORMATS)
def test_mutated_files(tmp_path, num_cases, suffix):
    reader, contents, key = FORMATS[suffix]
    path, counts = tmp_path / f'feats.{suffix}', []
    for rng in seeds(suffix, num_cases):
        path.write_bytes(
            mutate_bytes(rng, rng.choice(contents), rng.randrange(1, 4)))
        name = str(path) + key
        check_case(lambda: features_exist(name), tmp_path, [path.name])
        error = check_case(lambda: reader().read(name, 'vid'), tmp_path,
                           [path.name])
        counts.append(error is not None)
    assert num_cases < 100 or 0.1 < np.mean(counts) < 1


@pytest.mark.parametrize('shape, dtype', [
    ('(-4, 2)', '<f4'), ('(10**9, 10**9)', '<f4'), ('(' + '9' * 400 + ', 2)',
                                                    '<f4'),
    ('(4294967296, 4294967296)', '<f4'), ('(100000000000, 2)', '<f4'),
    ('(True, 2)', '<f4'), ('(4.0, 2)', '<f4'), ('4', '<f4'), ('()', '<f4'),
    ('(4, 2)', '|O'), ('(4, 2)', '|V0'), ('(4, 2)', '|b1'),
    ('(4, 2)', '<c8'), ('(4, 2)', '<M8[s]'), ('(4, 2)', 'f4,f4'),
    ('(4, 2)', '<U1'), ('(4, 2)', 'x' * 50), ('(4, 2)', '\0'),
    ('__import__("os").system("true")', '<f4'), ('[' * 500, '<f4')
])  # yapf: disable
def test_wrong_headers(tmp_path, shape, dtype):
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}"
    head = head.ljust(1014 + 9) + '\n'
    content = b'\x93NUMPY\1\0' + len(head).to_bytes(
        2, 'little') + head.encode() + FEATS.tobytes()
    (tmp_path / 'a.npy').write_bytes(content)
    error = check_case(lambda: NpyReader().read(str(tmp_path / 'a.npy'), 'v'),
                       tmp_path, ['a.npy'])
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as archive:
        archive.writestr('a.npy', content)
    second = check_case(lambda: NpzReader().read(str(tmp_path / 'a.npz'), 'v'),
                        tmp_path, ['a.npz'])
    assert error and second or shape == '(True, 2)'


@pytest.mark.filterwarnings('ignore:Duplicate name')
def test_archives(tmp_path, monkeypatch):
    """Bombs, members that hide others, and members that are no arrays."""
    bomb = npy(np.zeros((0, 2), np.float32)).replace(b'(0, 2)',
                                                     b'(2000000000, 2)')
    crafted = {
        'twice': [('a.npy', npy()), ('a.npy', npy(FEATS + 1))],
        'hidden': [('a.npy', npy()), ('a', npy(FEATS + 1))],
        'outside': [('../../a.npy', b'text')],
        'objects': [('a.npy', npy(np.array([[{}]])))],
        'nothing': [],
        'text': [('notes.txt', b'mine')],
        'promise': [('a.npy', bomb)],
    }
    for name, members in crafted.items():
        path = tmp_path / f'{name}.npz'
        with zipfile.ZipFile(path, 'w') as archive:
            for member in members:
                archive.writestr(*member)
        for key in (None, 'a'):
            assert check_case(lambda: NpzReader(key).read(str(path), 'v'),
                              tmp_path, [path.name])
    path = tmp_path / 'bomb.npz'
    zeros = bytes(2**20)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        with archive.open('a.npy', 'w', force_zip64=True) as member:
            for _ in range(9):
                member.write(zeros)
    monkeypatch.setattr(checks, 'MAX_BYTES', 2**23)
    error = check_case(lambda: NpzReader().read(str(path), 'v'), tmp_path,
                       ['bomb.npz'])
    assert 'bytes of memory' in str(error)


@pytest.fixture
def crafted(tmp_path):
    """An HDF5 file that reaches for others."""
    other = tmp_path / 'other.hdf5'
    with h5py.File(other, 'w') as file:
        file['x'] = file['g/x'] = FEATS
    folder = tmp_path / 'data'
    folder.mkdir()
    layout = h5py.VirtualLayout(FEATS.shape, FEATS.dtype)
    layout[:] = h5py.VirtualSource(str(other), 'x', FEATS.shape)
    with h5py.File(folder / 'a.hdf5', 'w') as file:
        file['ok'] = file['group/ok'] = FEATS
        file['soft'] = h5py.SoftLink('/group/rel')
        file['group/rel'] = h5py.SoftLink('ok')
        file['link'] = h5py.ExternalLink(str(other), 'x')
        file['relative'] = h5py.ExternalLink('../other.hdf5', 'x')
        file['itself'] = h5py.ExternalLink('a.hdf5', 'ok')
        file['folder'] = h5py.ExternalLink(str(other), 'g')
        file['softly'] = h5py.SoftLink('/folder/x')
        file['circle'] = h5py.SoftLink('/circle')
        file['type'] = np.dtype('f4')
        file['empty'] = h5py.Empty('f4')
        file['objects'] = np.array([[b'a']], object)
        file['parts'] = np.zeros((3, 2), [('a', 'f4')])
        file.create_virtual_dataset('virtual', layout)
        file.create_dataset(
            'raw', (8, 4), 'u1', external=[('/etc/passwd', 0, 32)])
        file.create_dataset(
            'bomb', (2**30, 2**10), 'f4', chunks=(2**10, 2**10))
        file.create_dataset(
            'small', (4, 2),
            'f4',
            maxshape=(None, None),
            chunks=(2**14, 2**15),
            compression='gzip')
        file.create_dataset('lists', (4, 2), h5py.vlen_dtype('f4'))
    return folder


@pytest.mark.parametrize('key', [
    'link', 'relative', 'itself', 'folder/x', 'softly', 'virtual', 'raw',
    'circle', 'bomb', 'small', 'type', 'empty', 'objects', 'parts', 'lists',
    'folder', 'ok/x', 'nothing'
])
def test_hdf5_stays_within_its_file(crafted, key):
    path = f'{crafted}/a.hdf5/{key}'
    assert check_case(lambda: HDF5Reader().read(path, 'vid'), crafted,
                      [f'a.hdf5/{key}'])


def test_soft_links_within_a_file_are_followed(crafted):
    for key in ('ok', 'soft', 'group/rel', 'group//./ok'):
        feats = HDF5Reader().read(f'{crafted}/a.hdf5/{key}', 'vid')
        assert np.array_equal(feats, FEATS)


@pytest.mark.parametrize('content', [
    b'\xef\xbb\xbf1,2\n3,4\n', b'1,2\r3,4\r', b'a,b\n1,2 # 3\n',
    b'a,b\n# 1,2\n3,4\n', b'a,b\n' + b'9' * 10**6 + b',x' + b'y' * 10**6,
    b'a\n' + b'1,' * 10**6, b'a,b\n1e999,2\n', b'a,b\n1,True\n', b'a,b\n1,\n',
    b'a\n\xff', b'\0' * 99
])  # yapf: disable
def test_wrong_csv(tmp_path, content):
    (tmp_path / 'a.csv').write_bytes(content)
    assert check_case(lambda: CSVReader().read(str(tmp_path / 'a.csv'), 'v'),
                      tmp_path, ['a.csv'])
