"""Annotation files as the world has them, through the command line."""
import codecs

import numpy as np
import pytest
from small_data import make_data, run_tool, save, write_config


def last_line(done):
    """What a user reads last of a command that was refused."""
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stderr.strip().splitlines()[-1]


def test_published_oddities_are_trained_and_counted(tmp_path):
    """Reversed and ignored actions, a byte order mark, ids with folders."""
    database = make_data(tmp_path)
    database['vid_001']['annotations'][1]['segment'].reverse()
    database['vid_007']['annotations'][0]['segment'].reverse()
    database['vid_002']['annotations'].append(
        dict(segment=[1, 2], label='Ambiguous'))
    database['sub/vid'] = database.pop('vid_000')
    features = tmp_path / 'features'
    (features / 'sub').mkdir()
    (features / 'vid_000.npy').rename(features / 'sub/vid.npy')
    path = save(tmp_path, database)
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    body = '\n'.join(
        f"{name}_dataloader = dict(dataset=dict(ignore_labels=['Ambiguous']))"
        for name in ('train', 'val', 'test'))
    config = write_config(tmp_path, body)
    done = run_tool(
        'train.py', config, '--work-dir', tmp_path / 'work', cwd=tmp_path)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-3000:]
    start, end = database['vid_001']['annotations'][1]['segment']
    assert ('1 actions in 1 of 6 videos end before they start: '
            f"'vid_001' [{start}, {end}];") in log
    assert "1 actions in 1 of 3 videos end before they start: 'vid_007'" in log
    assert 'ignored 1 annotations in 1 of 6 videos' in log
    assert '|       6 |' in log  # six actions are evaluated, one reversed


def repeat_key(folder, database):
    path = save(folder, database)
    path.write_text(path.read_text().replace('"vid_002"', '"vid_001"'))


def leave_the_folder(folder, database):
    np.save(folder / 'secret.npy', np.ones((64, 16), np.float32))
    database['../secret'] = database.pop('vid_000')
    save(folder, database)


def list_labels(folder, database):
    database['vid_000']['annotations'][1]['label'] = ['run', 'jump']
    save(folder, database)


@pytest.mark.parametrize('spoil, words', [
    (repeat_key, "must have every key once, but has 'vid_001' more than once"),
    (leave_the_folder, "video id '../secret' of "),
    (list_labels, "label of annotation 1 of video 'vid_000' must be one class "
     "name, but got ['run', 'jump']; write one annotation per label"),
])
def test_other_oddities_are_refused(tmp_path, spoil, words):
    spoil(tmp_path, make_data(tmp_path))
    done = run_tool('train.py', write_config(tmp_path), cwd=tmp_path)
    assert words in last_line(done)
    assert not list(tmp_path.rglob('*.pth'))
