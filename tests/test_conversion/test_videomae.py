"""Published weights of VideoMAE under MMAction2's names."""
import re

import pytest
import torch
from one_step import load_tool

from dyfadet_mm.conversion import ConversionError, convert_videomae
from dyfadet_mm.registry import MODELS

NET = dict(
    type='mmaction.VisionTransformer',
    img_size=16,
    patch_size=8,
    embed_dims=12,
    depth=2,
    num_heads=3,
    mlp_ratio=2,
    num_frames=4,
    return_feat_map=True)


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    net = MODELS.build(NET)
    for each in net.parameters():
        torch.nn.init.normal_(each, std=0.3)
    return net


@pytest.fixture(scope='module')
def published(net):
    """As VideoMAE's authors name them; they do not save positions."""
    weights = {}
    for name, value in net.state_dict().items():
        name = re.sub(r'layers\.0\.0', 'fc1', name)
        name = re.sub(r'layers\.1', 'fc2', name)
        weights[name.replace('embed.projection', 'embed.proj')] = value
    del weights['pos_embed']
    weights.update({
        'head.weight': torch.ones(5, 12),
        'head.bias': torch.zeros(5)
    })
    assert 'blocks.1.mlp.fc1.weight' in weights
    assert 'blocks.0.attn.q_bias' in weights
    return weights


def test_weights_are_those_of_the_same_transformer(net, published):
    converted = convert_videomae(published, 16, 4)
    ours = {f'backbone.{k}': v for k, v in net.state_dict().items()}
    assert {k for k in converted if k.startswith('backbone.')} == set(ours)
    assert all(torch.equal(converted[name], ours[name]) for name in ours)
    assert converted['cls_head.fc_cls.weight'].shape == (5, 12)


@pytest.mark.parametrize('key', ['module', 'model', None])
def test_an_encoder_starts_from_the_written_file(key, net, published,
                                                 tmp_path):
    content = {f'module.{k}': v for k, v in published.items()}
    torch.save({key: content} if key else content, tmp_path / 'in.pth')
    command = [
        str(tmp_path / 'in.pth'),
        str(tmp_path / 'out.pth'), '--img-size=16', '--num-frames=4'
    ]
    tool = load_tool('model_converters/videomae_to_mm')
    tool.main(command)
    encoder = MODELS.build(
        dict(
            type='dyfadet_mm.FrameEncoder',
            backbone=NET,
            clip_len=4,
            adapters=dict(index=[0, 1], ratio=0.5),
            pretrained=str(tmp_path / 'out.pth'),
            mean=(0, 0, 0),
            std=(1, 1, 1))).eval()
    encoder.init_weights()
    frames = torch.randint(256, (1, 3, 4, 16, 16), dtype=torch.uint8)
    expected = net.eval()(frames.float()).mean((3, 4))
    found = encoder(frames, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(found, expected)
    with pytest.raises(SystemExit, match='FileExistsError: .*out.pth'):
        tool.main(command)


@pytest.mark.parametrize('change, message', [
    ({
        'decoder.blocks.0.norm1.weight': torch.ones(1)
    }, r"has the keys \['decoder.blocks.0.norm1.weight'\]"),
    ({
        'blocks.0.norm1.weight': torch.tensor([float('nan')])
    }, 'finite numbers'),
    ({
        'patch_embed.proj.weight': torch.ones(12, 3)
    }, 'must have 5 axes'),
    ({
        'patch_embed.proj.weight': None
    }, 'finite numbers, but .* is None'),
])
def test_other_weights_are_refused(change, message, published):
    with pytest.raises(ConversionError, match=message):
        convert_videomae(dict(published, **change))


def test_no_weights_are_refused():
    with pytest.raises(ConversionError, match='but has no such key'):
        convert_videomae({})
