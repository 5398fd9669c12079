"""Registries of dyfadet_mm, each a child of MMEngine's root of its kind.

``type='dyfadet_mm.X'`` builds ``X`` from any default scope, and
``type='mmaction.X'`` or ``type='mmdet.X'`` build from these registries.
"""
from mmengine import registry as mmengine_registry
from mmengine.registry import Registry


def _child(root: str, *locations: str) -> Registry:
    """Make the child registry of one MMEngine root.

    Args:
        root (str): Name of the root in :mod:`mmengine.registry`.
        locations (str): Sub-packages imported when a name is looked up.

    Returns:
        Registry: Registry in the scope ``dyfadet_mm``.
    """
    parent = getattr(mmengine_registry, root)
    return Registry(
        parent.name,
        parent=parent,
        scope='dyfadet_mm',
        locations=[f'dyfadet_mm.{location}' for location in locations])


# the model, its parts and its training-free helpers
MODELS = _child('MODELS', 'models')
TASK_UTILS = _child('TASK_UTILS', 'models', 'fileio')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', 'models')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS', 'models')
# data
DATASETS = _child('DATASETS', 'datasets')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'datasets')
TRANSFORMS = _child('TRANSFORMS', 'datasets')
# evaluation and drawing
METRICS = _child('METRICS', 'evaluation')
EVALUATOR = _child('EVALUATOR', 'evaluation')
VISUALIZERS = _child('VISUALIZERS', 'visualization')
VISBACKENDS = _child('VISBACKENDS', 'visualization')
# training and testing
HOOKS = _child('HOOKS', 'engine')
LOOPS = _child('LOOPS', 'engine')
OPTIMIZERS = _child('OPTIMIZERS', 'engine')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS', 'engine')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS', 'engine')
RUNNERS = _child('RUNNERS', 'engine')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS', 'engine')
LOG_PROCESSORS = _child('LOG_PROCESSORS', 'engine')
INFERENCERS = _child('INFERENCERS', 'apis')
FUNCTIONS = _child('FUNCTIONS', 'datasets', 'engine')
