import pytest
from matplotlib.figure import Figure
from mmengine.logging import MMLogger

from dyfadet_mm.visualization import Lettering, lettering

# of Nushu, which hardly any computer has
UNKNOWN = '\U0001b170'


@pytest.fixture
def log(caplog):
    """What the current logger gets."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def drawn(text, letters):
    """Draw a text and return its size in pixels."""
    figure = Figure(dpi=72)
    written = figure.text(0, 0, letters.spell(text), **letters.font())
    figure.canvas.draw()
    return written.get_window_extent().width


@pytest.mark.parametrize('text', ['$\\frac$', '$x$', 'a $5 b', '\\$', '$$'])
def test_dollar_signs_are_no_mathematics(text):
    letters = Lettering([text])
    assert letters.width(letters.spell(text), 10) == pytest.approx(
        drawn(text, letters) / 72, rel=0.15)
    assert letters.spell(text).replace('\\$', '$') == text


@pytest.mark.filterwarnings('error')
def test_what_no_font_has_is_written_as_its_number(log):
    for _ in range(2):
        letters = Lettering(['run', f'{UNKNOWN} a\nb'])
        assert letters.spell(f'{UNKNOWN} a\nb') == '\\U0001b170 a\\nb'
        assert drawn(UNKNOWN, letters) > 40
    assert log.text.count('no installed font has') == 1
    assert 'install a font' in log.text


@pytest.mark.filterwarnings('error')
def test_another_installed_font_is_taken():
    # matplotlib brings STIX, which has this letter; DejaVu Sans lacks it
    sign = '\u24b6'
    assert sign not in lettering._signs_of(lettering._default_font())
    letters = Lettering([sign])
    assert letters.spell(sign) == sign and len(letters.font()['family']) > 1
    drawn(sign, letters)


def test_a_file_that_is_no_font_has_no_characters(tmp_path):
    path = tmp_path / 'font.ttf'
    path.write_text('none')
    assert not lettering._signs_of(str(path))


def test_long_texts_are_broken_into_lines_that_fit():
    text = 'word ' * 20 + 'x' * 100
    letters = Lettering([text])
    lines = letters.lines(text, 9, 2.)
    assert ''.join(lines) == text and len(lines) > 3
    assert all(letters.width(line, 9) <= 2. for line in lines)
    assert lines[0].endswith(' ')
    assert letters.lines('', 9, 2.) == ['']


def test_breaking_takes_time_in_proportion_to_the_text(monkeypatch):
    measured = []
    width = Lettering.width

    def count(self, text, *args):
        measured.append(len(text))
        return width(self, text, *args)

    text = 'x' * 3000
    letters = Lettering([text])
    monkeypatch.setattr(Lettering, 'width', count)
    assert ''.join(letters.lines(text, 9, 2.)) == text
    assert sum(measured) < 20 * len(text)
