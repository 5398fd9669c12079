"""Formats the text of a config once, not with every checkpoint.

MMEngine writes the config into every checkpoint, and yapf takes a third of a
second for one of ours: longer than a small model takes for an epoch. The same
text gives the same result, so it is kept.

Upstream: no issue.
Delete when: MMEngine's ``Config.pretty_text`` or ``Runner.save_checkpoint``
keeps the text.
"""
from functools import lru_cache, wraps
from typing import Any, Callable, Optional

# a run has a few configs at most, of some 20 KB each
_NUM_KEPT = 16


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    from mmengine.config import config
    if hasattr(config.FormatCode, 'cache_clear'):
        return 'formatted texts are kept already'
    return None


def apply() -> None:
    """Keep what yapf returns to ``Config.pretty_text``."""
    from mmengine.config import config
    config.FormatCode = _keep_results(config.FormatCode)


def _keep_results(format_code: Callable) -> Callable:
    """Remember the results of a function by its text and options."""

    @lru_cache(_NUM_KEPT)
    def kept(text: str, style: tuple, options: tuple) -> Any:
        return format_code(text, style_config=dict(style), **dict(options))

    @wraps(format_code)
    def formatted(text: str, style_config: dict, **options: Any) -> Any:
        return kept(text, tuple(style_config.items()), tuple(options.items()))

    formatted.cache_clear = kept.cache_clear
    return formatted
