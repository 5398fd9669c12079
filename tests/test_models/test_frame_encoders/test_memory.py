from functools import lru_cache

import pytest
import torch
from test_frame_encoder import VIT, build
from torch import nn

from dyfadet_mm.models.frame_encoders.memory import measure, peak_memory


class Toy(nn.Module):
    """Keeps the frames as float32 and their product with a weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, frames, masks):
        return (frames.float() * self.weight).relu()


def test_bytes_by_hand():
    """Of n numbers: the floats that the weight needs, the product and what
    relu keeps; then the gradients of the sum, of relu, and their product with
    the floats."""
    toy, n = Toy(), 2 * 3 * 4 * 8 * 8
    forward = 3 * 4 * n
    assert forward < measure(toy, (2, 3, 4, 8, 8), 1)[1] <= forward + 8 * n
    toy.requires_grad_(False)
    assert max(measure(toy, (2, 3, 4, 8, 8), 1)) <= 8 * n
    assert toy.weight.device.type == 'cpu' and toy.weight.grad is None


# wide, so that frames take little beside them
WAYS = dict(all=dict(backbone=dict(VIT, embed_dims=96, depth=2)))
WAYS['turn'] = dict(WAYS['all'], clips_at_once=1)
WAYS['adapted'] = dict(
    WAYS['turn'], adapters=dict(index=[0, 1]), train_mode='adapters')


@lru_cache
def peak(way, num_frames):
    shape = (1, 3, num_frames, 16, 16)
    return max(measure(build(**WAYS[way]), shape, num_frames // 2))


def test_memory_is_that_of_one_chunk():
    """But for pooled features, two steps of 384 bytes, some times over."""
    more = peak('turn', 32) - peak('turn', 16)
    assert more <= 4 * (2 * 384) * 6
    assert peak('all', 32) - peak('all', 16) > 10 * more


def test_adapters_add_the_outputs_of_their_blocks():
    """Of two blocks, and their gradients a block at a time."""
    output = 2 * 4 * 384  # of a chunk: 2 steps, 4 positions
    more = peak('adapted', 32) - peak('adapted', 16)
    assert 4 * 2 * output <= more <= 4 * 4 * output


@pytest.mark.parametrize('way', WAYS)
def test_what_is_found_of_four_groups_holds_for_eight(way):
    found = peak_memory(build(**WAYS[way]), (1, 3, 32, 16, 16), 16)
    assert found == pytest.approx(peak(way, 32), rel=0.1)


def test_too_many_frames_are_refused_before_they_are_computed():
    frames = torch.zeros(1, dtype=torch.uint8).expand(1, 3, 4 * 10**7, 16, 16)
    masks = torch.ones(1, 8, dtype=torch.bool)
    encoder = build(VIT)
    with pytest.raises(ValueError, match='need about .* set clips_at_once=1'):
        encoder(frames, masks)
