"""Parts that were not configured for each other are refused when built."""
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from dyfadet_mm.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
#: 16 channels, three levels.
PARTS = dict(
    data_preprocessor=dict(type='dyfadet_mm.TADDataPreprocessor'),
    backbone=dict(
        type='dyfadet_mm.DynEBackbone',
        in_channels=5,
        embed_channels=16,
        arch=(1, 1, 2)),
    neck=dict(type='dyfadet_mm.IdentityFPN', channels=16, num_levels=3),
    head=dict(
        type='dyfadet_mm.DyHead',
        num_classes=2,
        in_channels=16,
        feat_channels=8,
        regression_ranges=[(0, 4), (4, 8), (8, 1e4)]))


def build(**changes):
    """The detector with other values, or with other parts."""
    cfg = dict(type='dyfadet_mm.SingleStageTAD', **PARTS)
    for name, change in changes.items():
        if change is not None and 'type' not in change:
            change = dict(cfg[name], **change)
        cfg[name] = change
    return MODELS.build(cfg)


def problems(**changes):
    """The lines of the message."""
    with pytest.raises(ValueError) as error:
        build(**changes)
    first, *lines = str(error.value).split('\n- ')
    assert first.endswith('parts of the model must fit together, but got')
    return lines


def fpn(in_channels=16, out_channels=16, num_levels=3):
    return dict(
        type='dyfadet_mm.FPN1d',
        in_channels=in_channels,
        out_channels=out_channels,
        num_levels=num_levels)


def one_level(**head):
    ranges = dict(regression_ranges=[(0, 1e4)])
    return dict(
        backbone=dict(arch=(1, 1, 0)),
        neck=dict(num_levels=1),
        head={
            **PARTS['head'],
            **ranges,
            **head
        })


class Part(nn.Module):
    """A user's own part, which states what it is given."""

    def __init__(self, **attributes):
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


class WidePart(Part):
    """One whose argument has the attribute's name."""

    def __init__(self, out_channels):
        super().__init__(out_channels=out_channels)


@pytest.mark.parametrize('changes, line', [
    (dict(backbone=dict(embed_channels=32)),
     'model.backbone.embed_channels gives 32 channels, but '
     'model.neck.channels takes 16: make them equal'),
    (dict(neck=fpn(in_channels=12)),
     'model.backbone.embed_channels gives 16 channels, but '
     'model.neck.in_channels takes 12: make them equal'),
    (dict(neck=fpn(out_channels=12)),
     'model.neck.out_channels gives 12 channels, but model.head.in_channels '
     'takes 16: make them equal'),
    (dict(neck=None, head=dict(in_channels=24)),
     'model.backbone.embed_channels gives 16 channels, but '
     'model.head.in_channels takes 24: make them equal'),
    (dict(backbone=dict(type=WidePart, out_channels=7)),
     'model.backbone.out_channels gives 7 channels, but model.neck.channels '
     'takes 16: make them equal'),
    (dict(
        backbone=dict(type=Part, out_channels=[8, 16, 32]),
        neck=dict(type=Part, in_channels=[8, 16, 24])),
     'model.backbone.out_channels gives [8, 16, 32] channels, but '
     'model.neck.in_channels takes [8, 16, 24]: make them equal'),
    (dict(neck=dict(type=Part, in_channels=[16, 16, 24])),
     'model.backbone.embed_channels gives 16 channels, but '
     'model.neck.in_channels takes [16, 16, 24]: make them equal'),
])
def test_channels(changes, line):
    assert problems(**changes) == [line]


@pytest.mark.parametrize('changes, line', [
    (dict(backbone=dict(arch=(1, 1, 3))),
     'model.backbone.arch gives 4 levels, but model.neck.num_levels takes 3: '
     'make them equal'),
    (dict(head=dict(regression_ranges=[(0, 4), (4, 1e4)])),
     'model.neck.num_levels gives 3 levels, but model.head.regression_ranges '
     'takes 2: make them equal'),
    (dict(neck=None, head=dict(regression_ranges=[(0, 4)] * 4)),
     'model.backbone.arch gives 3 levels, but model.head.regression_ranges '
     'takes 4: make them equal'),
    (dict(neck=dict(type=Part, in_channels=[16, 16], num_levels=3)),
     'model.backbone.arch gives 3 levels, but model.neck.in_channels takes '
     '2: make them equal'),
])
def test_levels(changes, line):
    assert problems(**changes) == [line]


@pytest.mark.parametrize(
    'head', [
        dict(type='dyfadet_mm.DyHead'),
        dict(type='dyfadet_mm.ConvMultiScaleHead'),
        dict(
            type='dyfadet_mm.TridentHead',
            tower=dict(type='dyfadet_mm.DyTower')),
    ],
    ids=lambda head: head['type'])
def test_a_head_that_fuses_levels_needs_two(head):
    name = head['type'].split('.')[1]
    assert problems(**one_level(**head)) == [
        f'model.backbone.arch gives 1 level, but model.head.type={name} fuses '
        'neighbouring levels, of which it needs 2: use more levels, or a head '
        'such as ConvHead'
    ]


def test_one_level_is_enough_for_others():
    for head in (dict(num_layers=1), dict(type='dyfadet_mm.ConvHead')):
        assert build(**one_level(**head)).head.num_levels == 1


def test_lengths():
    position = dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=96)
    changes = dict(
        backbone=dict(position=position),
        data_preprocessor=dict(max_seq_len=192))
    assert problems(**changes) == [
        'model.backbone.position.max_seq_len is 96, but '
        'model.data_preprocessor.max_seq_len is 192: make them equal'
    ]
    position['max_seq_len'] = 192
    build(**changes)
    # nothing is padded to that length
    changes['data_preprocessor'].update(max_seq_len=96, pad_to='divisor')
    build(**changes)


def test_all_of_them_are_listed():
    found = problems(
        backbone=dict(
            embed_channels=32,
            arch=(1, 1, 3),
            position=dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=8)),
        neck=fpn(8, 12, 1))
    assert [re.findall(r'model[.\w]+', line) for line in found] == [
        ['model.backbone.embed_channels', 'model.neck.in_channels'],
        ['model.backbone.arch', 'model.neck.num_levels'],
        ['model.neck.out_channels', 'model.head.in_channels'],
        ['model.neck.num_levels', 'model.head.regression_ranges'],
        ['model.neck.num_levels', 'model.head.type'],
        [
            'model.backbone.position.max_seq_len',
            'model.data_preprocessor.max_seq_len'
        ],
    ]


@pytest.mark.parametrize('changes', [
    dict(),
    dict(neck=None),
    dict(backbone=dict(type=Part)),
    dict(neck=dict(type=Part)),
    dict(head=dict(type=Part)),
    dict(head=dict(type=Part, in_channels='many', num_levels=None)),
    dict(backbone=dict(type=Part, out_channels=[16, 16, 16], num_levels=3)),
    dict(
        backbone=dict(type=Part, out_channels=[8, 16], num_levels=2),
        neck=dict(
            type=Part, in_channels=[8, 16], out_channels=16, num_levels=3)),
    dict(neck=dict(type=Part, in_channels=(16, 16, 16), num_levels=3)),
])
def test_parts_that_fit_or_do_not_say_are_built(changes):
    build(**changes)


@pytest.mark.parametrize('changes, words', [
    (dict(head=dict(kernel_size=4)),
     'model.head: kernel_size must be odd and positive, but got 4'),
    (dict(backbone=dict(kernel_size=2)),
     'model.backbone: kernel_size must be odd and positive, but got 2'),
    (dict(data_preprocessor=dict(pad_to='day')),
     "model.data_preprocessor: pad_to must be .* but got 'day'"),
])
def test_what_a_part_refuses_names_the_part(changes, words):
    with pytest.raises(ValueError, match=words):
        build(**changes)


class Old(nn.Module):
    """A part that takes a mask, as before cells came with their padding."""

    def __init__(self, **kwargs):
        super().__init__()

    def forward(self, x, mask):
        return x, mask


class OldPyramid(Old):
    """A part that takes the masks of all levels."""

    def forward(self, feats, masks):
        return feats, masks


class OldRows(Old):
    """A part of the packed heads as they were, on rows."""
    power = 1

    def forward_rows(self, x, cells):
        return x


BASE = dict(PARTS['head'], type='dyfadet_mm.BaseTADHead')
CONV = dict(PARTS['backbone'], type='dyfadet_mm.ConvBackbone')


def dynamic(**paths):
    return dict(BASE, tower=dict(type='dyfadet_mm.DyTower', **paths))


@pytest.mark.parametrize(
    'parts', [
        dict(
            backbone=dict(
                CONV,
                type='dyfadet_mm.PyramidEncoder',
                stem_layer=dict(type=Old),
                branch_layer=dict(type='dyfadet_mm.ConvLayer'))),
        dict(
            backbone=dict(
                CONV,
                type='dyfadet_mm.PyramidEncoder',
                stem_layer=dict(type='dyfadet_mm.ConvLayer'),
                branch_layer=dict(type=Old))),
        dict(backbone=dict(CONV, op=dict(type=Old))),
        dict(backbone=dict(CONV, position=dict(type=Old))),
        dict(backbone=dict(type=OldPyramid)),
        dict(neck=dict(type=OldPyramid)),
        dict(head=dict(BASE, tower=dict(type=OldPyramid))),
        dict(head=dict(BASE, tower=dict(type=OldRows))),
        dict(head=dynamic(scale_path=dict(type=OldRows))),
        dict(head=dynamic(depth_path=dict(type=OldPyramid))),
        dict(
            head=dynamic(
                scale_path=dict(
                    type='dyfadet_mm.DFAAtt', attention=dict(type=OldRows)))),
    ],
    ids=[
        'stem', 'branch', 'op', 'position', 'backbone', 'neck', 'tower',
        'tower on rows', 'path on rows', 'path', 'attention on rows'
    ])
def test_old_parts_are_told_where_to_read(parts):
    with pytest.raises(TypeError, match=r'\bOld.*docs/extend\.md'):
        build(**parts)


def test_training_ends_with_the_message(tmp_path):
    done = subprocess.run([
        sys.executable, ROOT / 'tools/train.py',
        ROOT / 'configs/dyfadet/dyfadet_i3d_1xb2-40e_thumos14.py',
        '--cfg-options', 'model.neck.channels=256', 'model.neck.num_levels=5',
        'model.head.in_channels=512'
    ],
                          cwd=tmp_path,
                          capture_output=True,
                          text=True)
    assert done.returncode == 1
    assert done.stderr.endswith(
        'parts of the model must fit together, but got\n'
        '- model.backbone.embed_channels gives 512 channels, but '
        'model.neck.channels takes 256: make them equal\n'
        '- model.backbone.arch gives 6 levels, but model.neck.num_levels '
        'takes 5: make them equal\n'
        '- model.neck.channels gives 256 channels, but '
        'model.head.in_channels takes 512: make them equal\n'
        '- model.neck.num_levels gives 5 levels, but '
        'model.head.regression_ranges takes 6: make them equal\n')
