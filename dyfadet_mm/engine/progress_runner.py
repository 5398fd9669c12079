"""A runner that keeps the details in the log file."""
import logging
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from dyfadet_mm.registry import RUNNERS
from .hooks import ProgressHook


@RUNNERS.register_module()
class ProgressRunner(Runner):
    """Shows progress, warnings and errors; the log file holds everything.

    It is a runner with the :class:`ProgressHook`. Environment and config,
    some 400 lines, are logged while a runner is built, before any hook can
    act.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger and quieten its terminal.

        Args:
            args (Any): Arguments of ``Runner.build_logger``.
            kwargs (Any): Likewise.

        Returns:
            MMLogger: The logger.
        """
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            # a FileHandler is a StreamHandler too
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register the hooks of the config, and the progress.

        Args:
            args (Any): Arguments of ``Runner.register_hooks``.
            kwargs (Any): Likewise.
        """
        super().register_hooks(*args, **kwargs)
        if not any(isinstance(hook, ProgressHook) for hook in self.hooks):
            self.register_hook(ProgressHook())


def show_progress(cfg: Config) -> None:
    """Let the terminal show a progress bar in place of the log.

    Args:
        cfg (Config): Changed in place.

    Raises:
        ValueError: If the config names a runner of its own.
    """
    mine = 'dyfadet_mm.ProgressRunner'
    given = cfg.get('runner_type', 'Runner')
    if given not in ('Runner', mine):
        raise ValueError(
            f"--progress needs runner_type to be 'Runner', but got {given!r}; "
            "add dict(type='ProgressHook') to custom_hooks instead")
    cfg.runner_type = mine
