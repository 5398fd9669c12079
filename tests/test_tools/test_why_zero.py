"""Faults put into the shipped model and its data: the first cause named.

The streams are short ones of the embedded data set; those of training are
only there to be compared with.
"""
import importlib
import json
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from small_data import ROOT, run_tool, save

CONFIG = str(ROOT / 'configs/dyfadet/'
             'dyfadet-plus_pixels_1xb8-10e_digit-streams.py')
SHIPPED = ROOT / 'dyfadet_mm/zoo/digit-streams.pth'


@pytest.fixture(scope='module')
def streams(tmp_path_factory):
    """Three streams of training and five of validation."""
    folder = tmp_path_factory.mktemp('streams') / 'data'
    done = run_tool('dataset_converters/digit_streams.py', '--train=3',
                    '--val=5', '--min-cells=60', '--max-cells=150',
                    f'--out={folder}')  # yapf: disable
    assert done.returncode == 0, done.stderr
    return folder


class Case:
    """What a command gets, for a fault to change.

    Attributes:
        database (dict): Annotations by video id.
        feats (dict): Features of validation by video id.
        checkpoint (dict): The shipped one.
        options (dict): Changes of the config.
    """

    def __init__(self, streams, folder):
        self.folder = folder
        self.database = json.loads(
            (streams / 'annotations.json').read_text())['database']
        self.feats = {}
        (folder / 'features').mkdir()
        for path in (streams / 'features').iterdir():
            (folder / 'features' / path.name).symlink_to(path)
            if self.database[path.stem]['subset'] == 'validation':
                self.feats[path.stem] = np.load(path)
        self.checkpoint = torch.load(SHIPPED, weights_only=True)
        # without a copy of the model for averages, which only costs time
        self.options = dict(data_root=f'{folder}/', custom_hooks='[]')

    @property
    def weights(self):
        return self.checkpoint['state_dict']

    def entries(self):
        """Entries of validation."""
        return [
            entry for entry in self.database.values()
            if entry['subset'] == 'validation'
        ]

    def actions(self):
        """Actions of validation, to change in place."""
        return [x for entry in self.entries() for x in entry['annotations']]

    def write(self):
        """Write all files; returns the command line."""
        save(self.folder, self.database)
        for name, feats in self.feats.items():
            path = self.folder / f'features/{name}.npy'
            path.unlink()
            if feats is not None:
                np.save(path, feats)
        path = self.folder / 'model.pth'
        torch.save(self.checkpoint, path)
        options = [f'{key}={value}' for key, value in self.options.items()]
        return [CONFIG, str(path), '--jobs=1', '--cfg-options', *options]


@pytest.fixture
def case(streams, tmp_path):
    return Case(streams, tmp_path)


@pytest.fixture
def why(monkeypatch, capsys):
    """Run the tool; returns exit status, names of causes, and all it says."""
    monkeypatch.syspath_prepend(str(ROOT / 'tools/misc'))
    tool = importlib.import_module('why_zero')

    def _why(args):
        with pytest.raises(SystemExit) as error:
            tool.main(args)
        out = capsys.readouterr()
        return error.value.code, re.findall(r'^(?:cause|also): (.*?): ',
                                            out.out, re.M), out.out + out.err

    return _why


def drop_label_ids(case):
    """Which would contradict other labels."""
    for entry in case.database.values():
        for action in entry['annotations']:
            del action['label_id']


def permute(names):
    return {name: names[(i + 3) % len(names)] for i, name in enumerate(names)}


def spoil(weights):
    """As drawn anew."""
    rng = torch.Generator().manual_seed(0)
    for name, value in weights.items():
        if value.is_floating_point() and value.ndim > 1:
            value.copy_(0.05 * torch.randn(value.shape, generator=rng))


def stride_of_the_config(case):
    case.options['feat_stride'] = 2


def every_other_cell(case):
    case.feats = {k: v[::2] for k, v in case.feats.items()}


def frame_rate_of_the_annotations(case):
    for entry in case.entries():
        entry['fps'] = 2 * entry['fps']


def moved_by_5_s(case):
    for action in case.actions():
        action['segment'] = [t + 5 for t in action['segment']]


def milliseconds(case):
    for action in case.actions():
        action['segment'] = [1000 * t for t in action['segment']]


def start_after_end(case):
    for action in case.actions():
        action['segment'].reverse()


def labels_of_the_annotations(case):
    drop_label_ids(case)
    names = permute(sorted({x['label'] for x in case.actions()}))
    for action in case.actions():
        action['label'] = names[action['label']]


def random_labels(case):
    drop_label_ids(case)
    rng = np.random.default_rng(0)
    for action in case.actions():
        action['label'] = f'digit {rng.integers(10)}'


def other_classes(case):
    for action in case.actions():
        action['label'] = action['label'].replace('digit', 'Digit')


def too_few_names(case):
    meta = case.checkpoint['meta']['dataset_meta']
    meta['classes'] = meta['classes'][4:]


def bad_average(case):
    case.checkpoint['ema_state_dict'] = {
        f'module.{k}': v.clone()
        for k, v in case.weights.items()
    }
    case.checkpoint['ema_state_dict']['steps'] = torch.tensor(9)
    spoil(case.weights)


def first_epoch(case):
    spoil(case.weights)
    case.checkpoint['meta']['epoch'] = 1


def few_iterations(case):
    spoil(case.weights)
    case.checkpoint['meta']['iter'] = 6


def high_threshold(case):
    case.options['model.postprocessor.score_thr'] = 0.99


def no_such_subset(case):
    case.options['val_subset'] = 'testing'


def zero_features(case):
    case.feats = {k: 0 * v for k, v in case.feats.items()}


def another_extractor(case):
    mix = np.random.default_rng(0).normal(size=(64, 64))
    case.feats = {k: v @ mix for k, v in case.feats.items()}


def features_of_training(case):
    train = [k for k, x in case.database.items() if x['subset'] == 'training']
    case.feats = {
        name: np.load(case.folder / f'features/{other}.npy')
        for name, other in zip(case.feats, train)
    }


def no_head(case):
    case.options['randomness.seed'] = 1  # not that of the training
    for name in list(case.weights):
        if name.startswith('head.conv_cls'):
            del case.weights[name]


def deaf_classifier(case):
    case.weights['head.conv_cls.weight'] *= 1e-9


def shut_gates(case):
    spoil(case.weights)
    for name, value in case.weights.items():
        if re.search(r'\.gate\.(conv\.)?bias$', name):
            value.fill_(-50)


def settings_of_the_model(case):
    cfg = Config.fromfile(CONFIG)
    case.checkpoint['meta']['cfg'] = cfg.dump()
    case.options['model.postprocessor.min_length'] = 60


#: The first cause that must be named.
FAULTS = {
    stride_of_the_config: 'stride and fps',
    every_other_cell: 'stride and fps',
    frame_rate_of_the_annotations: 'stride and fps',
    moved_by_5_s: 'shift of times',
    milliseconds: 'seconds',
    start_after_end: 'reversed actions',
    labels_of_the_annotations: 'swapped labels',
    random_labels: 'classes are wrong',
    other_classes: 'class names',
    too_few_names: 'number of classes',
    bad_average: 'averaged weights',
    first_epoch: 'training has not finished',
    few_iterations: 'training is too short',
    high_threshold: 'score threshold',
    no_such_subset: 'subset',
    zero_features: 'feature values',
    another_extractor: 'feature values',
    features_of_training: 'identical features',
    no_head: 'weights that did not load',
    deaf_classifier: 'scores are all the same',
    shut_gates: 'gates are shut',
    settings_of_the_model: 'settings',
}


@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.__name__)
def test_first_cause(case, why, fault):
    fault(case)
    status, causes, text = why(case.write())
    assert status == 1 and causes[:1] == [FAULTS[fault]], text


def test_what_can_be_mended_is_tried(case, why):
    """Times that only detections show to be wrong, and mAP without that."""
    frame_rate_of_the_annotations(case)
    for entry in case.entries():
        del entry['duration']
    status, causes, text = why(case.write())
    assert causes == ['factor of times']
    before, after = re.search(
        r'mAP is ([\d.]+) %.*multiplied by 2, .*mAP is ([\d.]+) %', text,
        re.S).groups()
    assert float(before) < 10 and float(after) > 85


def test_weights_and_classes_of_another_model(case, why):
    """Everything is listed, the surest first, and nothing is tested."""
    case.weights['head.conv_cls.weight'].zero_()
    case.weights['head.conv_reg.weight'][0] = np.nan
    del case.weights['head.conv_cls.bias']
    case.checkpoint['meta']['dataset_meta']['classes'] = ('swim', 'fly')
    for entry in case.entries():
        entry['annotations'] = []
    status, causes, text = why(case.write())
    assert status == 1 and 'Nothing can be tested' in text
    assert causes == [
        'weights are NaN', 'weights are zero', 'weights that did not load',
        'actions'
    ]
    assert "1 are not in the checkpoint, the first is 'head.conv_cls" in text


def test_features_that_are_no_features(case, why):
    missing, narrow, damaged, *_ = case.feats
    case.feats[missing] = None
    case.feats[narrow] = case.feats[narrow][:, :32]
    case.feats[damaged][7] = np.nan
    status, causes, text = why(case.write())
    assert status == 1 and causes == [
        'missing features', 'NaN or infinity', 'feature dimension'
    ], text
    assert all(repr(name) in text for name in (missing, narrow, damaged))


def test_nothing_is_wrong(case):
    """As a script; what is odd and costs nothing is a note."""
    case.feats = {k: 9 * v for k, v in case.feats.items()}
    done = run_tool('misc/why_zero.py', *case.write())
    assert done.returncode == 0, done.stderr
    assert re.search(
        r'mAP is [89]\d.\d\d %, of 5 videos and \d+ detections.\n'
        'Nothing is wrong.\nnote: feature values', done.stdout)


def test_a_weak_detector_has_no_cause(case, why):
    spoil(case.weights)
    status, causes, text = why(['--max-videos=2', *case.write()])
    assert status == 0 and not causes
    assert ', of 2 videos and' in text
    assert 'No cause is found' in text and 'Try: ' in text


def test_what_cannot_be_read_ends_in_one_line(case, why, tmp_path):
    command = case.write()
    (tmp_path / 'empty.pth').write_bytes(b'')
    for args, message in (([str(tmp_path / 'none.py'),
                            *command[1:]], 'FileNotFoundError: .*none.py'),
                          ([command[0],
                            str(tmp_path / 'empty.pth')],
                           'empty.pth'), ([*command, 'feat_stridee=3'],
                                          "ValueError: .*'feat_stridee'")):
        status, causes, text = why(args)
        assert status == 2 and not causes
        assert re.search(message, text.strip().splitlines()[-1]), text
