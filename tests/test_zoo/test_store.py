"""The zoo against a server on loopback, with its own table."""
import hashlib
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from dyfadet_mm.conversion import convert_config, convert_state_dict
from dyfadet_mm.fileio import WriteError
from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils import register_all_modules
from dyfadet_mm.zoo.store import cache_dir, fetch
from dyfadet_mm.zoo.table import TABLE

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests/data/golden'
NAME = 'opentad-thumos14-videomaev2-g'


def as_published(state_dict):
    """A checkpoint as both code bases write one."""
    weights = {f'module.{k}': v for k, v in state_dict.items()}
    return dict(epoch=3, state_dict={}, state_dict_ema=weights)


def to_bytes(checkpoint):
    """The file that holds a checkpoint."""
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    return buffer.getvalue()


@pytest.fixture(scope='module')
def weights():
    return torch.load(
        GOLDEN / 'thumos_like.pt', weights_only=True)['state_dict']


@pytest.fixture(scope='module')
def published(weights, tmp_path_factory):
    """Path of a published checkpoint."""
    path = tmp_path_factory.mktemp('published') / 'epoch_003.pth.tar'
    torch.save(as_published(weights), path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The zoo's folder in an empty cache."""
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'home'))
    return tmp_path / 'home' / 'dyfadet_mm'


@pytest.fixture
def mirror(server, published, monkeypatch):
    """A server with the checkpoint under its name."""
    server.files[f'/weights/{NAME}.pth'] = published.read_bytes()
    monkeypatch.setenv('DYFADET_MM_MIRROR', f'{server.url}/weights/')
    return server


def files(folder):
    """Every file below a folder but locks."""
    return sorted(
        str(each.relative_to(folder)) for each in folder.rglob('*')
        if each.is_file() and each.suffix != '.lock')


def test_cache_lies_in_that_of_mmengine(cache):
    assert cache_dir() == str(cache)


def test_weights_are_downloaded_once_and_converted(mirror, cache, weights):
    for _ in range(2):
        checkpoint = CheckpointLoader.load_checkpoint(f'dyfadet://{NAME}')
    expected = convert_state_dict(weights)
    assert checkpoint['state_dict'].keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(checkpoint['state_dict'][key], value)
    assert checkpoint['meta']['source'] == 'OpenTAD'
    assert len(mirror.requests) == 1
    assert files(cache) == [f'{NAME}.pth']


def test_address_for_mim_names_the_same_weights(mirror, cache):
    checkpoint = CheckpointLoader.load_checkpoint(
        f'{TABLE[NAME].url}#/{NAME}.pth')
    assert 'head.conv_cls.bias' in checkpoint['state_dict']
    assert files(cache) == [f'{NAME}.pth']


def test_weights_of_opentad_fit_their_config(mirror):
    golden = torch.load(GOLDEN / 'opentad_thumos_like.pt', weights_only=True)
    mirror.files[f'/weights/{NAME}.pth'] = to_bytes(
        dict(state_dict={}, state_dict_ema=golden['state_dict']))
    register_all_modules(init_default_scope=False)
    model = MODELS.build(convert_config(golden['config']))
    load_checkpoint(model, f'dyfadet://{NAME}', strict=True)


def test_several_callers_share_one_download(mirror):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(NAME)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 4
    assert len(mirror.requests) == 1


def test_broken_connection_is_taken_up(mirror, cache):
    mirror.breaks = [200_000, 400_000]
    assert Path(fetch(NAME)).is_file()
    assert files(cache) == [f'{NAME}.pth']


def test_later_run_completes_what_an_earlier_one_began(mirror, cache):
    mirror.breaks = [200_000, 0, 0]
    with pytest.raises(ConnectionError):
        fetch(NAME)
    assert not (cache / f'{NAME}.pth').exists()
    mirror.breaks.clear()
    fetch(NAME)
    assert mirror.requests[-1][1] is not None
    assert files(cache) == [f'{NAME}.pth']


@pytest.mark.parametrize('known, message', [
    (dict(size=1234), 'bytes, not 1234'),
    (dict(sha256='0' * 64), 'its sha256 is .*, not 0000'),
])
def test_other_file_than_the_known_one(mirror, cache, published, monkeypatch,
                                       known, message):
    monkeypatch.setitem(TABLE, NAME, TABLE[NAME]._replace(**known))
    with pytest.raises(ValueError, match=message) as error:
        fetch(NAME)
    assert mirror.url in str(error.value)
    assert files(cache) == []
    content = published.read_bytes()
    monkeypatch.setitem(
        TABLE, NAME, TABLE[NAME]._replace(
            size=len(content), sha256=hashlib.sha256(content).hexdigest()))
    assert Path(fetch(NAME)).is_file()


class Bomb:

    def __reduce__(self):
        return os.mkdir, ('code of the checkpoint ran', )


@pytest.mark.parametrize('make, message', [
    (lambda good: good[:len(good) // 2], 'cannot be read'),
    (lambda good: b'<html>an error', 'torch.save did not write it'),
    (lambda good: b'', 'torch.save did not write it'),
    (lambda good: to_bytes(dict(state_dict_ema=Bomb())), 'carries code'),
    (lambda good: to_bytes(dict(model=torch.ones(1))),
     "hold 'state_dict_ema'"),
    (lambda good: to_bytes(as_published(dict(nonsense=torch.ones(1)))),
     'nonsense'),
])
def test_file_that_is_no_such_checkpoint(mirror, cache, published, tmp_path,
                                         monkeypatch, make, message):
    monkeypatch.chdir(tmp_path)
    good = published.read_bytes()
    mirror.files[f'/weights/{NAME}.pth'] = make(good)
    with pytest.raises(ValueError, match=message):
        fetch(NAME)
    assert files(cache) == []
    assert not Path('code of the checkpoint ran').exists()
    mirror.files[f'/weights/{NAME}.pth'] = good
    assert Path(fetch(NAME)).is_file()


def spoil(weights, value):
    """The weights with one value in the last of floats."""
    weights = {k: v.clone() for k, v in weights.items()}
    list(weights.values())[-1].view(-1)[0] = value
    return weights


@pytest.mark.parametrize('make, message', [
    (lambda good: dict(list(good.items())[:5]), 'but holds 5'),
    (lambda good: dict(list(good.items())[:-1]), 'must hold the 260 weights'),
    (lambda good: spoil(good, float('nan')), 'NaN or infinite'),
    (lambda good: spoil(good, float('inf')), 'NaN or infinite'),
])
@pytest.mark.parametrize('by_hand', [False, True])
def test_incomplete_weights_are_not_kept(mirror, cache, weights, make, message,
                                         by_hand):
    bad = to_bytes(as_published(make(weights)))
    if by_hand:
        (cache / 'downloads').mkdir(parents=True)
        (cache / 'downloads' / f'{NAME}.pth').write_bytes(bad)
    mirror.files[f'/weights/{NAME}.pth'] = bad
    with pytest.raises(ValueError, match=message):
        fetch(NAME)
    assert not (cache / f'{NAME}.pth').exists()


@pytest.mark.parametrize('checkpoint', [
    dict(state_dict_ema=3, a=torch.ones(1)),
    dict(state_dict_ema={1: torch.ones(1)}),
    dict(state_dict_ema={'a' * 5000: torch.ones(1)}),
    {
        f'{i}' * 100: torch.ones(1)
        for i in range(999)
    },
])
def test_other_contents_are_refused_in_a_short_line(tmp_path, checkpoint):
    path = tmp_path / 'a.pth'
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match='a.pth') as error:
        CheckpointLoader.load_checkpoint(f'dyfadet://{path}')
    assert len(str(error.value)) < 2000


def test_a_flipped_bit_is_noticed(mirror, cache, published):
    good = published.read_bytes()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 4
    mirror.files[f'/weights/{NAME}.pth'] = bytes(bad)
    with pytest.raises(ValueError, match='CRC'):
        fetch(NAME)
    mirror.files[f'/weights/{NAME}.pth'] = good
    cached = Path(fetch(NAME))
    bad = bytearray(cached.read_bytes())
    bad[len(bad) // 2] ^= 4
    cached.write_bytes(bad)
    with pytest.raises(ValueError, match='CRC'):
        CheckpointLoader.load_checkpoint(f'dyfadet://{NAME}')


@pytest.mark.parametrize('exists', [False, True])
def test_links_in_the_cache_are_not_written(mirror, cache, tmp_path, exists):
    (cache / 'downloads').mkdir(parents=True)
    names = [
        f'{NAME}.pth.lock', f'{NAME}.pth.tmp', f'downloads/{NAME}.pth.part',
        f'downloads/{NAME}.pth.part.version'
    ]
    victims = [tmp_path / f'victim {i}' for i in range(5)]
    for victim, name in zip(victims, [*names, f'{NAME}.pth']):
        if exists and victim is not victims[4]:
            victim.write_text('mine')
        (cache / name).symlink_to(victim)
    assert Path(fetch(NAME)).is_file()
    assert not Path(fetch(NAME)).is_symlink()
    for victim in victims:
        assert not victim.exists() or victim.read_text() == 'mine'
    assert victims[0].exists() == exists


def test_cache_that_cannot_be_written(mirror, cache):
    cache.parent.write_text('a file in the place of the folder')
    with pytest.raises(WriteError, match='set MMENGINE_HOME'):
        fetch(NAME)


def test_error_says_how_to_fetch_by_hand(server, cache, published,
                                         monkeypatch):
    monkeypatch.setenv('DYFADET_MM_MIRROR', server.url)
    with pytest.raises(ConnectionError) as error:
        CheckpointLoader.load_checkpoint(f'dyfadet://{NAME}')
    by_hand = cache / 'downloads' / f'{NAME}.pth'
    assert f'Fetch {server.url}/{NAME}.pth by hand' in str(error.value)
    assert f'save the file as {by_hand} ' in str(error.value)
    server.requests.clear()
    by_hand.write_bytes(published.read_bytes())
    CheckpointLoader.load_checkpoint(f'dyfadet://{NAME}')
    assert server.requests == [] and by_hand.is_file()


def test_wrong_file_by_hand_is_named_and_kept(cache):
    by_hand = cache / 'downloads' / f'{NAME}.pth'
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b'<html>')
    with pytest.raises(ValueError, match=str(by_hand)):
        fetch(NAME)
    assert files(cache) == [f'downloads/{NAME}.pth']


def test_published_checkpoint_by_its_path(published, weights, cache):
    checkpoint = CheckpointLoader.load_checkpoint(f'dyfadet://{published}')
    assert checkpoint['state_dict'].keys() == convert_state_dict(
        weights).keys()
    assert not cache.exists()


@pytest.mark.parametrize('name', ['nonsense', '', '/no/such/file.pth'])
def test_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ValueError, match='digit-streams.*opentad') as error:
        CheckpointLoader.load_checkpoint(f'dyfadet://{name}')
    assert repr(name) in str(error.value)


def test_importing_the_package_reads_no_more_than_the_table():
    code = ('import sys, dyfadet_mm; print(*sys.modules, sep="\\n")')
    loaded = subprocess.run([sys.executable, '-c', code],
                            cwd=ROOT,
                            capture_output=True,
                            text=True,
                            check=True).stdout.split()
    assert 'dyfadet_mm.zoo.table' in loaded
    assert not {'dyfadet_mm.zoo.store', 'requests', 'filelock'} & set(loaded)


def test_shipped_weights_need_no_network(cache):
    checkpoint = CheckpointLoader.load_checkpoint('dyfadet://digit-streams')
    assert checkpoint.keys() == {'meta', 'state_dict'}
    assert {x.dtype for x in checkpoint['state_dict'].values()} == {
        torch.float32}  # yapf: disable
    assert os.path.getsize(fetch('digit-streams')) < 2.2 * 10**6
    assert not cache.exists()
