"""Files of torch.save that describe what must not be built."""
import io
import zipfile
from time import perf_counter

import numpy as np
import pytest
import torch
from crafted_pickles import (HOOKS, ODICT, TENSOR, Global, Made, Raw, Stored,
                             as_legacy, as_zip, dump, shared_lists, tensor)
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint

from dyfadet_mm.compat import pickle_inspection, torch_file
from dyfadet_mm.compat.checkpoint_loader import load_from_local
from dyfadet_mm.fileio import TorchReader

NUMBERS = {'data/0': np.arange(4, dtype='f4').tobytes()}
UTILS = 'torch._utils'
NUMPY = 'numpy.core.multiarray'
DTYPE = Global('numpy', 'dtype')
HISTORY = Global('mmengine.logging.history_buffer', 'HistoryBuffer')
PLAIN = (3, '<', None, None, None, -1, -1, 0)


def dtype(code='f8', state=PLAIN):
    return Made(DTYPE, (code, False, True), state)


def array(state=PLAIN, code='f8', content=b'12345678', shape=(1, )):
    """An array as NumPy pickles it."""
    rebuild = Global(NUMPY, '_reconstruct')
    return Made(rebuild, (Global('numpy', 'ndarray'), (0, ), b'b'),
                (1, shape, dtype(code, state), False, content))


def history(**state):
    good = dict(
        max_length=9,
        _log_history=array(),
        _count_history=array(),
        statistics_methods=dict(
            min=Global('builtins', 'getattr')(HISTORY, 'min')))
    return Made(HISTORY, (), dict(good, **state))


def parameter(**attributes):
    return Global(UTILS, '_rebuild_parameter_with_state')(tensor(), True,
                                                          HOOKS, attributes)


def nested(levels):
    return Raw(b']' * levels + b'a' * (levels - 1))


def of_type(cls):
    return Global('torch._tensor',
                  '_rebuild_from_type_v2')(TENSOR, cls, tuple(tensor().args),
                                           {})


def from_dtype(name):
    return Global(UTILS, '_rebuild_tensor_v3')(Stored('UntypedStorage', '0',
                                                      16), 0, (9, ), (1, ),
                                               False, HOOKS,
                                               Global('torch', name))


# what a file holds, by what the error says of it
HOSTILE = {
    'beyond its numbers': [
        tensor(size=(5, )),
        tensor(offset=1),
        tensor(offset=9, size=(), stride=()),
        tensor(size=(2, ), stride=(4, )),
        tensor(size=(2**62, 4), stride=(4, 1)),
        Global(UTILS, '_rebuild_tensor')(Stored('FloatStorage', '0', 4), 0,
                                         (5, ), (1, )),
        from_dtype('int32'),
    ],
    'no possible shape': [
        tensor(size=(-1, )),
        tensor(offset=-1),
        tensor(stride=(-1, )),
        tensor(size=(4., )),
        tensor(size=[4]),
        tensor(size=(1, 4)),
        tensor(size=(1, ) * 99, stride=(1, ) * 99),
    ],
    'numbers are missing': [tensor(5),
                            tensor(2**60),
                            tensor(key='1')],
    'numbers of no possible size': [tensor(-1),
                                    tensor('4'),
                                    tensor(4.)],
    'numbers of two kinds': [[
        tensor(),
        TENSOR(Stored('ByteStorage', '0', 16), 0, (16, ), (1, ), False, HOOKS)
    ]],
    'a meta tensor': [tensor(location='meta')],
    'conjugate or negative': [
        tensor(4, 0, (4, ), (1, ), {'conj': True}),
        tensor(4, 0, (4, ), (1, ), {'neg': True}),
        tensor(4, 0, (4, ), (1, ), Made(ODICT, ([('neg', True)], ))),
    ],
    'with hooks': [
        Global(UTILS, '_rebuild_parameter')(tensor(), True, [None]),
        TENSOR(
            Stored('FloatStorage', '0', 4), 0, (4, ), (1, ), False,
            Made(ODICT, ([(1, 1)], ))),
    ],
    'without numbers': [
        TENSOR(1, 0, (), (), False, HOOKS),
        TENSOR(HOOKS, 0, (), (), False, HOOKS),
        Global(UTILS, '_rebuild_parameter_with_state')(1, True, HOOKS, {}),
        Global('torch._tensor',
               '_rebuild_from_type_v2')(ODICT, Global('torch', 'Tensor'), (),
                                        {}),
    ],
    'unusual kind of tensor': [
        Global(UTILS,
               '_rebuild_meta_tensor_no_storage')(Global('torch', 'float32'),
                                                  (9, ), (1, ), False),
        Global(UTILS, '_rebuild_nested_tensor')(tensor(), tensor(), tensor(),
                                                tensor()),
        Global(UTILS, '_rebuild_wrapper_subclass')(Global('torch',
                                                          'Tensor'), 1, 1, 1,
                                                   1, 1, 'cpu', False),
        Global(UTILS, '_rebuild_device_tensor_from_cpu_tensor')(tensor(), 1,
                                                                'cpu', False),
        Global('torch', 'FloatTensor')(10**10),
        Global('torch', 'Tensor')(1),
        Global('torch.nn.parameter', 'Parameter')(tensor()),
        Global('torch.storage', 'UntypedStorage')(10**12),
    ],
    'state of a tensor': [
        tensor()._replace(
            state=(Stored('FloatStorage', '0', 4), 0, (9, ), (1, ), False,
                   HOOKS)),
    ],
    'state of a name': [Raw(b'cbuiltins\nset\n}b')],
    'a subclass of tensors': [of_type(Global('collections', 'OrderedDict'))],
    'attributes that no Parameter': [parameter(copy_=1),
                                     parameter(data=2)],
    'attributes that no OrderedDict': [
        HOOKS._replace(state=dict(items=1)),
        HOOKS._replace(state={1: 1}),
    ],
    'no plain f8': [
        array((3, '<', ('a', ), {
            'a': (dtype('O8'), 0)
        }, None, 8, 8, 63)),
        array((3, '<', None, None, None, -1, -1, 63)),
        array((3, '|', None, (dtype(), (2, )), None, -1, -1, 0)),
        array((4, '<', None, None, None, -1, -1, 0, {})),
        Global(NUMPY, 'scalar')(dtype('f8',
                                      (3, '<', None, None, None, -1, -1, 63)),
                                b'12345678'),
    ],
    'byte order of another': [array((3, '>', None, None, None, -1, -1, 0))],
    'no possible state': [
        array()._replace(state=1),
        history(max_length='9'),
        history(_log_history=3),
        history(_log_history=array(shape=())),
        history(mean=1),
    ],
    'other statistics': [
        history(statistics_methods=dict(mean=1)),
        history(
            statistics_methods=dict(
                mean=Global('builtins', 'getattr')(HISTORY, 'min'))),
    ],
    'call of numpy.ndarray': [
        Global('numpy', 'ndarray')((1, ), 'O', b'12345678'),
        Global('numpy', 'ndarray')((10**12, ), 'f8'),
    ],
    'another encoding': [
        Global('_codecs', 'encode')('x' * 99, 'punycode'),
        Global('_codecs', 'encode')(b'x', 'hex_codec'),
        Global('_codecs', 'encode')('x'),
    ],
    'bytes without content': [Global('builtins', 'bytearray')(10**11)],
    'unfold to more than': [
        shared_lists(60),
        shared_lists(60, b'}'),
        dict(a={'b': shared_lists(60)}),
        [HOOKS._replace(state=dict(_metadata=shared_lists(60)))],
        parameter(mine=shared_lists(60)),
        Global('collections', 'Counter')(shared_lists(60)),
        Raw(b'](X\x00\x00\x01\x00' + b'x' * 2**16 + b'q\x01' +
            b'h\x01' * 9999 + b'e'),
        tensor(size=(10**6, 10**6), stride=(0, 0)),
        [tensor(size=(10**6, ), stride=(0, ))] * 99,
    ],
    'holds itself': [
        Raw(b']q\x01h\x01a'),
        Raw(b'}q\x01X\x01\x00\x00\x00ah\x01s'),
        Raw(b'ccollections\nOrderedDict\n)Rq\x01X\x01\x00\x00\x00ah\x01s'),
        Raw(b'cUserList\nOrderedDict\n)Rq\x01X\x01\x00\x00\x00ah\x01s'),
        Raw(b']q\x01(h\x01]h\x01ae'),
    ],
    'nested levels': [nested(101), nested(10**4)],
    'an integer of more': [10**400],
    'an impossible number': [Raw(b'Nr\xff\xff\xff\xff')],
    'a call of a str': [Raw(b'X\x01\x00\x00\x00a)R')],
}
CASES = [(text, value) for text, values in HOSTILE.items() for value in values]


@pytest.fixture
def write(tmp_path):

    def write(content, name='a.pth'):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize('text, value', CASES, ids=[text for text, _ in CASES])
def test_what_must_not_be_built_is_refused(write, text, value):
    contents = [as_zip(dump(dict(state_dict=value)), NUMBERS)]
    if text != 'numbers are missing':
        contents.append(as_legacy(dict(state_dict=value)))
    for content in contents:
        path, begin = write(content), perf_counter()
        with pytest.raises(ValueError, match=f'it holds .*{text}') as caught:
            load_from_local(path)
        assert path in str(caught.value) and len(str(caught.value)) < 700
        with pytest.raises(ValueError, match=text):
            TorchReader().decode(content)
        assert perf_counter() - begin < 5


def test_the_good_ones_are_read(write):
    value = dict(
        a=tensor(),
        b=tensor(2, 1, (1, ), (1, ), key='1'),
        c=array(),
        d=history(),
        e=parameter(mine=1),
        f=of_type(Global('torch', 'Tensor')),
        g=HOOKS._replace(state=dict(_metadata=1)),
        h=tensor(size=(3, 4), stride=(0, 1)))
    records = dict(NUMBERS, **{'data/1': b'12345678'})
    loaded = load_from_local(write(as_zip(dump(value), records)))
    assert loaded['a'].tolist() == [0, 1, 2, 3]
    assert isinstance(loaded['d'], HistoryBuffer)
    assert loaded['e'].mine == 1 and loaded['h'].shape == (3, 4)
    assert loaded['g']._metadata == 1
    del value['b']
    loaded = load_from_local(write(as_legacy(value)))
    assert loaded['a'].tolist() == [1, 2, 3, 4]


def test_other_kinds_of_tensors_are_read(tmp_path):
    shared = torch.ones(4)
    value = dict(
        sparse=torch.eye(3).to_sparse(),
        csr=torch.eye(3).to_sparse_csr(),
        quantized=torch.quantize_per_tensor(
            torch.ones(3), 0.5, 0, torch.qint8),
        small=torch.ones(3).to(torch.float8_e4m3fn),
        wide=torch.ones(3, dtype=torch.uint16),
        parameter=torch.nn.Parameter(torch.ones(2)),
        views=[shared, shared[1:3], shared.view(2, 2).t()],
        empty=torch.ones(0, 3),
        scalar=torch.tensor(1.),
        complex=torch.ones(2, dtype=torch.complex64),
        state=torch.get_rng_state(),
        numpy=[np.float64(1), np.arange(3),
               np.ones((2, 1))],
        module=torch.nn.BatchNorm1d(3).state_dict())
    torch.save(value, tmp_path / 'a.pth')
    assert repr(load_from_local(tmp_path / 'a.pth')) == repr(value)


@pytest.mark.parametrize('content, text', [
    (as_legacy(tensor(), keys=()), 'numbers are missing'),
    (as_legacy(tensor(), keys=('0', '1')), 'numbers are missing'),
    (as_legacy(tensor(), keys=[shared_lists(60)]), 'unfold to more'),
    (as_legacy(tensor(), rest=b'123'), 'ends early'),
    (as_legacy(tensor(2**40)), 'ends early'),
    (as_zip(
        dump(tensor(2**24)), {'data/0': bytes(2**26)},
        zipfile.ZIP_DEFLATED), 'packed members'),
    (as_zip(dump(1), {'constants.pkl': b''}), 'TorchScript'),
])
def test_files_that_are_wrong_as_a_whole(write, content, text):
    begin = perf_counter()
    with pytest.raises(ValueError, match=text):
        load_from_local(write(content))
    assert perf_counter() - begin < 10


def test_instructions_are_counted(write, monkeypatch):
    path = write(as_zip(dump([None] * 1000)))
    assert load_from_local(path) == [None] * 1000
    torch_file._inspect_once.cache_clear()
    monkeypatch.setattr(pickle_inspection._Steps, 'left', 1000)
    with pytest.raises(ValueError, match='a pickle of more than'):
        load_from_local(path)


def test_every_flipped_bit_is_noticed(write):
    good = io.BytesIO()
    torch.save(dict(state_dict=dict(a=torch.arange(99.))), good)
    good = good.getvalue()
    silent = 0
    for i in range(200):
        bad = bytearray(good)
        bad[i * len(bad) // 200] ^= 1 << i % 8
        model = torch.nn.Module()
        model.register_buffer('a', torch.arange(99.))
        try:
            load_checkpoint(model, write(bytes(bad)), logger='silent')
        except ValueError:
            continue
        silent += not torch.equal(model.a, torch.arange(99.))
        with pytest.raises(ValueError):  # padding, which nobody reads
            assert torch.equal(
                TorchReader('a').decode(bad), torch.arange(99.)) or 1 / 0
    assert silent == 0


def test_a_file_without_sums_is_read(tmp_path):
    if not hasattr(torch.serialization, 'set_crc32_options'):
        pytest.skip('PyTorch always writes check sums')
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(dict(a=torch.ones(1)), tmp_path / 'a.pth')
    finally:
        torch.serialization.set_crc32_options(True)
    assert load_from_local(tmp_path / 'a.pth')['a'] == 1


def test_a_file_is_checked_once_until_it_changes(tmp_path, monkeypatch):
    checked, check = [], torch_file.inspect_file
    monkeypatch.setattr(torch_file, 'inspect_file',
                        lambda file: checked.append(1) or check(file))
    path = tmp_path / 'a.pth'
    for _ in range(2):
        torch.save(dict(a=1), path)
        for _ in range(3):
            load_from_local(path)
    assert len(checked) == 2
