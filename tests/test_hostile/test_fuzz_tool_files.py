"""Files of annotation tools that are wrong: refused by name, or read."""
import importlib

import pytest
from data_cases import run_main, scripts
from harness import check_case, seeds
from mutators import mutate_bytes

from dyfadet_mm.fileio.annotation_tools import (Action, ToolVideo, write_cvat,
                                                write_elan, write_label_studio,
                                                write_table, write_via)


@pytest.fixture(scope='module')
def tool():
    """The converter as a module; pympi is imported before files are watched.
    """
    pytest.importorskip('pympi')
    with scripts('dataset_converters'):
        yield importlib.import_module('annotations_to_tad')


@pytest.fixture
def files(tmp_path):
    """A right file of every format."""
    actions = [Action(1, 2, 'run'), Action(1.5, 4, 'jump')]
    video = ToolVideo(actions, duration=9., fps=25., file='a.mp4')
    names = ['run', 'jump']
    path = str(tmp_path / 'right')
    return {
        name: open(file, 'rb').read()
        for name, file in zip((
            'ls.json', 'labels.xml', 'via.json', 't.csv', 'a.xml', 'a.eaf'), (
                *write_label_studio(path + '.json', dict(a=video), names),
                *write_via(path + '.via', dict(a=video), names),
                *write_table(path + '.csv', dict(a=video), names),
                *write_cvat(path + '.cvat', 'a', video, names),
                *write_elan(path + '.eaf', 'a', video, names)))
    }


def test_mutated_files_of_tools(files, tool, tmp_path, num_cases):
    folder = tmp_path / 'data'
    folder.mkdir()
    (folder / 'd.csv').write_text('video_id,duration,fps\na,9,25\n')
    ends = []
    for rng in seeds('tool files', num_cases):
        wrong = rng.choice(list(files))
        for name, content in files.items():
            if name == wrong:
                content = mutate_bytes(rng, content, rng.randrange(1, 4))
            (folder / name).write_bytes(content)
        read = 'ls.json' if wrong == 'labels.xml' else wrong
        out = folder / 'out.json'
        out.unlink(missing_ok=True)
        error = check_case(
            lambda:
            run_main(tool.main, folder / read, '--labeling-config', folder /
                     'labels.xml', '--videos', folder / 'd.csv', '--out', out),
            folder,
            names=[wrong, 'out.json', "video '", 'labelling config'])
        assert out.exists() is (error is None)
        ends.append(error is None)
    assert 0 < sum(ends) < len(ends)
