"""What the tests of the annotation converters share."""
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dyfadet_mm.fileio import (load_database, parse_video, resolve_classes,
                               select_subset)

FOLDER = Path(__file__).resolve().parents[3] / 'tools/dataset_converters'


@pytest.fixture(scope='session')
def converter():
    """Import a script by its name; scripts import others of their folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture
def refused(converter, capsys):
    """Run a script that must fail with one line, and return that."""

    def run(name, *args):
        with pytest.raises(SystemExit) as info:
            converter(name).main([str(arg) for arg in args])
        assert '\n' not in info.value.code
        return info.value.code

    return run


@pytest.fixture
def run_script():
    """Run a script as a user does, and return what it prints."""

    def run(name, *args):
        done = subprocess.run(
            [sys.executable,
             str(FOLDER / f'{name}.py'), *map(str, args)],
            env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore'),
            capture_output=True,
            text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture
def write_json(tmp_path):
    """Write an object into a new file."""

    def write(name, content):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def read_back():
    """Read videos of a subset as a data set does.

    Returns the classes, and by video id (duration, fps, actions), each action
    as (start, end, label).
    """

    def read(path, subset, fps=None, classes=None):
        database = load_database(str(path))
        classes = resolve_classes(database, classes)
        ids = {name: label for label, name in enumerate(classes)}
        videos = {}
        for video_id, entry in select_subset(database, subset).items():
            info = parse_video(video_id, entry, ids, fps)
            videos[video_id] = (info['duration'], info['fps'], [
                (*segment, label) for segment, label in zip(
                    info['segments_s'].tolist(), info['labels_s'].tolist())
            ])
        return classes, videos

    return read


@pytest.fixture
def video():
    """Make an entry of an official file in the layout of ActivityNet."""

    def make(subset, duration, *actions, **fields):
        annotations = [
            dict(segment=[start, end], label=label)
            for start, end, label in actions
        ]
        return dict(
            subset=subset,
            duration=duration,
            url='https://example.org',
            resolution='320x240',
            annotations=annotations,
            **fields)

    return make


@pytest.fixture
def official(video):
    """Make such a file; its first video has an action of every class."""

    def make(names, **videos):
        actions = [(float(i), i + 0.5, name) for i, name in enumerate(names)]
        return dict(
            version='VERSION 1.3',
            taxonomy=[dict(nodeName=names[0], nodeId=1)],
            database=dict(all=video('training', 900.5, *actions), **videos))

    return make
