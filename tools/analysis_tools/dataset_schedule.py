"""How many iterations the data gives, and whether the schedule fits them."""
from typing import List, NamedTuple, Optional

from dataset_survey import DATA_ERRORS, Finding
from mmengine.config import Config
from mmengine.runner import Runner

from dyfadet_mm.engine.loops import refuse_empty_loader
from dyfadet_mm.engine.schedule_check import check_schedule, num_iterations


class Training(NamedTuple):
    """Length of a training on one device.

    Attributes:
        samples (int): Samples per epoch, as wrappers of the data set repeat
            them.
        iterations_per_epoch (int): Batches of the loader.
        iterations (int): All, 0 if the loop does not say.
        problem (str): Why there is no iteration, empty if there are some.
    """
    samples: int
    iterations_per_epoch: int
    iterations: int
    problem: str = ''

    def describe(self) -> str:
        """Say it in one line."""
        return (f'training: {self.samples} samples per epoch, '
                f'{self.iterations_per_epoch} iterations per epoch, '
                f'{self.iterations} iterations in all, on one device')


def measure_training(cfg: Config) -> Optional[Training]:
    """Build the training loader as the runner does, and ask its length.

    Args:
        cfg (Config): Whole config.

    Returns:
        Training: None if the config does not train, or the loader cannot be
        built: the findings about the data say why.
    """
    if not cfg.get('train_dataloader') or not cfg.get('train_cfg'):
        return None
    try:
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        length = len(loader)
    except (*DATA_ERRORS, AssertionError):
        return None
    problem = ''
    try:
        refuse_empty_loader(loader)
    except ValueError as error:
        problem = str(error)
    return Training(
        len(loader.dataset), length, num_iterations(cfg.train_cfg, length),
        problem)


def check_training(cfg: Config, training: Optional[Training]) -> List[Finding]:
    """Check the schedule of a config.

    Args:
        cfg (Config): Whole config.
        training (Training, optional): As of :func:`measure_training`.

    Returns:
        list[Finding]: What keeps the training from going well.
    """
    if training is None:
        return []
    if training.problem:
        return [Finding('error', 'train', 'iterations', training.problem)]
    problems = check_schedule(cfg, training.iterations_per_epoch)
    return [Finding(p.severity, 'train', p.check, p.message) for p in problems]
