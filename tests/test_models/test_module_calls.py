"""Modules are called, so that hooks, checkpointing and counters see them."""
from functools import partial

import pytest
import torch
from mmengine.runner import activation_checkpointing
from test_combinations import ENCODERS, is_idle, make_model, make_sample
from torch import nn
from torch.utils.checkpoint import checkpoint

from dyfadet_mm.models import DynEBackbone, DyTower
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, PackedPyramid

#: Convolutions whose weight alone is read: at positions between the cells,
#: or as an image, which PyTorch does not do for those of one dimension.
ONLY_WEIGHTS = ('conv1.conv', 'conv2.conv', 'query.conv', 'key.conv',
                'value.conv')


def parts_of(model):
    """Modules of encoder, neck and head that compute something."""
    for name, module in model.named_modules():
        idle = name.startswith(('head.loss', 'data_preprocessor'))
        is_leaf = not list(module.children())
        has_weights = any(True for _ in module.parameters(recurse=False))
        empty = isinstance(module, nn.ModuleList)
        if (is_leaf or has_weights) and not idle and not empty:
            yield name


@pytest.mark.parametrize('encoder', ENCODERS)
def test_every_module_with_weights_is_called(encoder):
    model, called, hooks = make_model(encoder, 'dyhead').eval(), set(), []
    for name, module in model.named_modules():
        hooks.append(
            module.register_forward_hook(
                lambda *_, name=name: called.add(name)))
    with torch.no_grad():
        model(torch.randn(2, 5, 23).double())
    for hook in hooks:
        hook.remove()
    for name in set(parts_of(model)) - called:
        # convolutions that are zero are not computed
        assert name.endswith(ONLY_WEIGHTS) or is_idle(encoder,
                                                      f'{name}.weight')


def gradients(model, batch):
    """Gradients of one training step, by the names of the parameters."""
    torch.manual_seed(3)
    model.zero_grad()
    model.head.loss_normalizer.value.fill_(10.)
    sum(model(*batch, mode='loss').values()).backward()
    return {k: p.grad.clone() for k, p in model.named_parameters()}


@pytest.mark.parametrize('encoder', ['dyne', 'dyne-live', 'dfa-c', 'sa'])
@pytest.mark.parametrize('use_reentrant', [True, False])
def test_activation_checkpointing_computes_twice(encoder, use_reentrant,
                                                 monkeypatch):
    """With the same gradients, of stochastic depth as well."""
    monkeypatch.setattr(activation_checkpointing, 'checkpoint',
                        partial(checkpoint, use_reentrant=use_reentrant))
    model = make_model(encoder, 'dyhead').train()
    lengths = (29, 7)
    data = model.data_preprocessor(
        dict(
            inputs=[torch.randn(5, length) for length in lengths],
            data_samples=[make_sample(length) for length in lengths]))
    batch = data['inputs'].double(), data['data_samples']
    expected = gradients(model, batch)
    names = ['backbone.branch.0', 'head.cls_tower', 'head.cls_tower.layers.0']
    runs = dict.fromkeys(names, 0)

    def count(name, forward, *args):
        runs[name] += 1
        return forward(*args)

    wrapped = [model.get_submodule(name) for name in names]
    for name, module in zip(names, wrapped):
        module.forward = partial(count, name, module.forward)
        # which keeps what is wrapped as an attribute of the module
        module.forward.__name__ = name
        module.forward.__module__ = __name__
    try:
        activation_checkpointing.turn_on_activation_checkpointing(model, names)
        found = gradients(model, batch)
    finally:
        for module in wrapped:
            del module.forward
    assert runs['backbone.branch.0'] == runs['head.cls_tower'] == 2
    # within the tower, which is run twice itself
    assert runs['head.cls_tower.layers.0'] == 2 + use_reentrant
    for name, grad in expected.items():
        torch.testing.assert_close(found[name], grad, msg=name)


@pytest.mark.parametrize('encoder', ENCODERS)
@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
@torch.no_grad()
def test_encoder_alone_is_that_of_the_detector(encoder, pad_to):
    """What padding counts for comes with the cells and is in no module."""
    model = make_model(encoder, 'dyhead', pad_to).eval()
    alone = MODELS.build(
        dict(
            in_channels=5,
            embed_channels=16,
            arch=(2, 1, 2),
            position=dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=16)
            if model.backbone.position else None,
            **ENCODERS[encoder])).double().eval()
    alone.load_state_dict(model.backbone.state_dict())
    inputs = torch.randn(2, 5, 32).double()
    samples = [make_sample(length) for length in (29, 7)]
    for sample, length in zip(samples, (29, 7)):
        sample.set_metainfo(dict(feat_len=length))
    cells = model.cells_of(inputs, samples)
    inputs = inputs * cells.mask
    inside = []
    hook = model.backbone.register_forward_hook(
        lambda *args: inside.append(args[2]))
    model(inputs, samples)
    hook.remove()
    ours = alone(inputs, Cells.of([29, 7], 32, 'cpu', model.padding))
    for x, y in zip((*ours.feats, *ours.masks),
                    (*inside[0].feats, *inside[0].masks)):
        assert torch.equal(x, y)


@torch.no_grad()
def test_without_cells_all_are_valid_and_a_tuple_is_returned():
    """As necks of MMDetection take it."""
    encoder = DynEBackbone(4, embed_channels=16, arch=(1, 1, 2)).eval()
    x = torch.randn(2, 4, 13)
    outs = encoder(x)
    assert type(outs) is tuple
    expected = encoder(x, Cells.of([13, 13], 13, 'cpu')).feats
    assert all(map(torch.equal, outs, expected))


@torch.no_grad()
def test_a_tower_alone_takes_a_packed_pyramid():
    """It needs no head, and no more than features and lengths."""
    tower = DyTower(4, 6, 2).eval()
    cells = Cells.of([9], 12, 'cpu')
    packed = PackedPyramid([cells, cells.halved], 2)
    feats = [torch.randn(1, 4, n) for n in (12, 6)]
    outs = packed.unpack(tower(packed.pack(feats), packed))
    assert [x.shape for x in outs] == [(1, 6, 12), (1, 6, 6)]
