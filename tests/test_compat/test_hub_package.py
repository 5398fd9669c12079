import pytest
from mmengine.config import Config
from mmengine.config.utils import _get_package_and_cfg_path

import dyfadet_mm  # noqa: F401


def test_hub_knows_the_package():
    assert _get_package_and_cfg_path('dyfadet_mm::dyfadet/a.py') == (
        'dyfadet_mm', 'dyfadet/a.py')


def test_unknown_packages_stay_refused(tmp_path):
    child = tmp_path / 'child.py'
    child.write_text("_base_ = ['no_such_package::a/b.py']\n")
    with pytest.raises(AssertionError, match='no_such_package'):
        Config.fromfile(child)
