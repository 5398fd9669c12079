import io
import zipfile

import numpy as np
import pytest

from dyfadet_mm.fileio import NpzReader

FEATS = np.arange(6, dtype=np.float16).reshape(3, 2)


def _npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
@pytest.mark.parametrize('key', ['feats', None])
def test_the_only_array_needs_no_key(read, save, key):
    feats = read(NpzReader(key), _npz(save, feats=FEATS), feat_dim=2)
    assert feats.dtype == np.float32 and feats.flags.c_contiguous
    assert np.array_equal(feats, FEATS)


def test_a_key_chooses_among_arrays(read):
    content = _npz(feats=FEATS, fps=np.array(30.))
    assert np.array_equal(read(NpzReader('feats'), content), FEATS)


def test_several_arrays_without_a_key_are_listed(refusal):
    text = refusal(NpzReader(), _npz(feats=FEATS, fps=np.array(30.)))
    assert "one array only, but got 2 keys: 'feats', 'fps'; set key" in text


def test_a_missing_key_lists_those_there_are(refusal):
    text = refusal(NpzReader('feats'), _npz(feature=FEATS))
    assert "have the key 'feats', but got 1 key: 'feature'" in text
    many = {f'a{i}': FEATS for i in range(9)}
    text = refusal(NpzReader('feats'), _npz(**many))
    assert "got 9 keys, such as 'a0', 'a1', 'a2', 'a3', 'a4'; set" in text
    assert 'got no keys' in refusal(NpzReader('feats'), _npz())


def test_a_leading_axis_is_dropped_only_on_request(read, refusal):
    content = _npz(feature=FEATS[None])
    assert np.array_equal(read(NpzReader(squeeze=True), content), FEATS)
    assert 'NpzReader can squeeze it' in refusal(NpzReader(), content)
    for shape in [(2, 3, 2), (1, 1, 3, 2)]:
        content = _npz(feature=np.ones(shape))
        assert f'got {shape}' in refusal(NpzReader(squeeze=True), content)
    one_cell = _npz(feature=np.ones((1, 2)))
    assert read(NpzReader(squeeze=True), one_cell).shape == (1, 2)


def test_objects_are_refused_without_unpickling(refusal):
    content = _npz(feats=np.array([[1, 'a']], dtype=object))
    assert 'could run code' in refusal(NpzReader(), content)


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_a_truncated_file_is_refused(refusal, save):
    content = _npz(save, feats=np.arange(400.).reshape(100, 4))
    for size in (0, 1, 3, 100, len(content) - 1):
        text = refusal(NpzReader(), content[:size])
        assert text.startswith(('be a complete npz', 'be an npz file'))


def test_a_damaged_array_is_refused(refusal):
    content = bytearray(_npz(feats=np.arange(400.).reshape(100, 4)))
    content[600] ^= 1  # in the middle of the numbers: the checksum tells
    assert 'be a complete npz file' in refusal(NpzReader(), bytes(content))


def test_other_formats_are_refused(refusal):
    file = io.BytesIO()
    np.save(file, FEATS)
    assert 'be an npz file' in refusal(NpzReader(), file.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('notes.txt', 'mine')
    assert "'notes.txt' is no array" in refusal(NpzReader(), file.getvalue())
