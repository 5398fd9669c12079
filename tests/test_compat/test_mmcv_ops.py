import subprocess
import sys

import pytest
import torch

from dyfadet_mm import compat

lite = pytest.mark.skipif(
    compat.status()['mmcv_ops'] != 'active', reason='the full mmcv is there')

FULL_MMCV = """
import sys
import dyfadet_mm, mmcv
from dyfadet_mm import compat
state = compat.status()['mmcv_ops']
assert 'mmcv._ext' not in sys.modules, 'the real module was replaced'
import mmcv._ext
print(state, mmcv._ext.nms(), sep='|')
"""


@lite
def test_op_fails_when_it_is_called():
    from mmcv.ops import nms, soft_nms
    boxes = torch.tensor([[0., 0., 1., 1.]])
    for op in (nms, soft_nms):
        with pytest.raises(ImportError, match='this op needs the full mmcv'):
            op(boxes, torch.ones(1), 0.5)


@lite
def test_mmengine_still_knows_that_mmcv_has_no_ops():
    from mmengine.utils.dl_utils.misc import mmcv_full_available
    assert not mmcv_full_available()


@lite
def test_mmcv_still_collects_its_environment():
    from mmcv.utils import collect_env
    assert collect_env()['MMCV Compiler'] == 'n/a'


@lite
def test_placeholder_has_no_special_names():
    import mmcv.ops  # noqa: F401
    with pytest.raises(AttributeError, match='__wrapped__'):
        getattr(sys.modules['mmcv._ext'], '__wrapped__')


def test_full_mmcv_is_left_alone(tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').write_text("__version__ = '2.1.0'\n")
    (tmp_path / 'mmcv' /
     '_ext.py').write_text("def nms():\n    return 'compiled'\n")
    code = f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n{FULL_MMCV}'
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == (
        'not needed: the full mmcv is installed|compiled')
