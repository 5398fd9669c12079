"""``import dyfadet_mm`` may only make work what failed before.

The same probes run in two processes, forked from a fresh one that has imported
PyTorch, MMCV and MMEngine. One of them imports the package first. Each answer
is a value, or the kind of error.
"""
import json
import os
import re
import subprocess
import sys

import pytest
import torch
from mmengine.utils.dl_utils.misc import mmcv_full_available

PROBES = '''
import importlib.util, json, logging, os, pickle, random, signal, sys, warnings
from contextlib import suppress
import numpy, torch, mmcv, mmengine.hub, mmengine.runner
from mmengine import registry
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.runner import CheckpointLoader, checkpoint
folder, answers = sys.argv[1], {}
if os.fork():  # after the one without the package
    status = os.waitstatus_to_exitcode(os.wait()[1])
    how = 'with'
    import dyfadet_mm
else:
    status, how = 0, 'without'

def ask(name, call):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            answers[name] = repr(call())
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        answers[name] = f'{type(error).__name__} of {kinds}'

def run(statement):
    return lambda: exec(statement, {})

def operators(when):
    for statement in (
            'import mmcv.ops', 'import mmcv._ext', 'from mmcv import ops',
            'from mmcv.ops import nms', 'from mmcv.ops.nms import nms',
            'from mmcv.cnn.bricks.transformer import '
            'MultiScaleDeformableAttention'):
        ask(f'{when}: {statement}', run(statement))
    ask(f'{when}: has ops', lambda: hasattr(mmcv, 'ops'))
    ask(f'{when}: spec', lambda: importlib.util.find_spec('mmcv._ext'))
    from mmcv.utils import collect_env
    from mmengine.utils.dl_utils import misc
    ask(f'{when}: compiler', lambda: collect_env()['MMCV Compiler'])
    ask(f'{when}: full', misc.mmcv_full_available)

def read(name, *args):
    return lambda: CheckpointLoader.load_checkpoint(
        os.path.join(folder, name), *args, logger='silent')

def state():
    yield 'environ', dict(os.environ)
    yield 'path', sys.path
    yield 'hooks', (sys.excepthook, sys.displayhook, sys.unraisablehook)
    yield 'import', (__import__, [str(each) for each in sys.path_hooks])
    yield 'filters', warnings.filters
    yield 'signals', [signal.getsignal(each) for each in signal.Signals]
    root = logging.getLogger()
    yield 'logging', (root.level, root.handlers, logging.root.manager.disable)
    yield 'torch', (torch.load, torch.save, torch.get_num_threads(),
                    torch.get_default_dtype(), torch.is_grad_enabled(),
                    torch.backends.cudnn.benchmark,
                    torch.get_float32_matmul_precision())
    yield 'random', (random.getstate()[0], numpy.geterr(),
                     numpy.get_printoptions())
    yield 'scope', registry.DefaultScope.get_current_instance()
    yield 'registries', {
        name: sorted(each.module_dict) for name, each in vars(registry).items()
        if isinstance(each, registry.Registry)}
    yield 'packages', {name: each for name, each in MODULE2PACKAGE.items()
                       if name != 'dyfadet_mm'}
    yield 'schemes', {name: each.__name__ for name, each in
                      CheckpointLoader._schemes.items() if 'dyfadet' not in
                      each.__name__}
    yield 'unwanted', sorted(
        {'mmcv.cnn', 'mmcv._ext', 'mmcv.ops', 'mmdet', 'mmaction', 'pandas',
         'scipy', 'sklearn', 'requests', 'h5py'} & set(sys.modules))

for name, value in state():
    answers[name] = repr(value)
operators('at first')
for file in sorted(os.listdir(folder)):
    ask(file, read(file))
ask('map_location', read('tensor.pth', 'meta'))
ask('callable', read('tensor.pth', lambda storage, location: storage))
ask('keyword', lambda: CheckpointLoader.load_checkpoint(
    filename=folder + '/tensor.pth', map_location=torch.device('cpu')))
os.environ['HOME'] = folder
ask('home', lambda: CheckpointLoader.load_checkpoint('~/tensor.pth'))
ask('missing', read('missing.pth'))
ask('s3', lambda: CheckpointLoader.load_checkpoint('s3://a/b.pth'))
ask('http', lambda: CheckpointLoader.load_checkpoint('http://127.0.0.1:9/a'))
ask('url', lambda: checkpoint.load_url(f'file://{folder}/list.pth', folder))
ask('torch.load', lambda: torch.load(folder + '/module.pth'))
torch.load, plain = lambda *args, **kwargs: plain(
    *args, **{**kwargs, 'weights_only': False}), torch.load
ask('opened by hand', lambda: type(read('module.pth')()))
torch.load = plain
os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '1'
ask('opened by environment', lambda: type(read('module.pth')()))
del os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD']
ask('config', lambda: mmengine.Config(dict(a=1, b=dict(c=[2]))).pretty_text)
ask('hub', lambda: mmengine.hub.get_config('no_such_package::a.py'))
with suppress(ImportError):
    import mmdet.models
operators('after mmdet')
for name in ('mmdet.FPN', 'mmaction.BMN', 'mmcv.ops.nms', 'nothing'):
    if how == 'with' or name in ('mmcv.ops.nms', 'nothing'):
        ask(f'get {name}', lambda: registry.MODELS.get(name))
with open(f'{folder}/../{how}.json', 'w') as file:
    json.dump(answers, file)
sys.exit(status)
'''
# what failed before, and works now; the rest must agree
MENDED = {'slice.pth', 'get mmdet.FPN', 'get mmaction.BMN'}
# carries code: refused by us on purpose, though onedl-mmengine runs it
CODE = {'module.pth', 'protocol_0.pth'}
CONTENTS = dict(
    dict=dict(epoch=1, name='x', nested=dict(a=[1, (2, None)])),
    empty=dict(),
    list=[1, 2],
    number=3.5,
    string='x',
    tensor=torch.arange(3.),
    slice=dict(part=slice(1, None), state_dict=dict(a=torch.ones(1))),
    weights=dict(state_dict=dict(weight=torch.ones(2, dtype=torch.half))),
    state=torch.nn.Linear(1, 1).requires_grad_(False).state_dict(),
    module=torch.nn.Linear(1, 1))


def ask_both(folder):
    """What the probes answer, without the package and with it."""
    done = subprocess.run([sys.executable, '-c', PROBES,
                           str(folder)],
                          capture_output=True,
                          text=True,
                          env=dict(os.environ, OMP_NUM_THREADS='1'))
    assert done.returncode == 0, done.stderr[-3000:]
    texts = [(folder.parent / f'{how}.json').read_text()
             for how in ('without', 'with')]
    # where an object lies in memory differs from run to run
    return [json.loads(re.sub(' at 0x[0-9a-f]+', '', each)) for each in texts]


@pytest.fixture(scope='module')
def both(tmp_path_factory):
    """The answers without and with the package."""
    folder = tmp_path_factory.mktemp('probes') / 'files'
    folder.mkdir()
    for name, content in CONTENTS.items():
        torch.save(content, folder / f'{name}.pth')
    torch.save(
        CONTENTS['weights'],
        folder / 'legacy.pth',
        _use_new_zipfile_serialization=False)
    torch.save(
        CONTENTS['state'],
        folder / 'protocol_0.pth',
        pickle_protocol=0,
        _use_new_zipfile_serialization=False)
    (folder / 'text.pth').write_text('not a checkpoint')
    return ask_both(folder)


def test_what_worked_gives_the_same_answer(both):
    without, with_us = both
    changed = {
        name: (before, with_us[name])
        for name, before in without.items() if with_us[name] != before
        and ' of [' not in before and name not in CODE
    }
    assert changed == {}


def test_what_failed_still_fails_for_those_who_catch_it(both):
    without, with_us = both
    for name, before in without.items():
        if ' of [' in before and name not in MENDED | CODE:
            kind = before.split(' of ')[0]
            assert f"'{kind}'" in with_us[name], (name, with_us[name])


def test_code_is_refused(both):
    for name in CODE:
        assert both[1][name].startswith('UnreadableCheckpoint of [')


@pytest.mark.skipif(mmcv_full_available(), reason='the full mmcv is there')
def test_operators_are_missing_and_mmdetection_is_there(both):
    _, answer = both
    for when in ('at first', 'after mmdet'):
        assert 'ImportError' in answer[f'{when}: from mmcv.ops import nms']
        assert answer[f'{when}: spec'] == 'None'
    assert answer['get mmdet.FPN'].startswith('<class')
    assert answer['get mmaction.BMN'].startswith('<class')


def test_import_loads_no_package_that_it_does_not_need(both):
    # mmcv itself is imported by the probes
    assert both[1]['unwanted'] == both[0]['unwanted']
