"""References of a config to its variables, on configs of no package."""
import copy
import pickle

import pytest
from mmengine.config import Config

from dyfadet_mm.compat.config_references import names_in, references

BASE = '''
lr = 1e-4
root = 'data/'
size = 3
scores = '${root}scores.json'
load = dict(type='Load', size='${size}')
steps = ['${load}', dict(type='Pack')]
train = dict(data=dict(root='${root}', steps='${steps}'))
optimizer = dict(lr='${lr}', size='${size}')
model = dict(data='${train.data}', scores='${scores}', home='${HOME}')
'''


@pytest.fixture
def config(tmp_path):
    """Makes a child of the config above."""
    (tmp_path / 'base.py').write_text(BASE)

    def _make(text=''):
        (tmp_path / 'child.py').write_text(f"_base_ = 'base.py'\n{text}")
        return Config.fromfile(tmp_path / 'child.py')

    return _make


def steps(size, **more):
    return [dict(type='Load', size=size), dict(type='Pack', **more)]


def test_values_are_those_of_the_variables(config):
    cfg = config()
    assert cfg.optimizer == dict(lr=1e-4, size=3)
    assert cfg.train.data == dict(root='data/', steps=steps(3))
    assert cfg.model.data == cfg.train.data
    assert cfg.model.scores == cfg.scores == 'data/scores.json'
    # text that names no variable is left alone
    assert cfg.model.home == '${HOME}'


def test_a_child_changes_variables_and_places(config):
    cfg = config('size = 5\nlr = 2.\noptimizer = dict(lr=3.)')
    assert cfg.optimizer == dict(lr=3., size=5)
    assert cfg.train.data.steps == steps(5)
    assert 'optimizer.lr' not in references(cfg)


def test_options_do_likewise(config):
    cfg = config()
    cfg.merge_from_dict({
        'optimizer.lr': 1e-4,  # alike, and its own from now on
        'train.data.steps.1.keys': 2,
        'size': 7
    })
    cfg.merge_from_dict({'lr': 9, 'root': 'new/'})
    assert cfg.optimizer == dict(lr=1e-4, size=7)
    assert cfg.train.data == dict(root='new/', steps=steps(7, keys=2))
    assert cfg.model.data == cfg.train.data
    assert cfg.steps == steps(7)
    assert cfg.scores == 'new/scores.json'


def test_assignments_do_likewise(config):
    cfg = config()
    cfg.optimizer.lr = 4.
    cfg.size = 8
    cfg['lr'] = 5.
    assert cfg.optimizer == dict(lr=4., size=8)
    cfg.train.data.steps.append(dict(type='Mine'))
    cfg.root = 'other/'
    assert cfg.train.data == dict(
        root='other/', steps=[*steps(8), dict(type='Mine')])


def test_parts_that_are_gone_refer_to_nothing(config):
    cfg = config('train = None')
    assert cfg.model.data is None
    cfg.optimizer = None
    cfg.lr = 3.
    assert cfg.optimizer is None


def test_copies_are_of_their_own(config):
    cfg = config()
    other = copy.deepcopy(cfg)
    other.size = 6
    assert (cfg.optimizer.size, other.optimizer.size) == (3, 6)
    assert pickle.loads(pickle.dumps(cfg)).to_dict() == cfg.to_dict()


def test_a_dump_has_values(config, tmp_path):
    cfg = config()
    cfg.dump(tmp_path / 'dump.py')
    text = (tmp_path / 'dump.py').read_text()
    assert text.count('${') == 1  # of no variable
    assert Config.fromfile(tmp_path / 'dump.py').to_dict() == cfg.to_dict()


def test_a_circle_is_refused(config):
    with pytest.raises(
            ValueError, match='refer to itself.*size -> lr -> size'):
        config("lr = '${size}'\nsize = '${lr}'")


def test_references_are_listed(config):
    found = references(config())
    assert found['optimizer.lr'] == '${lr}'
    assert found['steps.0'] == '${load}'
    assert names_in('${a.b}/${c}') == ('a', 'c')


def test_other_configs_stay_as_they_are():
    content = dict(a=1, b=[dict(c='${x}')], d='$a {a}', e=(1, '${a}'))
    cfg = Config(copy.deepcopy(content))
    cfg.merge_from_dict({'b.0.c': 'y'})
    content['b'][0]['c'] = 'y'
    assert cfg.to_dict() == content
    assert '_references' not in cfg.__dict__
