from typing import Optional

from mmengine.runner import BaseLoop, Runner


def built_train_loop(runner: Runner) -> Optional[BaseLoop]:
    """The training loop, if the runner has built it.

    ``runner.train_loop``, and with it ``runner.epoch`` and ``runner.iter``,
    build the loop and read the training data. In ``Runner.val()`` and
    ``Runner.test()`` nobody needs them, and they may not exist.

    Args:
        runner (Runner): A runner in training, validation or testing.

    Returns:
        BaseLoop: The loop, None outside of training.
    """
    loop = runner._train_loop
    return loop if isinstance(loop, BaseLoop) else None
