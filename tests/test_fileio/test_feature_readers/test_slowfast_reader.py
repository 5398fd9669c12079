import pickle

import numpy as np
import pytest
import torch

from dyfadet_mm.fileio import SlowFastPickleReader

SLOW = np.arange(12, dtype=np.float32).reshape(1, 4, 3)  # (1, C, T)
FAST = -np.arange(1, 7, dtype=np.float32).reshape(1, 2, 3)
ROWS = [[0, 3, 6, 9, -1, -4], [1, 4, 7, 10, -2, -5], [2, 5, 8, 11, -3, -6]]


def _file(slow=SLOW, fast=FAST, protocol=2):
    return pickle.dumps(
        dict(slow_feature=slow, fast_feature=fast), protocol=protocol)


def _tensors(*arrays):
    return [torch.from_numpy(array.copy()) for array in arrays]


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('kind', [torch.Tensor, np.ndarray])
def test_slow_channels_come_first_and_cells_are_rows(read, kind, protocol):
    parts = _tensors(SLOW, FAST) if kind is torch.Tensor else (SLOW, FAST)
    feats = read(
        SlowFastPickleReader(), _file(*parts, protocol=protocol), feat_dim=6)
    assert feats.dtype == np.float32 and feats.flags.c_contiguous
    assert feats.tolist() == ROWS


def test_the_published_size_has_2304_channels(read):
    slow, fast = torch.randn(1, 2048, 7), torch.randn(1, 256, 7)
    feats = read(SlowFastPickleReader(), _file(slow, fast), feat_dim=2304)
    assert np.array_equal(feats, torch.cat([slow, fast], 1)[0].t())


def test_the_leading_axis_is_optional(read):
    feats = read(SlowFastPickleReader(), _file(*_tensors(SLOW[0], FAST[0])))
    assert feats.tolist() == ROWS


def test_a_video_of_one_cell_keeps_its_axes(read):
    feats = read(SlowFastPickleReader(), _file(SLOW[..., :1], FAST[..., :1]))
    assert feats.tolist() == ROWS[:1]


@pytest.mark.parametrize(
    'make', [
        lambda x: torch.from_numpy(x).half(),
        lambda x: torch.from_numpy(x).double().requires_grad_(),
        lambda x: torch.from_numpy(np.stack([x, x], -1))[..., 0],
        lambda x: np.asfortranarray(x), lambda x: x.astype('>f8'),
        lambda x: x.astype('>i2'), lambda x: np.stack([x, x], -1)[..., 1]
    ],
    ids=['half', 'grad', 'view', 'fortran', 'big-endian', 'int', 'strided'])
@pytest.mark.parametrize('protocol', [2, 5])
def test_any_number_format_is_read(read, make, protocol):
    content = _file(make(SLOW), make(FAST), protocol)
    assert read(SlowFastPickleReader(), content).tolist() == ROWS


def test_numbers_written_before_numpy_2_are_read(read):
    content = _file(protocol=0)
    old = content.replace(b'numpy._core', b'numpy.core')
    new = content.replace(b'numpy.core', b'numpy._core')
    for each in (old, new):
        assert read(SlowFastPickleReader(), each).tolist() == ROWS


def test_other_entries_are_passed_over(read):
    content = pickle.dumps(
        dict(slow_feature=SLOW, fast_feature=FAST, fps=15, name='a'))
    assert read(SlowFastPickleReader(), content).tolist() == ROWS


@pytest.mark.parametrize('slow, fast, words', [
    (SLOW, FAST[..., :2], 'one number of slow and fast cells, but got 3 and'),
    (SLOW[0, 0], FAST, r"have 'slow_feature' of shape (1, C, T), but got (3,"),
    (np.stack([SLOW[0]] * 2), FAST, 'but got (2, 4, 3)'),
    (SLOW, 'text', 'be an array or a tensor, but got str'),
    (SLOW, None, 'be an array or a tensor, but got NoneType'),
])
def test_unusable_parts_are_refused(refusal, slow, fast, words):
    assert words in refusal(SlowFastPickleReader(), _file(slow, fast))


def test_a_missing_part_lists_the_keys_there_are(refusal):
    content = pickle.dumps(dict(slow_feature=SLOW, fast=FAST))
    text = refusal(SlowFastPickleReader(), content)
    assert ("have the key 'fast_feature', but got 2 keys: 'fast', "
            "'slow_feature'") in text


def test_wrong_dimension_names_the_video(refusal):
    text = refusal(SlowFastPickleReader(), _file(), feat_dim=2304)
    assert 'have shape (T, 2304), but got (3, 6)' in text
