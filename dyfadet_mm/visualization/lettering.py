"""Text of users in pictures: every label and video id can be drawn."""
import logging
import unicodedata
from functools import lru_cache
from typing import Any, Dict, FrozenSet, Iterable, List, Tuple

from matplotlib import font_manager, rcParams
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import text_to_path
from mmengine.logging import print_log

# fonts of boxes or of signs that are not text
NO_TEXT_FONTS = ('Last Resort', 'STIXSize', 'cmex', 'cmsy', 'cmmi')
POINTS_PER_INCH = 72


class Lettering:
    """How to draw texts that may hold any character.

    Characters that the default font lacks are taken from another installed
    font. Those that no font has are drawn as escapes such as ``\\u8df3``, and
    a warning asks once for such a font. Nothing is read as mathematics.

    Args:
        texts (Iterable[str]): All texts that will be drawn.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        used = {sign for text in texts for sign in text if sign.isprintable()}
        missing = used - _signs_of(_default_font())
        self._families, self._lacking = _choose_fonts(frozenset(missing))
        if self._lacking:
            _warn_once(''.join(sorted(self._lacking)))

    def spell(self, text: str) -> str:
        """Write out what cannot be drawn.

        Args:
            text (str): One of the texts.

        Returns:
            str: For matplotlib, with the options of :meth:`font`.
        """
        signs = (
            sign if sign.isprintable() and sign not in self._lacking else
            sign.encode('unicode_escape', 'surrogatepass').decode('ascii')
            for sign in text)
        # a sole dollar sign is drawn as it is, and so is an escaped one
        return ''.join(signs).replace('$', r'\$')

    def font(self) -> Dict[str, Any]:
        """Options of matplotlib for the font."""
        return dict(family=[*rcParams['font.family'], *self._families])

    def width(self, text: str, size: float, weight: str = 'normal') -> float:
        """Measure a line of text.

        Args:
            text (str): What :meth:`spell` returned.
            size (float): Points.
            weight (str): ``'normal'`` or ``'bold'``. Defaults to
                ``'normal'``.

        Returns:
            float: Inches.
        """
        font = font_manager.FontProperties(
            size=size, weight=weight, **self.font())
        return text_to_path.get_text_width_height_descent(
            text.replace(r'\$', '$'), font, False)[0] / POINTS_PER_INCH

    def lines(self,
              text: str,
              size: float,
              width: float,
              weight: str = 'normal') -> List[str]:
        """Break a text into lines that fit, so that nothing is cut off.

        Args:
            text (str): As given by the user.
            size (float): Points.
            width (float): Inches.
            weight (str): As of :meth:`width`. Defaults to ``'normal'``.

        Returns:
            list[str]: At least one line, each as :meth:`spell` returns it.
        """

        def fits(num: int) -> bool:
            return self.width(self.spell(text[:num]), size, weight) <= width

        lines = []
        while True:
            num = 2  # what is measured stays in the order of a line
            while num < len(text) and fits(num):
                num *= 2
            num = min(num, len(text))
            while num > 1 and not fits(num):
                # near the number that fits, without a step too far
                num = max(min(num - 1, int(0.9 * num)), 1)
            if num < len(text):  # rather between two words
                num = text.rfind(' ', 1, num) + 1 or num
            lines.append(self.spell(text[:num]))
            text = text[num:]
            if not text:
                return lines


def _default_font() -> str:
    """Path of the font that matplotlib takes first."""
    return font_manager.findfont(font_manager.FontProperties())


@lru_cache(maxsize=None)
def _signs_of(path: str) -> FrozenSet[str]:
    """Characters that a font file has."""
    try:
        font = FT2Font(path)
    except RuntimeError:  # a file of another kind
        return frozenset()
    # pictures of signs, such as emoji in colour, have one size only
    return frozenset(map(chr, font.get_charmap() if font.scalable else ()))


@lru_cache(maxsize=None)
def _choose_fonts(
        missing: FrozenSet[str]) -> Tuple[Tuple[str, ...], FrozenSet[str]]:
    """Fewest installed fonts for characters, and those that none has."""
    families, lacking = [], missing
    while lacking:
        best = max(
            _text_fonts(),
            key=lambda font: len(lacking & _signs_of(font.fname)),
            default=None)
        if best is None or not lacking & _signs_of(best.fname):
            break
        families.append(best.name)
        lacking -= _signs_of(best.fname)
    return tuple(families), lacking


def _text_fonts() -> List[font_manager.FontEntry]:
    """Installed fonts, upright and of normal weight, sorted by name."""
    return sorted(
        (font for font in font_manager.fontManager.ttflist
         if font.style == 'normal' and font.weight in (
             400, 'normal') and not font.name.startswith(NO_TEXT_FONTS)),
        key=lambda font: font.name)


@lru_cache(maxsize=None)
def _warn_once(signs: str) -> None:
    """Say that no font has some characters, once per process."""
    scripts = sorted({
        unicodedata.name(sign, 'unknown').split()[0].lower()
        for sign in signs
    })
    print_log(
        f'no installed font has {signs[:20]!r} ({", ".join(scripts)}): '
        'pictures show their numbers; install a font with these characters, '
        'such as one of the Noto fonts (packages of Debian: fonts-noto-core, '
        'for Chinese, Japanese and Korean fonts-noto-cjk, for emoji '
        'fonts-symbola), and remove the font list in '
        'matplotlib.get_cachedir()',
        'current',
        level=logging.WARNING)
