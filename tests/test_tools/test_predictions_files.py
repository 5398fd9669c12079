"""Predictions of other programs, read by every tool in the same way."""
import importlib
import json
import math
import pickle
import re
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
CLASSES = ('jump', 'run')
#: What follows the predictions on each command line.
COMMANDS = {
    'eval_predictions': ['truth.json'],
    'analyze_errors': ['truth.json', '--out', 'errors'],
    'plot_timeline': ['truth.json', '--out', 'timeline.png'],
    'write_report': ['truth.json', '--out', 'report.html', '--force'],
    'eval_epic': ['found.json', 'truth.json', 'truth.json'],
    'export_predictions': ['--format', 'csv', '--out', 'table.csv', '--force']
}
every_tool = pytest.mark.parametrize('name', COMMANDS)


def row(start=0., end=10., label='run', score=.9):
    return dict(segment=[start, end], label=label, score=score)


GOOD = {'v_a': [row(), row(15, 20, 'jump')], 'v_b': [row(20, 29, score=.5)]}
BAD = [
    row(9, 2),
    row(score=math.nan),
    row(end=math.inf),
    dict(label='run', score=1),
    row(score=True)
]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a tool on predictions; returns what it prints, or its error."""
    monkeypatch.chdir(tmp_path)
    for folder in ('misc', 'analysis_tools'):
        monkeypatch.syspath_prepend(str(TOOLS / folder))
    actions = [
        dict(segment=each['segment'], label=each['label'])
        for each in GOOD['v_a']
    ] + [dict(segment=[20, 30], label='Ambiguous')]
    database = dict(
        v_a=dict(subset='validation', duration=30, annotations=actions),
        v_b=dict(subset='validation', duration=30, annotations=actions[:1]))
    Path('truth.json').write_text(json.dumps(dict(database=database)))

    def _run(name, content, *options):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        Path('found.json').write_bytes(content)
        tool = importlib.import_module(name)
        args = ['found.json', *COMMANDS[name], *options]
        try:
            if name == 'analyze_errors':  # without its slow figures
                tool.print_reports(tool.analyze(tool.parse_args(args))[0], '')
            else:
                tool.main(args)
        except (SystemExit, ValueError) as error:
            assert isinstance(error, ValueError) or error.code, error
            return f'refused: {error}'
        return capsys.readouterr().out

    return _run


@every_tool
def test_what_is_of_no_use_is_left_out_and_counted(run, name):
    """Beside a byte order mark, no version, and ids without ``v_``."""
    results = {k[2:]: rows for k, rows in GOOD.items()}
    results['a'] = [*results['a'], *BAD]
    content = b'\xef\xbb\xbf' + json.dumps(dict(results=results)).encode()
    out = run(name, content)
    assert '5 detections of found.json are left out' in out
    # the same as of a sound file
    sound = run(name, dict(version='1.3', results=GOOD))
    assert sound and 'found.json are left out' not in sound
    sound = {x for x in sound.splitlines() if ' - INFO - ' not in x}
    if name != 'export_predictions':  # which knows no other ids
        assert "read as 'v_{}' for '{}'" in out
        assert sound < set(out.splitlines())
    strict = run(name, content, '--strict')
    assert re.search(
        "^refused: .*detections of video 'a'|"
        r'^refused: .*predictions\[.a.\]', strict), strict


@pytest.mark.parametrize('name', ['eval_predictions', 'eval_epic'])
def test_unknown_labels_are_left_out_and_named(run, name):
    results = dict(GOOD, v_b=[row(label='fly', score=1), row(5, 9)])
    out = run(name, dict(results=results))
    assert ("1 detections of found.json are left out, as they cannot be "
            "scored: label 'fly' is not among the 2 classes") in out
    strict = run(name, dict(results=results), '--strict')
    assert re.search(r"refused: .*'v_b' must be among .* got \['fly'\]",
                     strict)
    # which would not be those of the published code without them
    assert 'refused' in run(name, dict(results=results),
                            '--raw-ids') or (name == 'eval_epic')
    alone = run(name, dict(results=dict(v_a=[row(label='fly')])))
    assert re.search(r"refused: .*'v_a' must be among .* give the class",
                     alone)


@every_tool
@pytest.mark.parametrize('content, message', [
    (pickle.dumps(dict(results=GOOD)),
     'must be JSON, but got: a pickle, which .* save what it holds as JSON'),
    (dict(results=dict(v_a=BAD)), 'none of the 5 detections can be scored'),
    (dict(predictions=GOOD), r"must have 'results', but got .*'predictions'"),
    (dict(results=[row()]), "must have 'results', a dict from video ids"),
    (dict(results=dict(v_a=row())), "detections of video 'v_a' must be a lis"),
])
def test_what_cannot_be_read_is_refused_in_one_line(run, name, content,
                                                    message):
    out = run(name, content)
    assert re.search(f'^refused: .*found.json.*{message}', out), out
    assert '\n' not in out


def test_annotations_in_the_place_of_predictions_are_told(run):
    out = run('eval_predictions', dict(database={}))
    assert out.endswith('; it looks like annotations')


@pytest.mark.parametrize('name', ['eval_predictions', 'analyze_errors'])
def test_ambiguous_actions_are_ignored_unless_wanted(run, name):
    number = dict(
        eval_predictions='average mAP ([0-9.]+)',
        analyze_errors='find [0-9] of ([0-9])')[name]

    def value(*options):
        out = run(name, dict(results=GOOD), *options)
        return float(re.search(number, out)[1])

    assert value() == dict(eval_predictions=75., analyze_errors=3)[name]
    # a class more, of which nothing is found
    assert value('--ignore-labels') == dict(
        eval_predictions=50., analyze_errors=4)[name]
    assert value('--ignore-labels', 'Ambiguous', 'jump') == dict(
        eval_predictions=50., analyze_errors=2)[name]


def test_pictures_have_no_ambiguous_actions(run):
    run('write_report', dict(results=GOOD))
    assert 'Ambiguous' not in Path('report.html').read_text()
    run('write_report', dict(results=GOOD), '--ignore-labels')
    assert 'Ambiguous' in Path('report.html').read_text()
