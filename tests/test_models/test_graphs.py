"""What a GPU would have to do for the model: one graph, without questions."""
from collections import Counter
from itertools import cycle

import pytest
import torch
from device_waits import DeviceWaits
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData
from settings import build_without_memory, load_recipe
from test_combinations import ENCODERS, HEADS
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells

WIDTH = 16


def make_model(encoder='dyne',
               head='dyhead',
               neck='IdentityFPN',
               num_classes=3,
               arch=(1, 1, 2),
               **preprocessor):
    """Three levels if no other, and the weights of a start."""
    model = MODELS.build(
        dict(
            type='dyfadet_mm.SingleStageTAD',
            data_preprocessor=dict(
                type='dyfadet_mm.TADDataPreprocessor',
                max_seq_len=128,
                size_divisor=4,
                **preprocessor),
            backbone=dict(
                in_channels=5,
                embed_channels=WIDTH,
                arch=arch,
                **ENCODERS[encoder]),
            neck=dict(type=f'dyfadet_mm.{neck}'),
            head=dict(
                num_classes=num_classes,
                num_layers=2,
                feat_channels=8,
                regression_ranges=[(0, 4), (4, 8), (8, 1e4)][:arch[2] + 1],
                **HEADS[head])))
    model.init_weights()
    return model


def make_sample(length, device=None):
    sample = ActionDataSample(
        metainfo=dict(
            feat_len=length,
            video_id='v',
            duration=length * 0.5,
            fps=10.,
            feat_stride=5,
            feat_num_frames=10))
    segments = torch.tensor([[1., 5], [2, 12], [3, 30]], device=device)
    sample.gt_instances = InstanceData(
        grid_segments=segments,
        labels=torch.zeros(3, dtype=torch.long, device=device))
    return sample


def infer(model, inputs, samples):
    """Raw outputs and proposals."""
    with torch.no_grad():
        cells = model.cells_of(inputs, samples)
        pyramid = model.extract_feat(inputs, cells)
        outputs = model.head(pyramid)
        return outputs, model.head.decode_by_feat(*outputs, pyramid.masks)


# every encoder and every head, with what else there is
PARTS = [
    dict(encoder=encoder, head=head, neck=neck, num_classes=num_classes)
    for encoder, head, neck, num_classes in zip(
        ENCODERS, cycle(HEADS), cycle(('IdentityFPN', 'FPN1d')), cycle((3, 1)))
]
PADDINGS = [dict(), dict(pad_to='divisor')]


@pytest.mark.parametrize(
    'parts', [
        *(dict(each, **padding) for each in PARTS for padding in PADDINGS),
        dict(padding='opentad')
    ],
    ids=lambda parts: '-'.join(map(str, parts.values())))
def test_nothing_waits_for_the_device(parts):
    model = make_model(**parts)
    samples = [make_sample(length) for length in (100, 70)]
    inputs = torch.randn(2, 5, 128)
    with DeviceWaits() as waits:
        losses = model(inputs, samples, mode='loss')
        sum(losses.values()).backward()
    # which pairs of a point and a class are positive
    expected = {'nonzero': 1} if 'trident' in parts.get('head', '') else {}
    assert waits.waits == expected, waits.places
    model.eval()
    with DeviceWaits() as waits:
        infer(model, inputs, samples)
    assert not waits.waits, waits.places


class Operations(TorchDispatchMode):
    """Counts operations that compute: neither views nor allocations."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        aliases = [each.alias_info for each in func._schema.returns]
        is_view = any(x is not None and not x.is_write for x in aliases)
        if not (is_view or 'empty' in name or name == '_unsafe_view'):
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope='module')
def published():
    """The THUMOS14 recipe, on a device that is no CPU and needs no memory."""
    model = build_without_memory(
        load_recipe('dyfadet_i3d_1xb2-40e_thumos14').model)
    for module in model.modules():
        if hasattr(module, 'is_dead'):
            module.is_dead = True  # as with the weights of this recipe
    return model


@pytest.mark.parametrize('length', [2304, 1212])
def test_operations_of_inference(published, length):
    published.training = False
    with Operations() as operations:
        infer(published, torch.empty(1, 2048, 2304, device='meta'),
              [make_sample(length)])
    assert operations.counts.total() <= 500, operations.counts


def test_operations_of_a_training_step(published):
    """Half of the 3051 that the packed layers took, each by itself."""
    published.training = True
    samples = [make_sample(length, 'meta') for length in (1200, 2304)]
    with Operations() as operations:
        losses = published(
            torch.empty(2, 2048, 2304, device='meta'), samples, mode='loss')
        sum(losses.values()).backward()
    assert operations.counts.total() <= 1525, operations.counts


@pytest.mark.parametrize('padding', [dict(), dict(pad_to='divisor')])
def test_one_graph_serves_all_videos_of_a_bucket(padding):
    model = make_model(arch=(1, 0, 1), **padding).eval()
    counter = CompileCounter()
    torch._dynamo.reset()

    def network(inputs, cells):
        return model.head(model.extract_feat(inputs, cells))

    compiled = torch.compile(
        network, fullgraph=True, backend=counter, dynamic=False)
    with torch.no_grad():
        for length, num_graphs in ((100, 1), (110, 1), (97, 1), (70, 2)):
            inputs = torch.randn(1, 5, 128)
            inputs[..., length:] = 0
            ours, theirs = (
                each(inputs,
                     Cells.of([length], 128, inputs.device, model.padding))
                for each in (compiled, network))
            torch.testing.assert_close(ours, theirs)
            assert counter.frame_count == num_graphs


def test_encoder_and_head_can_be_exported():
    model = make_model(arch=(1, 0, 1)).eval()
    inputs = torch.randn(1, 5, 128)
    with torch.no_grad():
        feats = model.backbone(inputs)
        for part, given in ((model.backbone, inputs), (model.head, feats)):
            program = torch.export.export(part, (given, ), strict=True)
            torch.testing.assert_close(program.module()(given), part(given))
