"""Every value of another code's configuration is of a known kind."""
import pytest

from dyfadet_mm.conversion import (ConversionError, actionformer_config,
                                   convert_config, opentad_config,
                                   opentad_encoder, opentad_parts,
                                   published_config, read, shared_config, show,
                                   tridet_config)
from dyfadet_mm.conversion.kinds import KINDS

DEFAULTS = (actionformer_config.MODEL_DEFAULTS, actionformer_config.TRAIN,
            tridet_config.MODEL_DEFAULTS, published_config.MODEL_DEFAULTS,
            published_config.DYN_HEAD_DEFAULTS, shared_config.TRAIN_DEFAULTS,
            shared_config.TEST_DEFAULTS, *opentad_config.DEFAULTS.values(),
            opentad_parts.POST_PROCESSING, opentad_parts.NMS,
            opentad_encoder.TRANSFORMER, opentad_encoder.CUSTOM)


@pytest.mark.parametrize('defaults', DEFAULTS)
def test_defaults_are_of_their_kind(defaults):
    for key, value in defaults.items():
        if value is not None:
            KINDS[key].check(key, value)


@pytest.mark.parametrize('key, good, wrong', [
    ('num_classes', (1, 20), (True, 0, 2.0, '2', None, 10**400, [2])),
    ('input_dim', (2048, [8, 4]), (None, [], [True], 'abc', [[1]])),
    ('k', (5, 1.2, 0), (float('nan'), float('inf'), True, '5', -1, None)),
    ('use_abs_pe', (True, False, 0, 1), (None, 2, 'yes', [], 1.)),
    ('n_encoder_win_size', (1, 19), (2, -1, True, 10**9, [1], 1.)),
    ('crop_ratio', (None, [0.9, 1.], (0, 1)), ([0.9], 0.9, [1, 2], 'ab')),
    ('json_file', ('./a b/c.json', '/x', '動作'),
     (None, 7, 's3://a', 'a\nb', '{{x}}', '${x}', '\ud800', 'x' * 2000)),
    ('file_prefix', (None, 'v_', 'a/b'), ('../a', '/a', 'a\\..\\b', 'a://b')),
    ('regression_range', ([(0, 4), [4, 10000]], ), (None, [4], [(1, 2, 3)])),
    ('dyn_head', (None, {}), ([], 'x', 1)),
])
def test_kinds(key, good, wrong):
    for value in good:
        assert read('section', {key: value}, {key: 7}) == {key: value}
    for value in wrong:
        with pytest.raises(ConversionError, match=rf'section\.{key} must be'):
            read('section', {key: value}, {key: 7})


@pytest.mark.parametrize('given', [[], 'x', 1, {1: 2}, {None: 1, 'a': 2}])
def test_sections_have_names(given):
    with pytest.raises(ConversionError, match='of x must be|x must be a sect'):
        read('x', given, {})


def test_required_keys_are_named():
    with pytest.raises(ConversionError, match="x must have 'k', but has"):
        read('x', dict(k=None, tau=1), {}, ('tau', 'k'))


@pytest.mark.parametrize(
    'given', [None, [], 7, {},
              dict(model=None),
              dict(model='dyn_head')])
def test_what_is_no_configuration_is_refused(given):
    with pytest.raises(ConversionError, match='reference_cfg'):
        convert_config(given)


def test_values_are_shown_in_short():
    bomb = []
    for _ in range(50):
        bomb = [bomb, bomb]
    deep = []
    for _ in range(10**5):
        deep = [deep]
    for value in (bomb, deep, 'x' * 10**6, 16**9999, dict.fromkeys(range(99)),
                  object()):
        assert len(show(value)) < 500
        with pytest.raises(ConversionError) as error:
            convert_config(dict(model=value))
        assert len(str(error.value)) < 2000
    while deep:  # else Python frees it level by level
        deep = deep.pop()
