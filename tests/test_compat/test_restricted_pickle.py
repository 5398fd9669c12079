import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from dyfadet_mm.compat import restricted_pickle


class Runs:
    """Pickles as a call of ``os.getcwd``."""

    def __reduce__(self):
        return os.getcwd, ()


@pytest.mark.parametrize('new_format', [True, False])
def test_checkpoint_of_a_training_loads(tmp_path, new_format):
    path = tmp_path / 'good.pth'
    content = dict(
        state_dict=dict(weight=torch.arange(3.)),
        message_hub=dict(loss=HistoryBuffer([1.5], [1])),
        best=np.float64(0.5))
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    loaded = torch.load(path, pickle_module=restricted_pickle)
    assert torch.equal(loaded['state_dict']['weight'], torch.arange(3.))
    assert loaded['message_hub']['loss'].current() == 1.5
    assert loaded['best'] == 0.5


@pytest.mark.parametrize('new_format', [True, False])
def test_code_is_refused(tmp_path, new_format):
    path = tmp_path / 'evil.pth'
    torch.save(
        dict(weight=torch.ones(1), extra=Runs()),
        path,
        _use_new_zipfile_serialization=new_format)
    with pytest.raises(pickle.UnpicklingError, match='GLOBAL posix.getcwd'):
        torch.load(path, pickle_module=restricted_pickle)
