"""Settings tuned on raw predictions are those of the test script."""
import json
import re
import sys
from importlib import import_module, util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from one_step import load_tool
from small_data import ROOT, make_data, run_tool, save, write_config

from dyfadet_mm.engine import merge_options
from dyfadet_mm.fileio import raw_paths, save_raw_facts, save_raw_video

PLUS = 'dyfadet_mm::dyfadet/dyfadet-plus_custom.py'


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools/analysis_tools'))
        yield import_module('tune_postprocess')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Features, annotations and class scores of four videos to test on."""
    folder = tmp_path_factory.mktemp('data')
    database = make_data(folder, n_train=1, n_val=4)
    save(folder, database)
    scores = {key: [0.9 - i / 10, 0.3] for i, key in enumerate(database)}
    content = dict(results=scores, classes=['run', 'jump'])  # not their order
    (folder / 'scores.json').write_text(json.dumps(content))
    return folder


@pytest.fixture
def dump(data, tmp_path):
    """Test random weights as tools/test.py does; gives folder and --out."""

    def _dump(name='raw',
              body='',
              base=None,
              dtype='float32',
              force=False,
              seed=0):
        config = write_config(data, body, **(dict(base=base) if base else {}))
        out = tmp_path / f'{name}.json'
        test = load_tool('test')
        args = [
            str(config), '', f'--out={out}', f'--dump-raw={tmp_path / name}',
            f'--raw-dtype={dtype}', f'--work-dir={tmp_path / "work"}'
        ]
        args += ['--force'] * force
        cfg = test.merge_args(Config.fromfile(config), test.parse_args(args))
        cfg.load_from, cfg.randomness = None, dict(seed=seed)
        runner = Runner.from_cfg(cfg)
        with torch.no_grad():  # candidates of all lengths and scores
            for conv in (runner.model.head.conv_cls,
                         runner.model.head.conv_reg):
                conv.weight.mul_(20)
            conv.bias.fill_(2.)
        runner.test()
        return str(tmp_path / name), out

    return _dump


@pytest.fixture
def detect(tool, data, tmp_path):
    """Detections of the tool with the settings of the config, as text."""

    def _detect(*folders):
        out = tmp_path / 'ours.json'
        annotations = str(data / 'annotations.json')
        tool.main([
            *folders, annotations, '--subset=validation', '--trials=0',
            f'--out={out}'
        ])
        return out.read_text()

    return _detect


RANGES = [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)]
PEER = f'''model = dict(
    backbone=dict(_delete_=True, type='SGPBackbone', in_channels=16,
        embed_channels=16, kernel_size=3, arch=(2, 2, 5), mlp_channels=16),
    head=dict(_delete_=True, type='%s', num_classes=2, in_channels=16,
        feat_channels=16, regression_ranges={RANGES}))'''
WINDOWS = 'model = dict(window=dict(size=40))'
FUSED = '''custom_hooks = [dict(type='ScoreFusionHook')]
test_dataloader = dict(dataset=dict(class_agnostic=True))
model = dict(
    head=dict(num_classes=1),
    postprocessor=dict(
        voting_thr=0.7, nms=dict(class_wise=False, max_num=50)),
    score_fusion=dict(
        type='ScoreFusion', score_file=data_root + 'scores.json'))'''


@pytest.mark.parametrize(
    'recipe', [
        dict(body=FUSED),
        dict(body=WINDOWS, base=PLUS),
        dict(body=PEER % 'TridentHead'),
        dict(body=PEER % 'ConvHead'),
    ],
    ids=['dyhead', 'dytrident', 'trident', 'conv'])
def test_detections_are_those_of_the_test_script(recipe, dump, detect):
    """With external scores and voting, in windows, and of the peers."""
    folder, out = dump(**recipe)
    assert detect(folder) == out.read_text()
    assert min(map(len, json.loads(out.read_text())['results'].values())) > 9


def test_folders_are_averaged_and_replaced_only_if_asked(dump, detect, tool):
    """A detector with itself is itself; with another it is neither."""
    folder, out = dump('one')
    other, _ = dump('two', base=PLUS, seed=1)  # with segments for every class
    assert detect(folder, folder) == out.read_text()
    mean = json.loads(detect(folder, other))['results']
    one, two = (tool.read_folders([x]).videos for x in (folder, other))
    best = {
        key:
        np.max([(a[1] + b[1]).max() / 2
                for a, b in zip(one[key].levels, two[key].levels)])
        for key in one
    }
    assert {k: v[0]['score'] for k, v in mean.items()} == pytest.approx(best)
    before = Path(folder, 'vid_001.npz').read_bytes()
    with pytest.raises(FileExistsError, match='new or empty.*--force'):
        dump('one', base=PLUS)
    assert Path(folder, 'vid_001.npz').read_bytes() == before
    dump('one', dtype='float16', force=True)
    assert np.load(Path(folder, 'vid_001.npz'))['scores'].dtype == np.float16


def test_what_is_pasted_detects_what_out_has(tool, data, dump, tmp_path,
                                             capsys, monkeypatch):
    """Of a detector that says one action a class: more of them gain."""
    body = 'model = dict(postprocessor=dict(nms=dict(max_num=1)))'
    folder, _ = dump(body=body)
    out, numbers = tmp_path / 'tuned.json', tmp_path / 'numbers.json'
    monkeypatch.setitem(sys.modules, 'optuna', None)
    grid = {'nms.max_num': (1, 100), 'nms.method': ('linear', 'gaussian')}
    monkeypatch.setattr(sys.modules['postprocess_search'], 'GRID', grid)
    tool.main([
        folder,
        str(data / 'annotations.json'), '--subset=validation', '--tiou=0.1',
        f'--out={out}', f'--json={numbers}'
    ])
    text = capsys.readouterr().out
    assert '2 videos choose the settings, 2 are held out' in text
    numbers = json.loads(numbers.read_text())
    assert numbers['settings']['nms.max_num'] > 1
    assert (numbers['tuned']['chosen_on']['average_mAP']
            > numbers['config']['chosen_on']['average_mAP'])
    parent = (data / 'my_config.py').rename(data / 'parent.py')
    lines = re.search('^model = .+$', text, re.M)[0]
    _, pasted = dump('pasted', lines, base=str(parent))
    assert pasted.read_text() == out.read_text()
    options = re.search('^--cfg-options (.+)$', text, re.M)[1]
    args = load_tool('test').parse_args(
        ['', '', '--cfg-options', *options.split()])
    by_options = merge_options(Config.fromfile(parent), args.cfg_options)
    child = Config.fromfile(data / 'my_config.py')
    assert by_options.model.postprocessor == child.model.postprocessor


def objective(settings):
    """Best with two changes; voting only counts the wrong way."""
    return (-abs(settings['nms.sigma'] - 0.9) -
            abs(settings['nms.max_num'] - 500) / 500 - settings['voting_thr'])


OWN = dict(nms=dict(sigma=0.35), pre_nms_topk=None)


@pytest.mark.parametrize('library', [None, 'optuna'])
def test_search_changes_only_what_gains(tool, library, monkeypatch):
    if library is None:
        monkeypatch.setitem(sys.modules, 'optuna', None)
    elif util.find_spec(library) is None:
        pytest.skip('optuna is not installed')
    own = tool.own_settings(OWN)
    assert own['nms.sigma'] == 0.35 and own['pre_nms_topk'] is None
    found = tool.search(objective, own, 60)
    if library is None:
        assert found == {**own, 'nms.sigma': 0.9, 'nms.max_num': 500}
    assert objective(found) > objective(own)
    assert found['score_thr'] == own['score_thr'] and found['voting_thr'] == 0
    assert found['pre_nms_topk'] is None
    assert tool.search(lambda settings: 0., own, 10) == own


def test_search_computes_no_more_than_asked(tool, monkeypatch):
    monkeypatch.setitem(sys.modules, 'optuna', None)
    seen = []
    own = tool.own_settings({})
    tool.search(lambda settings: seen.append(settings) or 0., own, 17)
    assert len(seen) == 17


def test_without_nms_there_is_nothing_of_it_to_search(tool):
    own = tool.own_settings(dict(nms=None, score_thr=0.5))
    assert set(own) == {'score_thr', 'pre_nms_topk', 'voting_thr'}
    assert tool.nested(own) == own


def test_halves_follow_the_seed_and_not_the_order(tool):
    ids = [f'v{i}' for i in range(7)]
    halves = tool.split(ids, 3)
    assert list(map(len, halves)) == [4, 3] and sorted(sum(halves, [])) == ids
    assert tool.split(ids[::-1], 3) == halves != tool.split(ids, 4)


@pytest.fixture
def raw(tmp_path):
    """Write a folder with one sure candidate a video."""

    def _raw(*videos, name='raw', **facts):
        level = np.array([[0, 3]], 'float32'), np.ones((1, 2), 'float32')
        grid = dict(fps=1, feat_stride=1, feat_num_frames=1, duration=9)
        folder = str(tmp_path / name)
        for path in raw_paths(folder, videos).values():
            save_raw_video(path, [level], grid)
        save_raw_facts(
            folder,
            **dict(
                dict(
                    classes=['jump', 'run'],
                    videos=videos,
                    postprocessor={},
                    score_fusion=None), **facts))
        return folder

    return _raw


@pytest.fixture
def annotations(tmp_path):
    """One training and three validation videos, the last without action."""
    action = dict(segment=[1, 3], label='run')
    return str(
        save(
            tmp_path, {
                name:
                dict(
                    subset='training' if name == 't' else 'validation',
                    duration=9,
                    annotations=[action] * (name != 'c'))
                for name in 'tabc'
            }))


@pytest.mark.parametrize('videos, words', [
    ('axy', r"must be in .*, but got \['x', 'y'\], 2 of 3 are not"),
    ('t', 'choose another --subset'),
    ('a', 'one half has none, and 1 are there in all'),
    ('ac', 'one half has none, and 2 are there in all'),
    ('', 'one half has none, and 0 are there in all'),
])
def test_videos_that_give_no_two_halves(tool, raw, annotations, videos, words):
    with pytest.raises(SystemExit, match=f'^ValueError: .*{words}'):
        tool.main([raw(*videos), annotations, '--subset=validation'])


def test_videos_that_do_not_count_are_counted(tool, raw, annotations, capsys,
                                              tmp_path):
    out = tmp_path / 'out.json'
    tool.main([
        raw('b', 't', 'a'), annotations, '--subset=validation', '--trials=1',
        f'--out={out}'
    ])
    text = capsys.readouterr().out
    assert '1 videos of other subsets are left out' in text
    assert '1 of 3 videos have no detections' in text
    assert set(json.loads(out.read_text())['results']) == {'a', 'b'}
    assert 'keep those of the config' in text


@pytest.mark.parametrize('facts, words', [
    (dict(classes=['run', 'jump']), 'same classes to be averaged'),
    (dict(videos=['a']), r"same videos to be averaged, but .* has \['b'\]"),
])
def test_folders_of_other_data_are_not_averaged(tool, raw, annotations, facts,
                                                words):
    folders = raw('a', 'b'), raw('a', 'b', name='other', **facts)
    with pytest.raises(SystemExit, match=words):
        tool.main([*folders, annotations, '--subset=validation'])


def test_command_ends_in_one_line(raw, annotations):
    done = run_tool('analysis_tools/tune_postprocess.py',
                    raw('a', 'b') + 'x', annotations)
    assert done.returncode == 1
    assert re.fullmatch("FileNotFoundError: .*rawx.*end\n", done.stderr)


def test_postprocessors_of_other_versions_are_refused(tool, raw, annotations):
    with pytest.raises(SystemExit, match="^TypeError: settings .*'colour'"):
        tool.main([
            raw('a', 'b', postprocessor=dict(colour=1)), annotations,
            '--subset=validation'
        ])
