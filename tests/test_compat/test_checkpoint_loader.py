import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import load_checkpoint

from dyfadet_mm.compat import torch_file
from dyfadet_mm.compat.checkpoint_loader import load_from_local


class Runs:
    """Pickles as a call, as code in a checkpoint does."""

    def __init__(self, call, *args):
        self.call = call, args

    def __reduce__(self):
        return self.call


def save(path, content, **kwargs):
    torch.save(content, path, **kwargs)
    return path


WEIGHTS = dict(state_dict=dict(weight=torch.ones(1, 1), bias=torch.ones(1)))


@pytest.mark.parametrize('new_format', [True, False])
def test_weights_load(tmp_path, new_format):
    path = save(
        tmp_path / 'good.pth',
        WEIGHTS,
        _use_new_zipfile_serialization=new_format)
    model = torch.nn.Linear(1, 1)
    load_checkpoint(model, str(path), strict=True, logger='silent')
    assert model(torch.ones(1)) == 2


@pytest.mark.parametrize('new_format', [True, False])
def test_code_is_refused_and_not_run(tmp_path, new_format):
    victim = tmp_path / 'made_by_the_checkpoint'
    path = save(
        tmp_path / 'evil.pth',
        dict(WEIGHTS, extra=Runs(os.mkdir, str(victim))),
        _use_new_zipfile_serialization=new_format)
    with pytest.raises(ValueError) as caught:
        load_checkpoint(torch.nn.Linear(1, 1), str(path))
    message = str(caught.value)
    assert str(path) in message and 'carries code' in message
    assert 'mkdir' in message and 'state_dict' in message
    assert '\n' not in message
    assert caught.value.__cause__ is None
    assert not victim.exists()


def wrong_files(folder):
    """Files that are no checkpoint, by what the error says of them."""
    good = save(folder / 'good.pth', WEIGHTS).read_bytes()
    contents = dict(
        empty=b'',
        text=b'not a checkpoint\n',
        half=good[:len(good) // 2],
        noise=np.random.default_rng(0).bytes(999),
        pickle=pickle.dumps(dict(weight=1)))
    for name, content in contents.items():
        path = folder / f'{name}.pth'
        path.write_bytes(content)
        yield path
    np.save(folder / 'array.npy', np.ones(3))
    yield folder / 'array.npy'
    with zipfile.ZipFile(folder / 'zip.pth', 'w') as file:
        file.writestr('a.txt', 'text')
    yield folder / 'zip.pth'
    yield save(folder / 'module.pth', torch.nn.Linear(1, 1))
    scripted = folder / 'script.pth'
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(scripted))
    yield scripted


def test_wrong_files_are_refused_in_one_line(tmp_path):
    for path in wrong_files(tmp_path):
        with pytest.raises(ValueError) as caught:
            load_checkpoint(torch.nn.Linear(1, 1), str(path))
        message = str(caught.value)
        assert message.startswith('checkpoint must be a file of torch.save')
        assert f'but got {str(path)!r}: ' in message
        assert '\n' not in message
        # what torch.load raises is still caught by those who catch it
        assert isinstance(caught.value, (RuntimeError, pickle.PickleError))


def test_missing_file_is_named(tmp_path):
    path = str(tmp_path / 'missing.pth')
    with pytest.raises(FileNotFoundError, match='missing.pth'):
        load_checkpoint(torch.nn.Linear(1, 1), path)


def test_downloads_are_read_as_data_too(tmp_path):
    source, cache = tmp_path / 'source', tmp_path / 'cache'
    source.mkdir()
    good = save(source / 'good.pth', WEIGHTS)
    evil = save(source / 'evil.pth', dict(WEIGHTS, extra=Runs(os.getcwd)))
    loaded = mmengine_checkpoint.load_url(
        good.as_uri(), model_dir=str(cache), progress=False)
    assert loaded['state_dict']['bias'] == 1
    good.unlink()  # the second time it comes from the cache
    mmengine_checkpoint.load_url(good.as_uri(), model_dir=str(cache))
    with pytest.raises(ValueError, match='carries code'):
        mmengine_checkpoint.load_url(
            evil.as_uri(), model_dir=str(cache), progress=False)


def test_a_damaged_download_is_not_kept(tmp_path):
    source = save(tmp_path / 'a.pth', WEIGHTS)
    good = source.read_bytes()
    source.write_bytes(good[:-30])
    cache = tmp_path / 'cache'
    for _ in range(2):
        with pytest.raises(ValueError, match='cannot be read'):
            mmengine_checkpoint.load_url(
                source.as_uri(), str(cache), progress=False)
        assert list(cache.iterdir()) == []
    source.write_bytes(good)
    mmengine_checkpoint.load_url(source.as_uri(), str(cache), progress=False)
    cached = cache / 'a.pth'
    cached.write_bytes(good[:-30])  # whoever did that, it is not ours
    with pytest.raises(ValueError, match='cannot be read'):
        mmengine_checkpoint.load_url(source.as_uri(), str(cache))
    assert cached.exists()


def test_downloads_take_what_torch_hub_takes(tmp_path):
    source = save(tmp_path / 'good-00000000.pth', WEIGHTS)
    loaded = mmengine_checkpoint.load_url(
        source.as_uri(),
        str(tmp_path),
        file_name='other.pth',
        progress=False,
        map_location='meta')
    assert loaded['state_dict']['bias'].is_meta
    assert (tmp_path / 'other.pth').is_file()
    with pytest.raises(ValueError, match='invalid hash value'):
        mmengine_checkpoint.load_url(source.as_uri(), str(tmp_path / 'sub'),
                                     None, False, True)


@pytest.mark.parametrize(
    'name', ['a\0b', 'x' * 300, '\ud800', '', '.', 'pipe', '~nobody/x.pth'])
def test_names_that_no_file_has(tmp_path, name):
    os.mkfifo(tmp_path / 'pipe')
    path = name if name.startswith('~') else f'{tmp_path}/{name}'
    with pytest.raises(FileNotFoundError, match='there is no checkpoint'):
        load_from_local(path)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):

    def deny(*_):
        raise PermissionError(13, 'Permission denied', 'a.pth')

    path = save(tmp_path / 'a.pth', WEIGHTS)
    monkeypatch.setattr(torch_file, 'open', deny, raising=False)
    with pytest.raises(ValueError, match="a.pth': it cannot be read .*denied"):
        load_from_local(path)


@pytest.mark.parametrize('url', [
    'http://127.0.0.1:9/a.pth', 'file:///no/such/file.pth', 'nonsense',
    'http://127.0.0.1:9/' + 'x' * 300, 'http://[/a.pth', 'ftp://', '',
    'file:///etc/passwd%00', 'http://127.0.0.1:9/a b\n.pth'
])
def test_addresses_that_cannot_be_loaded(tmp_path, url):
    with pytest.raises(ValueError) as caught:
        mmengine_checkpoint.load_url(url, str(tmp_path), progress=False)
    message = str(caught.value)
    assert message.startswith('checkpoint ') and repr(url)[1:9] in message
    assert '\n' not in message and len(message) < 1000


def test_advice_to_run_the_code_is_left_out(tmp_path):
    path = save(tmp_path / 'a.pth', WEIGHTS, pickle_protocol=4)
    with pytest.raises(ValueError, match='Unsupported operand') as caught:
        load_from_local(path)
    assert 'weights_only' not in str(caught.value)
