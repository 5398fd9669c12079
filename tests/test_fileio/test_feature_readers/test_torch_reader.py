import io
import os

import numpy as np
import pytest
import torch

from dyfadet_mm.fileio import TorchReader

FEATS = torch.arange(6.).view(3, 2)


def _pt(value, **kwargs):
    file = io.BytesIO()
    torch.save(value, file, **kwargs)
    return file.getvalue()


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize(
    'dtype', [torch.float16, torch.bfloat16, torch.float64, torch.int32])
def test_a_tensor_becomes_float32(read, dtype, zipped):
    content = _pt(FEATS.to(dtype), _use_new_zipfile_serialization=zipped)
    feats = read(TorchReader(), content, feat_dim=2)
    assert feats.dtype == np.float32
    assert np.array_equal(feats, FEATS)


def test_views_and_gradients_are_no_obstacle(read):
    wide = torch.arange(12., requires_grad=True).view(2, 6)
    feats = read(TorchReader(), _pt(wide[:, ::2].t()))
    assert feats.flags.c_contiguous
    assert feats.tolist() == [[0, 6], [2, 8], [4, 10]]


@pytest.mark.parametrize('key', ['feats', None])
def test_the_only_tensor_of_a_dict_needs_no_key(read, key):
    assert np.array_equal(
        read(TorchReader(key), _pt(dict(feats=FEATS))), FEATS)


def test_a_missing_key_lists_those_there_are(refusal):
    content = _pt(dict(rgb=FEATS, flow=FEATS))
    for key, words in (('feats', "the key 'feats'"), (None, 'one array only')):
        text = refusal(TorchReader(key), content)
        assert f"have {words}, but got 2 keys: 'flow', 'rgb'" in text


class _Attack:
    """Makes a folder when it is unpickled without care."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path, )


@pytest.mark.parametrize('zipped', [True, False])
def test_code_is_refused_by_name_and_not_run(refusal, tmp_path, zipped):
    content = _pt(
        dict(feats=FEATS, extra=_Attack(tmp_path / 'made')),
        _use_new_zipfile_serialization=zipped)
    text = refusal(TorchReader('feats'), content)
    name = f'{os.mkdir.__module__}.mkdir'
    assert f'got {name!r}, which could run code' in text
    assert not (tmp_path / 'made').exists()


def test_a_program_is_refused(refusal, tmp_path):
    path = tmp_path / 'program.pt'
    torch.jit.trace(torch.nn.ReLU(), FEATS).save(str(path))
    assert 'TorchScript' in refusal(TorchReader(), path.read_bytes())


@pytest.mark.parametrize('value, words', [
    ([FEATS], 'be an array or a tensor, but got list'),
    ('text', 'be an array or a tensor, but got str'),
    (FEATS.to_sparse(), 'be a dense tensor of plain numbers'),
    (FEATS > 1, 'be real numbers, but got dtype bool'),
    (FEATS[None], r'have shape (T, C), but got (1, 3, 2)'),
])
def test_other_content_is_refused(refusal, value, words):
    assert words in refusal(TorchReader(), _pt(value))


def test_damaged_and_foreign_files_are_refused(refusal):
    content = _pt(FEATS)
    for each in (b'', b'text', content[:200], content[:-30]):
        text = refusal(TorchReader(), each)
        assert 'be a complete file of torch.save' in text
        assert 'weights_only' not in text  # no advice to run the code
