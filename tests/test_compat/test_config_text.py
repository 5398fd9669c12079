import pytest
from mmengine.config import Config, config

from dyfadet_mm.compat.config_text import _keep_results


def test_a_text_is_formatted_once_for_each_content():
    asked = []

    def format_code(text, style_config, verify=False):
        asked.append(text)
        return text.upper(), style_config['based_on_style'], verify

    kept = _keep_results(format_code)
    style = dict(based_on_style='pep8')
    for _ in range(3):
        assert kept('a', style_config=style) == ('A', 'pep8', False)
    assert kept('a', style_config=style, verify=True) == ('A', 'pep8', True)
    assert kept('b', style_config=style) == ('B', 'pep8', False)
    assert asked == ['a', 'a', 'b']


def test_errors_are_not_kept():
    kept = _keep_results(lambda text, style_config: 1 / len(text))
    assert kept('ab', style_config={}) == 0.5
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            kept('', style_config={})


def test_the_text_follows_the_config(plain_config_text):
    plain_config_text.stop()
    cfg = Config(dict(a=1, b=dict(c='x')))
    before = cfg.pretty_text
    cfg.b.c = 'y'
    assert cfg.pretty_text == before.replace("'x'", "'y'") != before
    config.FormatCode.cache_clear()
    assert cfg.pretty_text == before.replace("'x'", "'y'")
