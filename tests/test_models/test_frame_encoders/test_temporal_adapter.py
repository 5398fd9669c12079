import pytest
import torch

from dyfadet_mm.models import TemporalAdapter


def test_a_value_by_hand(randomise):
    adapter = randomise(TemporalAdapter(4, 0.5))
    x = torch.randn(1, 3, 1, 2, 4).double()
    found = adapter(x)
    weights = dict(adapter.named_parameters())
    for position in range(2):
        h = torch.nn.functional.gelu(
            x[0, :, 0, position] @ weights['down_proj.weight'].T +
            weights['down_proj.bias'])  # (T, c)
        for t in range(3):
            mixed = weights['dwconv.bias'].clone()
            for tap in range(3):
                if 0 <= t + tap - 1 < 3:
                    mixed += weights['dwconv.weight'][:, 0,
                                                      tap] * h[t + tap - 1]
            a = weights['conv.weight'][..., 0] @ mixed + weights['conv.bias']
            up = weights['up_proj.weight'] @ (h[t] + a)
            expected = x[0, t, 0, position] + weights['gamma'] * (
                up + weights['up_proj.bias'])
            torch.testing.assert_close(found[0, t, 0, position], expected)


@pytest.mark.parametrize('cuts', [[5], [1, 4], [2, 1, 2], [1] * 5])
def test_parts_with_their_neighbours_are_the_whole(cuts, randomise):
    adapter = randomise(TemporalAdapter(4, 0.5))
    x = torch.randn(2, 5, 2, 3, 4).double()
    parts = x.split(cuts, 1)
    before = [None, *(each[:, -1:] for each in parts)]
    after = [*(each[:, :1] for each in parts[1:]), None]
    found = torch.cat([adapter(*each) for each in zip(parts, before, after)],
                      1)
    torch.testing.assert_close(found, adapter(x))


def test_it_starts_as_the_identity():
    adapter = TemporalAdapter(8)
    x = torch.randn(2, 5, 2, 3, 8)
    assert torch.equal(adapter(x), x)
    adapter(x).sum().backward()
    assert adapter.up_proj.weight.grad.any()
