import pickle

import numpy as np
import pytest
import torch
from crafted_pickles import Global, Made, as_zip, dump
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from torch.utils.data import DataLoader
from toy_model import ToyModel

from dyfadet_mm.compat.checkpoint_globals import allowed_globals


class StepCounter(Hook):
    """Remembers the iterations that really ran."""

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append(runner.iter)


def make_runner(folder, name, max_epochs, **kwargs):
    """A runner with the parts whose state a checkpoint holds."""
    torch.manual_seed(0)
    data = [dict(inputs=torch.randn(2)) for _ in range(4)]
    return Runner(
        ToyModel(),
        work_dir=str(folder),
        train_dataloader=DataLoader(data, batch_size=2),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=dict(type='LinearLR', begin=0, end=4),
        custom_hooks=[dict(type='EMAHook', momentum=0.1)],
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        experiment_name=f'{folder.name}-{name}',
        log_level='ERROR',
        **kwargs)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Runner and checkpoint of a real training of one epoch."""
    folder = tmp_path_factory.mktemp('trained')
    runner = make_runner(folder, 'train', 1)
    runner.train()
    return runner, folder / 'epoch_1.pth'


def test_training_checkpoint_loads_as_data(trained):
    checkpoint = torch.load(trained[1], weights_only=True)
    losses = checkpoint['message_hub']['log_scalars']['train/loss']
    assert isinstance(losses, HistoryBuffer)
    assert len(losses.data[0]) == 2 and losses.current() > 0


def test_resumed_training_goes_on_with_all_state(trained, tmp_path):
    before, path = trained
    runner = make_runner(
        tmp_path, 'resume', 2, resume=True, load_from=str(path))
    counter = StepCounter()
    runner.register_hook(counter)
    runner.train()
    assert counter.seen == [2, 3]
    history = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(history) == 4
    np.testing.assert_allclose(
        history[:2],
        before.message_hub.get_scalar('train/loss').data[0])


def test_load_from_takes_the_averaged_weights(trained, tmp_path):
    before, path = trained
    runner = make_runner(tmp_path, 'load', 1, load_from=str(path))
    runner.call_hook('before_run')
    runner.load_or_resume()
    stored = torch.load(path, weights_only=True)
    for name, value in runner.model.state_dict().items():
        torch.testing.assert_close(value, stored['state_dict'][name])
    assert runner.iter == 0


@pytest.mark.parametrize('value', [
    np.float32(1.5),
    np.int64(3),
    np.bool_(True),
    np.arange(3),
    np.ones((2, 2), dtype=np.float16),
])
def test_numbers_of_numpy_load(tmp_path, value):
    path = tmp_path / 'numbers.pth'
    torch.save(dict(value=value), path)
    loaded = torch.load(path, weights_only=True)['value']
    assert type(loaded) is type(value)
    np.testing.assert_array_equal(loaded, value)


def test_object_arrays_stay_refused(tmp_path):
    path = tmp_path / 'objects.pth'
    torch.save(dict(value=np.array([dict(), None], dtype=object)), path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


def saved_array(path, *state, code='f8', content=b'12345678'):
    """A file with an array, whose dtype gets a state."""
    dtype = Made(Global('numpy', 'dtype'), (code, False, True), state)
    rebuild = Global('numpy.core.multiarray', '_reconstruct')
    array = Made(rebuild, (Global('numpy', 'ndarray'), (0, ), b'b'),
                 (1, (1, ), dtype, False, content))
    path.write_bytes(as_zip(dump(array)))
    return path


@pytest.mark.parametrize('state', [
    (3, '<', None, None, None, -1, -1, 63),
    (3, '|', ('a', ), dict(a=(1, 0)), None, 8, 1, 63),
    (3, '<', None, (1, (2, )), None, -1, -1, 0),
])
def test_a_dtype_takes_no_flags_from_a_file(tmp_path, state):
    path = saved_array(tmp_path / 'array.pth', *state)
    loaded = torch.load(path, weights_only=True)
    assert loaded.dtype == np.dtype('f8') and not loaded.dtype.hasobject
    assert loaded.tobytes() == b'12345678'
    assert np.dtype('f8').fields is None and np.dtype('f8').flags == 0


@pytest.mark.parametrize('code', ['O', 'O8', 'V8', 'U2', 'M8[s]', 'f8,O'])
def test_other_dtypes_are_refused(tmp_path, code):
    path = saved_array(tmp_path / 'array.pth', 3, '|', None, code=code)
    with pytest.raises(pickle.UnpicklingError, match='numpy.dtype'):
        torch.load(path, weights_only=True)


@pytest.mark.parametrize('call', [
    Global('numpy', 'ndarray')((1, ), 'O', b'12345678'),
    Global('numpy', 'ndarray\n')((1, ), 'O', b'12345678'),
    Global('numpy.dtypes', 'Float64DType')(),
])
def test_classes_of_numpy_are_not_called(tmp_path, call):
    (tmp_path / 'a.pth').write_bytes(as_zip(dump(call)))
    with pytest.raises((TypeError, IndexError, pickle.UnpicklingError)):
        torch.load(tmp_path / 'a.pth', weights_only=True)


class Gets:
    """Pickles as a call of ``getattr``."""

    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return getattr, self.args


@pytest.mark.parametrize('args', [(HistoryBuffer, '__init__'),
                                  (HistoryBuffer, 'register_statistics'),
                                  (torch.Tensor, 'mean')])
def test_getattr_stays_refused(tmp_path, args):
    path = tmp_path / 'getattr.pth'
    torch.save(dict(value=Gets(*args)), path)
    with pytest.raises(pickle.UnpicklingError, match='GLOBAL builtins.getatt'):
        torch.load(path, weights_only=True)


def test_names_of_both_numpy_generations_are_listed():
    names = allowed_globals()
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        assert f'{module}.scalar' in names
        assert f'{module}._reconstruct' in names
