import pytest
from mmengine.registry import DefaultScope, Registry

from dyfadet_mm import registry

REGISTRIES = {
    name: each
    for name, each in vars(registry).items() if isinstance(each, Registry)
}


@pytest.mark.parametrize('name', REGISTRIES)
def test_an_unknown_name_is_not_found(name):
    each = REGISTRIES[name]
    assert each.get('nothing') is None
    assert each.get('dyfadet_mm.nothing') is None
    assert each.parent.get('dyfadet_mm.nothing') is None
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        assert each.parent.get('nothing') is None


@pytest.mark.parametrize('name', REGISTRIES)
def test_what_the_root_has_is_found(name):
    each = REGISTRIES[name]
    each.parent.import_from_location()
    for key, found in list(each.parent.module_dict.items())[:3]:
        if key not in each.module_dict:
            assert each.get(key) is found
