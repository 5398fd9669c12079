import pickle
import sys

import mmcv
import pytest
import torch
import warm_python

from dyfadet_mm import compat
from dyfadet_mm.compat import mmcv_ops

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
    from mmdet.models.layers.bbox_nms import batched_nms
    from mmdet.models.test_time_augs.merge_augs import nms
    boxes = torch.tensor([[0., 0., 1., 1.]])
    for call in (lambda: nms(boxes, torch.ones(1), 0.5),
                 lambda: batched_nms(boxes, torch.ones(1), torch.zeros(1),
                                     dict(type='nms', iou_threshold=0.5))):
        with pytest.raises(ImportError, match='this op needs the full mmcv'):
            call()


@lite
def test_only_mmdetection_sees_the_copy():
    import mmdet.models
    from mmcv.cnn.bricks import transformer
    seen = mmdet.models.roi_heads.roi_extractors.base_roi_extractor.ops
    assert seen.__name__ == 'mmcv._ops_without_ext'
    assert not hasattr(mmcv, 'ops')
    assert not hasattr(transformer, 'MultiScaleDeformableAttention')
    for statement in ('import mmcv.ops', 'from mmcv import ops',
                      'from mmcv.ops.merge_cells import SumCell'):
        with pytest.raises(ImportError):
            exec(statement, {})
    assert 'mmcv._ext' not in sys.modules


@lite
def test_functions_of_mmdetection_may_import_later():
    import mmdet.models
    code = compile(
        'def later():\n    from mmcv.ops import nms\n'
        '    from mmcv import ops, imread\n'
        '    return nms is ops.nms and imread', 'here', 'exec')
    module = vars(mmdet.models.dense_heads.base_dense_head)
    scope = dict(__builtins__=module['__builtins__'])
    exec(code, scope)
    assert scope['later']() is mmcv.imread


@lite
def test_parts_of_mmdetection_without_operators_compile_and_pickle():
    from mmdet.registry import MODELS
    neck = MODELS.build(
        dict(
            type='mmdet.FPN',
            in_channels=[4, 4],
            out_channels=4,
            num_outs=2,
            conv_cfg=dict(type='Conv1d')))
    neck = pickle.loads(pickle.dumps(neck))
    levels = [torch.randn(1, 4, 8), torch.randn(1, 4, 4)]
    compiled = torch.compile(neck, backend='eager')
    for ours, theirs in zip(compiled(levels), neck(levels)):
        torch.testing.assert_close(ours, theirs)


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
    with pytest.raises(AttributeError, match='__wrapped__'):
        getattr(mmcv_ops._Operators('any'), '__wrapped__')


def test_full_mmcv_is_left_alone(tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').write_text("__version__ = '2.1.0'\n")
    (tmp_path / 'mmcv' /
     '_ext.py').write_text("def nms():\n    return 'compiled'\n")
    code = f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n{FULL_MMCV}'
    done = warm_python.run_code(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == (
        'not needed: the full mmcv is installed|compiled')
