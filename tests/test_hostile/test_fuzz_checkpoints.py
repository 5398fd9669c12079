"""Wrong checkpoints and feature files: damaged ones, and crafted ones."""
import copy
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from crafted_pickles import (TENSOR, Global, Made, Stored, as_legacy, as_zip,
                             dump, shared_lists)
from harness import check_case, seeds
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader
from mutators import HOSTILE, mutate_bytes, mutate_value
from torch._weights_only_unpickler import _get_allowed_globals

from dyfadet_mm.compat.checkpoint_globals import allowed_globals
from dyfadet_mm.fileio import SlowFastPickleReader, TorchReader
from dyfadet_mm.utils.weights import check_weights

FEATS = torch.arange(6.).view(3, 2)
CHECKPOINT = dict(
    meta=dict(epoch=1, seed=None, names=['a', 'b']),
    state_dict=torch.nn.Linear(2, 2).state_dict(),
    optimizer=dict(
        state={0: dict(step=torch.tensor(1.), exp_avg=torch.ones(2, 2))},
        param_groups=[dict(lr=0.1, betas=(0.9, 0.99), params=[0])]),
    message_hub=dict(
        log_scalars=dict(loss=HistoryBuffer([1.5, 2.], [1, 1])),
        runtime_info=dict(best=np.float64(0.5), counts=np.arange(3))))
NAMES = [
    Global(*name.rpartition('.')[::2]) for name in sorted(
        {**_get_allowed_globals(),
         **allowed_globals(), 'os.mkdir': 0, 'builtins.eval': 0,
         'torch.storage._load_from_bytes': 0})
    if not name.endswith('\n')
]  # yapf: disable


def saved(value, **kwargs):
    """The file of torch.save that holds a value."""
    file = io.BytesIO()
    torch.save(value, file, **kwargs)
    return file.getvalue()


def read_checkpoint(path):
    """Read a file, and do with it what those do who load a checkpoint."""
    value = CheckpointLoader.load_checkpoint(str(path), 'cpu', logger='silent')
    repr(value)
    copy.deepcopy(value)
    saved(value)
    check_weights(value, str(path))


def with_members(content, change):
    """A zip file with another pickle, and the check sums that belong to it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        with zipfile.ZipFile(out, 'w') as new:
            for name in old.namelist():
                member = old.read(name)
                if name.endswith('data.pkl'):
                    member = change(member)
                new.writestr(name, member)
    return out.getvalue()


def mutated(rng):
    """A damaged checkpoint."""
    kind = rng.randrange(4)
    if kind == 0:
        return mutate_bytes(rng, saved(CHECKPOINT), rng.randint(1, 3))
    if kind == 1:
        content = saved(CHECKPOINT, _use_new_zipfile_serialization=False)
        return mutate_bytes(rng, content, rng.randint(1, 3))
    return with_members(
        saved(CHECKPOINT),
        lambda member: mutate_bytes(rng, member, rng.randint(1, 3)))


def crafted(rng):
    """A checkpoint of right form with calls of wrong arguments."""
    value = dict(a=some_tensor(rng), b=some_array(rng, 0))
    if rng.random() < 0.5:
        value['d'] = some_call(rng)
    if rng.random() < 0.1:
        value['c'] = shared_lists(rng.randrange(3, 200))
    if rng.random() < 0.3:
        return as_legacy(value, keys=rng.choice([('0', ), ('0', '1'), ()]))
    return as_zip(
        dump(value), {
            'data/0': bytes(16),
            'data/1': bytes(rng.randrange(40))
        })


def some_tensor(rng):
    """A tensor of mutated arguments."""

    def mostly(good, *others):
        return good if rng.random() < 0.95 else rng.choice(others)

    good = [4, 0, [4], [1], False, None, {}]
    number, offset, size, stride, *more = fill(
        mutate_value(rng, good, rng.choice([0, 0, 0, 1, 2])), good)
    storage = Stored(
        mostly('FloatStorage', 'UntypedStorage', 'QInt8Storage', 'X'),
        mostly('0', '1', 'x', 1), number,
        mostly('cpu', 'meta', 'cuda:99', '', 1))
    rebuild = [each for each in NAMES if '_rebuild_' in each.name]
    return Made(
        mostly(TENSOR, *rebuild),
        (storage, offset, as_tuple(size), as_tuple(stride), *more))


def some_call(rng, depth=0):
    """A call of an allowed name with any arguments, and any state."""
    args = tuple(some_value(rng, depth + 1) for _ in range(rng.randrange(5)))
    state = some_value(rng, depth + 1) if rng.random() < 0.5 else None
    return Made(rng.choice(NAMES), args, state)


def some_value(rng, depth):
    """Any value that a pickle can hold."""
    if depth > 3 or rng.random() < 0.5:
        value = rng.choice(HOSTILE)
        return 'x' if value == '\ud800' else value
    make = rng.choice([some_call, some_name, some_array, some_tensor])
    return make(rng) if make is some_tensor else make(rng, depth)


def some_name(rng, depth):
    return rng.choice(NAMES)


def some_array(rng, depth):
    """An array with a mutated dtype."""
    good = [3, '<', None, None, None, -1, -1, 0]
    state = as_tuple(mutate_value(rng, good, rng.choice([0, 0, 1, 2])))
    dtype = Made(
        Global('numpy', 'dtype'),
        (rng.choice(['f8', 'f8', 'i4', 'O8', 'V8', 'U2', 'b1']), False, True),
        state)
    return Made(
        Global(
            rng.choice(['numpy.core', 'numpy._core']) + '.multiarray',
            '_reconstruct'), (Global('numpy', 'ndarray'), (0, ), b'b'),
        (1, rng.choice([(1, ), (2, ), (-1, ),
                        (2**62, 8)]), dtype, False, b'12345678'))


def fill(value, good):
    """As many values as there should be."""
    value = value if isinstance(value, list) else [value]
    return value + good[len(value):]


def as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize('make', [mutated, crafted])
def test_checkpoints(tmp_path, num_cases, make):
    path = tmp_path / 'a.pth'
    errors = []
    for rng in seeds(make.__name__, num_cases):
        path.write_bytes(make(rng))
        errors.append(
            check_case(lambda: read_checkpoint(path), tmp_path, ['a.pth']))
    assert sum(map(bool, errors)) > num_cases / 2


@pytest.mark.parametrize('make', [mutated, crafted])
def test_feature_files(tmp_path, num_cases, make):
    path = tmp_path / 'a.pt'
    for rng in seeds(f'features {make.__name__}', num_cases):
        path.write_bytes(make(rng))
        check_case(lambda: TorchReader('a').read(str(path), 'video'), tmp_path,
                   ['a.pt'])


def test_feature_pickles(tmp_path, num_cases):
    good = dict(slow_feature=FEATS[None], fast_feature=FEATS.numpy())
    path = tmp_path / 'a.pkl'
    for rng in seeds('feature pickles', num_cases):
        content = pickle.dumps(good, protocol=rng.choice([0, 2, 5]))
        content = mutate_bytes(rng, content, rng.randint(1, 3))
        if rng.random() < 0.5:
            content = dump(
                dict(
                    good,
                    slow_feature=some_array(rng, 0),
                    fast_feature=some_call(rng)))
        path.write_bytes(content)
        check_case(lambda: SlowFastPickleReader().read(str(path), 'video'),
                   tmp_path, ['a.pkl'])
