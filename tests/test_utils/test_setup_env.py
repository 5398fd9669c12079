import warnings

import pytest
import warm_python
from mmengine.registry import DefaultScope

from dyfadet_mm import registry
from dyfadet_mm.utils import register_all_modules


@pytest.fixture(autouse=True)
def no_scope_left():
    """Forget the scopes that a test makes."""
    before = dict(DefaultScope._instance_dict)
    DefaultScope._instance_dict.clear()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


def scope_name():
    current = DefaultScope.get_current_instance()
    return None if current is None else current.scope_name


def test_registers_without_touching_the_scope():
    register_all_modules(init_default_scope=False)
    assert scope_name() is None
    for name in ('MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS',
                 'VISUALIZERS', 'TASK_UTILS', 'OPTIM_WRAPPER_CONSTRUCTORS'):
        assert len(getattr(registry, name).module_dict) > 0, name


def test_sets_the_scope_once():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        register_all_modules()
        register_all_modules()
    assert scope_name() == 'dyfadet_mm'
    assert len(DefaultScope._instance_dict) == 1


def test_replacing_another_scope_warns():
    DefaultScope.get_instance('other', scope_name='mmaction')
    with pytest.warns(UserWarning, match="'mmaction' is replaced"):
        register_all_modules()
    assert scope_name() == 'dyfadet_mm'


def test_returns_to_a_scope_that_was_left():
    register_all_modules()
    DefaultScope.get_instance('other', scope_name='mmaction')
    with pytest.warns(UserWarning, match='is replaced'):
        register_all_modules()
    assert scope_name() == 'dyfadet_mm'


def test_package_import_registers_nothing_heavy():
    code = ('import sys, dyfadet_mm.utils\n'
            'assert "dyfadet_mm.models" not in sys.modules')
    done = warm_python.run_code(code)
    assert done.returncode == 0, done.stderr
