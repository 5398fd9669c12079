"""Case odd_names, and what a terminal shows with ``--progress``."""
import json
from pathlib import Path

import pytest
from small_data import make_data, run_tool, save, write_config

# TeX that matplotlib cannot parse, and signs that its own font lacks
CLASSES = ('$\\frac$', '跳高')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A training with a progress bar, and its folder."""
    folder = tmp_path_factory.mktemp('odd_names')
    save(folder, make_data(folder, classes=CLASSES))
    config = write_config(folder)
    return folder, run_tool('train.py', config, '--progress', cwd=folder)


def test_the_terminal_shows_the_progress_alone(trained):
    folder, done = trained
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    for detail in ('System environment', 'optim_wrapper', 'Epoch(train)'):
        assert detail not in shown
    lines = [line for line in shown.splitlines() if 'epoch' in line.lower()]
    assert any('1' in line and 'loss' in line for line in lines)
    log, = Path(folder, 'work_dirs').rglob('*.log')
    text = log.read_text()
    for detail in ('System environment', 'optim_wrapper', 'Epoch(train)',
                   'CPU threads: 1'):
        assert detail in text


def test_pictures_and_predictions_of_odd_names(trained):
    folder, _ = trained
    done = run_tool(
        'test.py',
        folder / 'my_config.py',
        folder / 'work_dirs/my_config/epoch_2.pth',
        f'--out={folder}/p.json',
        f'--show-dir={folder}/shown',
        cwd=folder)
    assert done.returncode == 0, done.stderr
    assert 'Glyph' not in done.stdout + done.stderr
    assert len(list((folder / 'shown').glob('*.png'))) == 3
    results = json.loads((folder / 'p.json').read_text())['results']
    labels = {each['label'] for video in results.values() for each in video}
    assert labels == set(CLASSES)
