"""Search for settings of the postprocessor by dotted key, as nms.sigma."""
import inspect
from typing import Any, Callable, Dict

from dyfadet_mm.models import SegmentPostprocessor
from dyfadet_mm.ops import soft_nms

Settings = Dict[str, Any]
Objective = Callable[[Settings], float]

#: What is tried, the most telling setting first.
GRID = {
    'nms.sigma':
    (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.2, 1.6, 2., 3.),
    'nms.method': ('gaussian', 'linear', 'hard'),
    'nms.iou_threshold': (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    'nms.class_wise': (True, False),
    'voting_thr': (0., 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    'nms.max_num': (50, 100, 200, 500, 1000, 2000),
    'nms.min_score': (0., 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    'score_thr': (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    'pre_nms_topk': (50, 100, 200, 500, 1000, 2000, 5000),
}
NMS = 'nms.'


def own_settings(postprocessor: dict) -> Settings:
    """Settings that a detector has, of those that are searched.

    Args:
        postprocessor (dict): Arguments of ``SegmentPostprocessor``.

    Returns:
        dict: By dotted key. Without NMS, it has no settings.
    """
    known = {**vars(SegmentPostprocessor()), **postprocessor}
    nms = known.pop('nms')
    if nms is not None:
        nms = {**_defaults(soft_nms), **nms}
        known.update({f'{NMS}{key}': value for key, value in nms.items()})
    return {key: known[key] for key in GRID if key in known}


def nested(settings: Settings) -> dict:
    """Settings as a config has them.

    Args:
        settings (dict): By dotted key.

    Returns:
        dict: Arguments of ``SegmentPostprocessor``.
    """
    found = {k: v for k, v in settings.items() if not k.startswith(NMS)}
    nms = {k[len(NMS):]: v for k, v in settings.items() if k.startswith(NMS)}
    return dict(found, nms=nms) if nms else found


def search(objective: Objective,
           own: Settings,
           num_trials: int,
           seed: int = 0) -> Settings:
    """Find better settings than one's own.

    Optuna chooses what is tried; without it, one setting after another is
    changed for the better.

    Args:
        objective (Callable): What is to become large.
        own (dict): Where the search starts, by dotted key.
        num_trials (int): How often the objective is computed, beside the
            last step.
        seed (int): Of Optuna. Defaults to 0.

    Returns:
        dict: The best, where what gains nothing is as it was. Of equal ones
        that is the first, so that the own settings stay if none is better.
    """
    space = {
        key: values if own[key] in values else (own[key], *values)
        for key, values in GRID.items() if key in own
    }
    trials = _Trials(objective)
    trials(own)
    try:
        import optuna
    except ImportError:
        _change_one_by_one(trials, own, space, num_trials)
    else:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            direction='maximize',
            sampler=optuna.samplers.TPESampler(seed=seed))
        study.enqueue_trial({k: space[k].index(own[k]) for k in space})
        study.optimize(
            lambda trial: trials({
                key:
                values[trial.suggest_int(key, 0,
                                         len(values) - 1)]
                for key, values in space.items()
            }), num_trials)
    best = trials.best
    for key in best:  # a coincidence is no reason for a line in a config
        plainer = {**best, key: own[key]}
        if trials(plainer) >= trials(best):
            best = plainer
    return best


class _Trials:
    """Computes the objective once for the same settings."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.results: Dict[tuple, float] = {}
        self.best: Settings = {}

    def __call__(self, settings: Settings) -> float:
        """The objective."""
        key = tuple(settings.items())
        if key not in self.results:
            self.results[key] = self.objective(settings)
            if not self.best or self.results[key] > self(self.best):
                self.best = settings
        return self.results[key]

    def __len__(self) -> int:
        return len(self.results)


def _change_one_by_one(trials: _Trials, own: Settings, space: Dict[str, tuple],
                       num_trials: int) -> None:
    """Try all values of a setting beside the best of the others, in turns."""
    before = None
    while before != trials.best:
        before = trials.best
        for key, values in space.items():
            start = trials.best
            for value in values:
                if len(trials) >= num_trials:
                    return
                trials({**start, key: value})


def _defaults(function: Callable) -> Dict[str, Any]:
    """Default values of arguments."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty
    }
