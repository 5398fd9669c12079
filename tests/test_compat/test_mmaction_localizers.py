import mmaction.models  # noqa: F401
import pytest
from mmaction.registry import MODELS

from dyfadet_mm import compat
from dyfadet_mm.compat import mmaction_localizers, versions

needed = compat.status()['mmaction_localizers'] == 'active'


@pytest.mark.skipif(not needed, reason='this mmaction2 has DRN')
def test_drn_fails_only_when_it_is_built():
    from mmaction.models.localizers import DRN
    assert MODELS.get('DRN') is DRN
    with pytest.raises(ImportError, match='issue 2714.*source checkout'):
        MODELS.build(dict(type='mmaction.DRN', vocab_size=1))


def test_other_names_are_missing_as_usual():
    if not needed:
        return
    with pytest.raises(ImportError, match='OtherName'):
        from mmaction.models.localizers.drn.drn import OtherName  # noqa: F401


def test_nothing_is_mended_where_the_wheel_has_the_folder(
        tmp_path, monkeypatch):
    folder = tmp_path / 'mmaction' / 'models' / 'localizers' / 'drn'
    folder.mkdir(parents=True)
    (folder / 'drn.py').touch()
    (tmp_path / 'mmaction' / '__init__.py').touch()
    for name in ('mmaction', mmaction_localizers.PACKAGE):
        monkeypatch.delitem(mmaction_localizers.sys.modules, name, False)
    monkeypatch.syspath_prepend(tmp_path)
    assert versions.has_module('mmaction', 'models', 'localizers', 'drn',
                               'drn')
    assert mmaction_localizers.unneeded() == 'mmaction2 ships localizers/drn'
