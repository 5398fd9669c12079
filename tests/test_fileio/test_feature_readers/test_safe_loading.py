import collections
import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.fileio.feature_readers.safe_loading import (CodeRefusedError,
                                                            load_tensor_pickle)


class _Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize('function, args, name', [
    (os.mkdir, ('made', ), rf'{os.mkdir.__module__}\.mkdir'),
    (eval, ('open("made", "w")', ), r'(builtins|__builtin__)\.eval'),
    (getattr, ('text', 'upper'), r'(builtins|__builtin__)\.getattr'),
    (collections.Counter, ('a', ), r'collections\.Counter'),
    (np.array, (1, 2), r'numpy.*\.array'),
    (torch.load, ('made', ), r'torch\.serialization\.load'),
])
def test_everything_else_is_refused_by_name(tmp_path, monkeypatch, function,
                                            args, name, protocol):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(dict(a=_Call(function, *args)), protocol=protocol)
    with pytest.raises(CodeRefusedError, match=f"got '{name}', which could"):
        load_tensor_pickle(content)
    assert list(tmp_path.iterdir()) == []


def test_the_numbers_of_a_tensor_cannot_smuggle_code(tmp_path):
    # PyTorch's own function would unpickle these bytes without a check
    file = tmp_path / 'inner'
    torch.save(_Call(os.mkdir, str(tmp_path / 'made')), file)
    load = torch.storage._load_from_bytes
    content = pickle.dumps(dict(a=_Call(load, file.read_bytes())))
    with pytest.raises(CodeRefusedError, match=r"\.mkdir', which could run"):
        load_tensor_pickle(content)
    assert not (tmp_path / 'made').exists()


def test_a_tensor_is_made_of_nothing_but_a_storage(tmp_path):
    torch.save(torch.ones(2), tmp_path / 'inner')
    load = torch.storage._load_from_bytes
    content = pickle.dumps(
        dict(a=_Call(load, (tmp_path / 'inner').read_bytes())))
    with pytest.raises(ValueError, match='be a complete pickle'):
        load_tensor_pickle(content)


@pytest.mark.parametrize('array', [
    np.array([dict(a=1)], dtype=object),
    np.zeros(2, dtype=[('a', 'f4'), ('b', 'i4')]),
    np.array(['2020-01-01'], dtype='M8[D]'),
])
@pytest.mark.parametrize('protocol', [2, 5])
def test_arrays_of_anything_but_numbers_are_refused(array, protocol):
    with pytest.raises(CodeRefusedError, match='numpy.dtype of'):
        load_tensor_pickle(pickle.dumps(dict(a=array), protocol=protocol))


def test_a_name_cannot_break_the_line():
    with pytest.raises(CodeRefusedError, match=r"got 'a\\nb.c', which"):
        load_tensor_pickle(b'\x80\x04\x8c\x03a\nb\x8c\x01c\x93.')


def test_a_pickle_cannot_change_functions_it_names():
    # BUILD with a state (None, attributes) sets attributes of the function
    content = (b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n"
               b'N}U\x0c__defaults__)s\x86bs.')
    before = torch._utils._rebuild_tensor_v2.__defaults__
    try:
        load_tensor_pickle(content)
    except ValueError:
        pass
    assert torch._utils._rebuild_tensor_v2.__defaults__ == before


@pytest.mark.parametrize('value, name', [([1], 'list'), (3, 'int'),
                                         (np.ones(3), '_Array')])
def test_no_dict_is_refused(value, name):
    with pytest.raises(ValueError, match=f'of a dict, but got {name}'):
        load_tensor_pickle(pickle.dumps(value))


@pytest.mark.parametrize('protocol', [0, 2, 5])
def test_damaged_and_foreign_files_are_refused(protocol):
    content = pickle.dumps(
        dict(a=np.ones((4, 3)), b=torch.ones(3, 2)), protocol=protocol)
    for each in (b'', b'some text', content[:-1], content[:len(content) // 2]):
        with pytest.raises(ValueError, match='be a complete pickle, but got'):
            load_tensor_pickle(each)


@settings(max_examples=300, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_any_damage_ends_in_one_kind_of_error(position, value):
    content = bytearray(
        pickle.dumps(dict(a=np.ones((4, 3)), b=torch.ones(3, 2)), protocol=2))
    content[int(position * len(content))] = value
    try:
        assert isinstance(load_tensor_pickle(bytes(content)), dict)
    except ValueError as error:
        assert '\n' not in str(error)
