"""Writes a config that holds values only, though a config is code."""
from mmengine.config import Config

from dyfadet_mm.conversion import ConversionError
from dyfadet_mm.fileio import literal_config


def config_text(cfg: Config) -> str:
    """The text of a config, compared with what it is to say.

    MMEngine writes keys and unusual values as they come.

    Args:
        cfg (Config): Made from a file of somebody else.

    Returns:
        str: One assignment for each of its keys.

    Raises:
        ConversionError: If anything but these values would stand there.
    """
    try:
        text = cfg.pretty_text
        said = literal_config(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ConversionError('the values of a config must be literals, but '
                              f'{type(error).__name__}: {error}') from None
    if said != cfg.to_dict():
        raise ConversionError('a config must say what was meant, but the text '
                              'of this one reads otherwise')
    return text
