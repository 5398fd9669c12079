import json
import pickle
import sys

import h5py
import numpy as np
import pytest
import torch

from dyfadet_mm.fileio import HDF5Reader, NpyReader

NAMES = ('v_a', 'v_b', 'v_c')


@pytest.fixture
def feats():
    """Features of three videos, with values that float16 has to round."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=(i + 3, 4)).astype(np.float32)
        for i, name in enumerate(NAMES)
    }


@pytest.fixture
def source(tmp_path, feats):
    """A folder of npz files, with others that are none of our business."""
    folder = tmp_path / 'npz'
    folder.mkdir()
    for name, value in feats.items():
        np.savez(folder / f'{name}.npz', feats=value, fps=30)
    (folder / 'README.txt').write_text('mine')
    return folder


@pytest.fixture
def pack(converter, capsys):
    """Run the script; answers its exit status and its last words."""

    def run(*args,
            options=('--reader', 'NpzReader', '--reader-options',
                     'key=feats')):
        try:
            converter('feature_pack').main([*map(str, args), *options])
        except SystemExit as error:
            return 1, error.code
        return 0, capsys.readouterr().out

    return run


def _contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*') if path.is_file()
    }


def _read(out, name):
    if out.suffix == '.hdf5':
        return HDF5Reader().read(f'{out}/{name}', name)
    return NpyReader().read(str(out / f'{name}.npy'), name)


@pytest.mark.parametrize('out', ['npy', 'all.hdf5', 'new/all.hdf5'])
@pytest.mark.parametrize('half', [(), ('--float16', )])
def test_a_folder_is_rewritten(pack, source, tmp_path, feats, out, half):
    status, text = pack(source, tmp_path / out, *half)
    assert status == 0 and f'3 of 3 videos are in {tmp_path / out}' in text
    for name, value in feats.items():
        wanted = value.astype(np.float16) if half else value
        assert np.array_equal(_read(tmp_path / out, name), wanted)
    if out == 'npy':
        files = {path.name for path in (tmp_path / out).iterdir()}
        assert files == {f'{name}.npy' for name in NAMES}
        stored = np.load(tmp_path / out / 'v_a.npy')
    else:
        with h5py.File(tmp_path / out) as file:
            assert set(file) == set(NAMES)
            stored = file['v_a'][()]
        assert [p.name for p in (tmp_path / out).parent.glob('.*')] == []
    assert stored.dtype == (np.float16 if half else np.float32)


def test_an_hdf5_file_is_rewritten(pack, source, tmp_path, feats):
    pack(source, tmp_path / 'all.hdf5')
    status, _ = pack(
        tmp_path / 'all.hdf5',
        tmp_path / 'npy',
        options=('--reader', 'HDF5Reader', '--prefix', 'v_'))
    assert status == 0
    for name, value in feats.items():
        assert np.array_equal(_read(tmp_path / 'npy', name), value)


def _pickles(folder, videos):
    """Write HACS's layout, a folder per subset."""
    for name, (subset, value) in videos.items():
        (folder / subset).mkdir(parents=True, exist_ok=True)
        channels = torch.from_numpy(value.T[None].copy())
        (folder / subset / f'{name}.pkl').write_bytes(
            pickle.dumps(
                dict(
                    slow_feature=channels[:, :3], fast_feature=channels[:,
                                                                        3:])))


def test_videos_of_an_annotation_file_come_from_their_subsets(
        pack, tmp_path, feats):
    _pickles(
        tmp_path / 'pkl', {
            name: ('training' if name == 'v_a' else 'validation', value)
            for name, value in feats.items()
        })
    database = dict(a=dict(subset='Training'), c=dict(subset='validation'))
    (tmp_path / 'ann.json').write_text(json.dumps(dict(database=database)))
    status, text = pack(
        tmp_path / 'pkl' / '{subset}',
        tmp_path / 'npy',
        options=('--reader', 'SlowFastPickleReader', '--prefix', 'v_',
                 '--feat-dim', '4', '--ann-file', str(tmp_path / 'ann.json')))
    assert status == 0 and '2 of 2' in text
    files = {path.name for path in (tmp_path / 'npy').iterdir()}
    assert files == {'v_a.npy', 'v_c.npy'}
    assert np.array_equal(_read(tmp_path / 'npy', 'v_c'), feats['v_c'])


@pytest.mark.parametrize('out', ['npy', 'all.hdf5'])
def test_unreadable_videos_are_left_out_and_listed(pack, source, tmp_path,
                                                   feats, out):
    (source / 'v_b.npz').write_bytes(b'PK, but not for long')
    np.savez(source / 'v_d.npz', feats=np.ones((3, 5)))
    np.savez(source / 'v_e.npz', feats=np.full((3, 4), np.nan))
    status, text = pack(source, tmp_path / out)
    assert status == 1
    first, *lines = text.split('\n')
    assert first == '3 left out:' and len(lines) == 3
    assert "'v_b'" in lines[0] and 'complete npz' in lines[0]
    assert "'v_d'" in lines[1] and '(T, 4), but got (3, 5)' in lines[1]
    assert "'v_e'" in lines[2] and 'finite' in lines[2]
    for name in ('v_a', 'v_c'):
        assert np.array_equal(_read(tmp_path / out, name), feats[name])
    with pytest.raises(FileNotFoundError):
        _read(tmp_path / out, 'v_b')


def test_missing_videos_are_listed(pack, source, tmp_path):
    database = {name: dict(subset='a') for name in (*NAMES, 'v_x')}
    (tmp_path / 'ann.json').write_text(json.dumps(dict(database=database)))
    status, text = pack(source, tmp_path / 'npy', '--ann-file',
                        tmp_path / 'ann.json')
    assert status == 1 and "no features for video 'v_x'" in text


@pytest.mark.parametrize('out', ['npy', 'all.hdf5'])
def test_what_float16_cannot_hold_is_refused_by_name(pack, source, tmp_path,
                                                     out):
    np.savez(source / 'v_b.npz', feats=np.full((3, 4), -7e4))
    status, text = pack(source, tmp_path / out, '--float16')
    assert status == 1 and text.startswith('1 left out:')
    assert "'v_b'" in text and '65504 to fit float16, but got 70000' in text


def test_nothing_readable_makes_no_file(pack, source, tmp_path):
    for name in NAMES:
        (source / f'{name}.npz').write_bytes(b'')
    before = _contents(tmp_path)
    assert pack(source, tmp_path / 'all.hdf5')[0] == 1
    assert _contents(tmp_path) == before


@pytest.mark.parametrize('out', ['npy', 'all.hdf5', 'file'])
def test_nothing_is_overwritten(pack, source, tmp_path, out):
    (tmp_path / 'npy').mkdir()
    for path in ('npy/v_a.npy', 'all.hdf5', 'file'):
        (tmp_path / path).write_text('mine')
    before = _contents(tmp_path)
    status, text = pack(source, tmp_path / out)
    assert status == 1 and text.startswith('FileExistsError: ')
    assert str(tmp_path / out) in text and '\n' not in text
    assert _contents(tmp_path) == before


def test_a_folder_is_completed(pack, source, tmp_path, feats):
    out = tmp_path / 'npy'
    pack(source, out)
    (out / 'v_b.npy').unlink()
    (out /
     '.v_b.npy.0123456789ab.part').write_bytes(b'of a run that was killed')
    kept = (out / 'v_a.npy').stat().st_mtime_ns
    status, text = pack(source, out, '--resume')
    assert status == 0 and '3 of 3' in text
    assert np.array_equal(_read(out, 'v_b'), feats['v_b'])
    assert {path.name for path in out.iterdir()} == {f'{n}.npy' for n in NAMES}
    assert (out / 'v_a.npy').stat().st_mtime_ns == kept


def test_completing_reports_what_differs_and_leaves_it(pack, source, tmp_path):
    out = tmp_path / 'npy'
    pack(source, out)
    np.save(out / 'v_b.npy', np.zeros((4, 4), np.float32))
    (out / 'v_c.npy').write_bytes(b'\x93NUMPY')
    before = _contents(out)
    status, text = pack(source, out, '--resume')
    first, *lines = text.split('\n')
    assert status == 1 and first == '2 left out:'
    assert "'v_b'" in lines[0] and 'they differ; remove the file' in lines[0]
    assert "'v_c'" in lines[1] and 'complete npy' in lines[1]
    assert _contents(out) == before


@pytest.mark.parametrize('out', ['npy', 'all.hdf5'])
def test_an_interrupted_run_leaves_no_half_file(converter, pack, source,
                                                tmp_path, monkeypatch, out):
    tool = converter('feature_outputs')
    verify, calls = tool.verify, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        verify(*args)

    monkeypatch.setattr(tool, 'verify', interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(source, tmp_path / out)
    if out == 'npy':
        assert [path.name
                for path in (tmp_path / out).iterdir()] == ['v_a.npy']
        _read(tmp_path / out, 'v_a')
    else:
        assert [path.name for path in tmp_path.iterdir()] == ['npz']


@pytest.mark.parametrize('out', ['npy', 'all.hdf5'])
def test_what_was_written_wrongly_is_noticed(converter, pack, source, tmp_path,
                                             monkeypatch, out):
    # storage that loses bytes, below the script
    monkeypatch.setattr(np, 'save', lambda file, x: file.write(b'\x93NUMPY'))
    monkeypatch.setattr(
        h5py.File, '__setitem__',
        lambda file, name, x: file.create_dataset(name, data=np.zeros_like(x)))
    status, text = pack(source, tmp_path / out)
    assert status == 1 and text.startswith('ValueError') and "'v_a'" in text
    assert not list(tmp_path.rglob('*v_a.npy'))
    assert not list(tmp_path.rglob('*all.hdf5'))


@pytest.mark.parametrize('args, words', [
    (('npz', 'out', '--reader', 'MyReader'), "--reader must be one of ['CSVR"),
    (('npz', 'out', '--reader-options', 'kay=feats'), 'TypeError'),
    (('npz', 'out', '--suffix', '.npx'), 'must have features, but got none'),
    (('nowhere', 'out'), 'nowhere'),
    (('npz', 'out.h5', '--resume'), '--resume must be used with a folder'),
    (('npz', 'out', '--ann-file', 'nowhere.json'), 'no annotation file at'),
    (('npz', 'out', '--ann-file', 'away.json'),
     "video id '../a' of 'away.json' must be the name"),
])
def test_mistakes_end_in_one_line(pack, source, tmp_path, monkeypatch, args,
                                  words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'away.json').write_text('{"database": {"../a": {}}}')
    before = _contents(tmp_path)
    options = () if '--reader' in args else ('--reader', 'NpzReader')
    status, text = pack(*args, options=options)
    assert status == 1 and words in text and '\n' not in text
    assert _contents(tmp_path) == before


def test_without_h5py_it_says_how_to_install_it(pack, source, tmp_path,
                                                monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    status, text = pack(source, tmp_path / 'all.hdf5')
    assert status == 1 and 'pip install h5py' in text


def test_the_script_runs_by_itself(run_script, source, tmp_path):
    printed = run_script('feature_pack', source, tmp_path / 'npy', '--reader',
                         'NpzReader', '--reader-options', 'key=feats')
    assert '[' in printed and '3/3' in printed  # the progress bar
    assert (tmp_path / 'npy' / 'v_a.npy').is_file()
