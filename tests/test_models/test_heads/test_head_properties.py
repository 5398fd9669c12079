"""What holds for every head: padding, independence, lengths, gradients."""
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.structures import Cells, Pyramid

KINDS = ('static', 'convms', 'c', 'k', 'ck')
EVERY_KIND = pytest.mark.parametrize('kind', KINDS)


def lengths_of_levels(length, num_levels):
    return [-(-length // 2**level) for level in range(num_levels)]


def least_padded(length, num_levels, reach):
    """Shortest grid with ``reach`` padded cells on every level."""
    valid = lengths_of_levels(length, num_levels)
    total = length
    while any(n - v < reach
              for n, v in zip(lengths_of_levels(total, num_levels), valid)):
        total += 1
    return total


def padded(pyramid, lengths, total):
    return Pyramid.of([
        F.pad(x, (0, -(-total // 2**level) - x.size(2)))
        for level, x in enumerate(pyramid.feats)
    ], Cells.of(lengths, total, 'cpu'))


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(KINDS),
    kernel_size=st.sampled_from([1, 3, 5]),
    num_layers=st.integers(1, 3),
    num_levels=st.integers(1, 4),
    lengths=st.lists(st.integers(1, 13), min_size=1, max_size=2),
    extra=st.tuples(st.integers(0, 9), st.integers(1, 9)),
    seed=st.integers(0, 99))
def test_two_paddings_give_the_same_valid_outputs(kind, kernel_size,
                                                  num_layers, num_levels,
                                                  lengths, extra, seed,
                                                  make_head, make_pyramid,
                                                  randomise):
    torch.manual_seed(seed)
    head = randomise(
        make_head(
            kind, num_levels, num_layers=num_layers, kernel_size=kernel_size),
        seed)
    least = least_padded(max(lengths), num_levels, kernel_size // 2)
    pyramid = make_pyramid(lengths, least + extra[0], num_levels)
    longer_pyramid = padded(pyramid, lengths, least + sum(extra))
    short, long = head(pyramid), head(longer_pyramid)
    for level, (mask,
                longer) in enumerate(zip(pyramid.masks, longer_pyramid.masks)):
        for branch in range(2):
            x, y = short[branch][level], long[branch][level]
            valid, longer_valid = mask.expand_as(x), longer.expand_as(y)
            torch.testing.assert_close(
                x[valid], y[longer_valid], atol=1e-9, rtol=1e-9)
            assert not x[~valid].any() and not y[~longer_valid].any()


@settings(deadline=None, max_examples=20)
@given(
    kind=st.sampled_from(KINDS),
    lengths=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    video=st.integers(0, 3),
    seed=st.integers(0, 99))
def test_videos_of_a_batch_do_not_influence_each_other(kind, lengths, video,
                                                       seed, make_head,
                                                       make_pyramid,
                                                       randomise):
    torch.manual_seed(seed)
    head = randomise(make_head(kind), seed)
    video = video % len(lengths)
    pyramid = make_pyramid(lengths, 12, 3)
    batch = head(pyramid)
    # other neighbours, with other lengths
    others = [1 + n % 12 for n in lengths]
    others[video] = lengths[video]
    other = head(
        Pyramid.of([
            torch.stack([
                x[i] if i == video else torch.randn_like(x[i])
                for i in range(len(lengths))
            ]) for x in pyramid.feats
        ], Cells.of(others, 12, 'cpu')))
    alone = head(
        Pyramid.of([x[video:video + 1] for x in pyramid.feats],
                   Cells.of([lengths[video]], 12, 'cpu')))
    for branch in range(2):
        for ours, theirs, single in zip(batch[branch], other[branch],
                                        alone[branch]):
            for same in (theirs[video], single[0]):
                torch.testing.assert_close(
                    ours[video], same, atol=1e-12, rtol=1e-12)


@EVERY_KIND
@pytest.mark.parametrize('length', [1, 2, 3, 11])
@pytest.mark.parametrize('num_layers', [1, 2, 3])
def test_outputs_of_any_length(kind, length, num_layers, make_head,
                               make_pyramid):
    head = make_head(kind, num_layers=num_layers).double()
    cls_logits, offsets = head(
        make_pyramid([length, (length + 1) // 2], length, 3))
    lengths = lengths_of_levels(length, 3)
    assert [x.shape for x in cls_logits] == [(2, 3, n) for n in lengths]
    assert [x.shape for x in offsets] == [(2, 2, n) for n in lengths]
    assert all((x >= 0).all() and x.isfinite().all() for x in offsets)
    assert all(x.isfinite().all() for x in cls_logits)


@EVERY_KIND
@pytest.mark.parametrize('num_layers', [1, 2, 3])
def test_every_parameter_gets_a_gradient(kind, num_layers, make_head,
                                         make_pyramid, randomise):
    head = randomise(make_head(kind, num_layers=num_layers))
    with torch.no_grad():  # open gates and ReLUs
        for name, parameter in head.named_parameters():
            if name.endswith(('bias', 'alpha', 'scale')):
                parameter.fill_(1.5)
    cls_logits, offsets = head(make_pyramid([12, 9], 12, 3))
    outs = cls_logits + offsets
    sum((x * torch.randn_like(x)).sum() for x in outs).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@EVERY_KIND
def test_features_are_not_changed_in_place(kind, make_head, make_pyramid):
    pyramid = make_pyramid([8], 8, 3)
    copies = [x.clone() for x in pyramid.feats]
    make_head(kind).double()(pyramid)
    assert all(map(torch.equal, pyramid.feats, copies))


@EVERY_KIND
def test_class_prior_and_empty_classes_at_the_start(kind, make_head):
    head = make_head(kind, num_classes=4, empty_classes=(1, 3))
    head.init_weights()
    priors = head.conv_cls.bias.double().sigmoid().tolist()
    assert priors == pytest.approx([0.01, 1e-6, 0.01, 1e-6], rel=1e-3)
    head = make_head(kind, prior_prob=0.2)
    head.init_weights()
    priors = head.conv_cls.bias.sigmoid().tolist()
    assert priors == pytest.approx([0.2] * 3)
    assert [scale.scale.item() for scale in head.scales] == [1.] * 3


@EVERY_KIND
@pytest.mark.parametrize('num_layers', [1, 3])
def test_ignored_padding_is_not_read(kind, num_layers, make_head, make_pyramid,
                                     randomise):
    """Not even where the neck leaves numbers there, as a user's own may."""
    head = randomise(make_head(kind, num_layers=num_layers))
    clean = make_pyramid([9, 4], 12, 3, padding='ignored')
    noisy = clean._replace(
        feats=tuple(x + 5. * ~mask
                    for x, mask in zip(clean.feats, clean.masks)))
    for ours, theirs in zip(head(noisy), head(clean)):
        assert all(map(torch.equal, ours, theirs))
