import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slow_layers import array, slow_conv, slow_layer_norm, slow_max_pool

from dyfadet_mm.models import LocalAttentionLayer
from dyfadet_mm.models.layers.local_attention import band_attention
from dyfadet_mm.registry import MODELS


def slow_softmax_mean(scores, values):
    """Mean of values (N, d) by the softmax of their scores."""
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = sum(weights)
    return sum(w / total * value for w, value in zip(weights, values))


def slow_attention(query, key, value, valid, num_heads, window, rel_pe=None):
    """Of arrays (C, T): each query looks at its neighbours one by one."""
    size = len(query) // num_heads
    out = np.zeros_like(query)
    for head in range(num_heads):
        rows = slice(head * size, (head + 1) * size)
        for i in range(query.shape[1]):
            scores, values = [], []
            for j in range(query.shape[1]):
                near = window <= 1 or abs(i - j) <= window // 2
                if not (near and valid[j]):
                    continue
                score = sum(query[rows, i] * key[rows, j]) / math.sqrt(size)
                if rel_pe is not None:
                    score += rel_pe[head, j - i + window // 2]
                scores.append(score)
                values.append(value[rows, j])
            if scores and valid[i]:
                out[rows, i] = slow_softmax_mean(scores, values)
    return out


def slow_local_attention(x, mask, layer, stride, num_heads, window):
    """The layer as its definition reads, with its mask."""
    part = layer.attention
    h, out_mask = slow_layer_norm(x, layer.norm1), mask[::stride]

    def project(each):
        y = slow_conv(h, each.conv, len(h))[:, ::stride] * out_mask
        return slow_conv(slow_layer_norm(y, each.norm), each.linear)

    att = slow_attention(
        project(part.query), project(part.key), project(part.value), out_mask,
        num_heads, window,
        None if part.rel_pe is None else array(part.rel_pe)[0, 0])
    att = slow_conv(att, part.proj) * out_mask
    if stride == 2:
        x = slow_max_pool(x)
    scale = array(layer.drop_path_attn.scale)[:, None]
    y = x * out_mask + scale * att
    hidden = slow_conv(slow_layer_norm(y, layer.norm2), layer.mlp[0])
    erf = np.vectorize(math.erf)
    hidden = hidden * (1 + erf(hidden / math.sqrt(2))) / 2
    branch = slow_conv(hidden, layer.mlp[3]) * out_mask
    return y + array(layer.drop_path_mlp.scale)[:, None] * branch, out_mask


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    length=st.integers(1, 12),
    missing=st.integers(0, 11),
    window=st.sampled_from([-1, 1, 2, 3, 4, 7, 19]),
    stride=st.sampled_from([1, 2]),
    num_heads=st.sampled_from([1, 2, 4]),
    rel_pe=st.booleans())
@example(12, 5, 3, 2, 2, True)
def test_layer_equals_its_definition(randomise, make_cells, length, missing,
                                     window, stride, num_heads, rel_pe):
    layer = randomise(
        LocalAttentionLayer(
            4,
            num_heads,
            window,
            stride,
            use_rel_pe=rel_pe and window % 2 == 1)).eval()
    x = torch.randn(2, 4, length).double()
    cells = make_cells([length, max(length - missing, 1)], length)
    out, out_mask = layer(x, cells), cells.at(stride).mask
    for video, mask in enumerate(cells.mask[:, 0].numpy()):
        expected, expected_mask = slow_local_attention(x[video].numpy(), mask,
                                                       layer, stride,
                                                       num_heads, window)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))
        assert out_mask[video, 0].tolist() == expected_mask.tolist()


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    length=st.integers(1, 150),
    valid=st.integers(1, 150),
    reach=st.sampled_from([0, 1, 4, 9, 20, 70]),
    seed=st.integers(0, 99))
@example(97, 97, 4, 0)  # three blocks and one cell
@example(128, 70, 20, 0)
def test_blocks_are_the_band(length, valid, reach, seed):
    """Blocks of queries give what a mask over all T x T pairs gives."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (
        torch.randn(2, length, 6, generator=generator).double()
        for _ in range(3))
    table = torch.randn(2, 2 * reach + 1, generator=generator).double()
    cells = torch.arange(length)
    lengths = torch.tensor([length, min(valid, length)])
    mask = cells < lengths[:, None]  # (B, T)
    out = band_attention(query, key, value, mask, 2, reach, table)

    distance = cells - cells[:, None]
    allowed = (distance.abs() <= reach) & mask[:, None, None]
    heads = [
        x.unflatten(2, (2, 3)).transpose(1, 2) for x in (query, key, value)
    ]
    scores = heads[0] @ heads[1].transpose(2, 3) / math.sqrt(3)
    scores = scores + table[:, (distance + reach).clamp(0, 2 * reach)]
    weights = scores.masked_fill(~allowed, -1e9).softmax(3)
    expected = (weights @ heads[2]).transpose(1, 2).flatten(2)
    for video in range(2):
        part = slice(0, lengths[video])
        torch.testing.assert_close(out[video, part], expected[video, part])
    assert out.isfinite().all()


def test_scores_grow_with_the_window_and_not_with_the_square_of_the_length():
    """Long videos need memory in proportion to their length."""
    sizes = []

    class Count(torch.utils._python_dispatch.TorchDispatchMode):

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            outs = out if isinstance(out, (tuple, list)) else [out]
            sizes.extend(x.numel() for x in outs if torch.is_tensor(x))
            return out

    x, mask = torch.randn(1, 4096, 8), torch.ones(1, 4096).bool()
    with Count():
        band_attention(x, x, x, mask, 2, 9)
    assert sizes and max(sizes) <= 2 * 4096 * (32 + 2 * 9)


@pytest.mark.parametrize('window', [2, 6, 18])
def test_even_window_acts_as_the_next_odd_one(window, randomise, make_cells):
    x, cells = torch.randn(2, 8, 20).double(), make_cells([20, 13], 20)
    outs = [
        randomise(LocalAttentionLayer(8, window=w)).eval()(x, cells)
        for w in (window, window + 1, window + 2)
    ]
    assert torch.equal(outs[0], outs[1])
    assert not torch.allclose(outs[1], outs[2])


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('length', [1, 2, 3, 9, 70])
def test_length_is_divided_and_padding_is_zero(length, stride, randomise,
                                               make_cells):
    layer = randomise(LocalAttentionLayer(8, window=5, stride=stride))
    cells = make_cells([length, (length + 1) // 2], length)
    out = layer(torch.randn(2, 8, length).double(), cells)
    assert out.shape == (2, 8, -(-length // stride))
    assert out.isfinite().all()
    assert not (out * ~cells.at(stride).mask).any()


@pytest.mark.parametrize('window', [-1, 5])
@pytest.mark.parametrize('stride', [1, 2])
def test_only_the_first_padded_cell_is_read(stride, window, randomise,
                                            make_cells):
    layer = randomise(LocalAttentionLayer(8, window=window, stride=stride))
    assert layer.reach == 1
    x, cells = torch.randn(1, 8, 40).double(), make_cells([23], 40)
    layer.eval()
    expected = layer(x, cells)
    far = x.clone()
    far[..., 24:] = torch.randn(8, 16)
    torch.testing.assert_close(layer(far, cells), expected)
    far[..., 23] = torch.randn(8)
    assert not torch.allclose(layer(far, cells), expected)
    cells = make_cells([23], 40, 'ignored')
    expected = layer(x, cells)
    torch.testing.assert_close(layer(far, cells), expected)
    alone = layer(x[..., :23], make_cells([23], 23, 'ignored'))
    torch.testing.assert_close(expected[..., :alone.size(2)], alone)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('window', [-1, 3])
def test_every_parameter_gets_a_gradient(stride, window, randomise,
                                         make_cells):
    layer = randomise(
        LocalAttentionLayer(
            8, 2, window, stride, use_rel_pe=True, drop_path_rate=0.))
    out = layer(torch.randn(2, 8, 50).double(), make_cells([50, 50], 50))
    (out * torch.randn_like(out)).sum().backward()
    assert (layer.attention.rel_pe is None) == (window < 0)
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        # softmax ignores what all keys of a query have in common
        ignored = name in ('attention.key.norm.bias',
                           'attention.key.linear.bias')
        assert ignored or parameter.grad.abs().max() > 1e-12, name


def test_gradients_are_right(randomise, make_cells):
    layer = randomise(LocalAttentionLayer(4, 2, 3, 2, use_rel_pe=True)).eval()
    x, cells = torch.randn(1, 4, 7).double(), make_cells([6], 7)
    assert torch.autograd.gradcheck(lambda x: layer(x, cells),
                                    x.requires_grad_())


def test_dropout_and_drop_path_act_in_training_only(make_cells):
    layer = LocalAttentionLayer(8, drop_path_rate=0.5, dropout=0.3)
    torch.nn.init.ones_(layer.drop_path_attn.scale)
    x, cells = torch.randn(1, 8, 9), make_cells([9], 9)
    drops = [each for each in layer.modules() if hasattr(each, 'p')]
    assert [each.p for each in drops] == [0.3] * 3
    assert not torch.equal(layer(x, cells), layer(x, cells))
    layer.eval()
    assert torch.equal(layer(x, cells), layer(x, cells))


def test_start():
    layer = MODELS.build(
        dict(
            type='LocalAttentionLayer', channels=32, window=9,
            use_rel_pe=True))
    layer.init_weights()
    biases = [p for name, p in layer.named_parameters() if 'bias' in name]
    assert len(biases) == 11 and not any(bias.any() for bias in biases)
    assert layer.drop_path_mlp.scale.eq(1e-4).all()
    table = layer.attention.rel_pe
    assert table.shape == (1, 1, 4, 9) and table.no_decay
    assert 0.1 < table.std() < 0.5  # sqrt(2 / 32) = 0.25


@pytest.mark.parametrize('options, message', [
    (dict(channels=10), 'channels must be a multiple of num_heads, 4, but'),
    (dict(channels=8, stride=3), r'stride must be one of \(1, 2\), but got 3'),
    (dict(channels=8, window=4, use_rel_pe=True),
     'window must be odd with use_rel_pe=True, but got 4'),
])
def test_what_does_not_fit_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        LocalAttentionLayer(**options)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_runs_under_autocast(dtype, make_cells):
    layer = LocalAttentionLayer(8, window=5, use_rel_pe=True).eval()
    torch.nn.init.ones_(layer.drop_path_attn.scale)
    x, cells = torch.randn(2, 8, 40), make_cells([40, 3], 40)
    expected = layer(x, cells)
    with torch.autocast('cpu', dtype):
        out = layer(x, cells)
    torch.testing.assert_close(out.float(), expected, rtol=0, atol=0.05)
