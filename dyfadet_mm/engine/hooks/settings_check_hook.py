from mmengine.hooks import Hook
from mmengine.runner import Runner

from dyfadet_mm.registry import HOOKS
from ..options import check_settings


@HOOKS.register_module()
class SettingsCheckHook(Hook):
    """Refuse variables and options of a config that nothing reads.

    What the tools of this package refuse at once, this hook refuses in any
    other program that changes a config and makes a runner of it.
    """

    def before_run(self, runner: Runner) -> None:
        """Compare the config of the runner with its file.

        Args:
            runner (Runner): Of any process.

        Raises:
            ValueError: See :func:`dyfadet_mm.engine.options.check_settings`.
        """
        check_settings(runner.cfg)
