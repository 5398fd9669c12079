"""What the runner needs besides data and model."""
from .hooks import (ClassNamesHook, FiniteCheckHook, GateWatchHook,
                    PlainCheckpointHook, PositivesCheckHook, ProgressHook,
                    SetEpochHook, SettingsCheckHook, TADCheckpointHook,
                    TADVisualizationHook, TrainingCheckHook)
from .loops import EMAValLoop, TADTrainLoop
from .optimizers import Bfloat16OptimWrapper, TADOptimWrapperConstructor
from .options import merge_options
from .progress_runner import ProgressRunner, show_progress
from .work_dir import hold_work_dir

__all__ = [
    'Bfloat16OptimWrapper', 'EMAValLoop', 'FiniteCheckHook', 'GateWatchHook',
    'ClassNamesHook', 'PositivesCheckHook', 'PlainCheckpointHook',
    'ProgressHook', 'ProgressRunner', 'show_progress', 'hold_work_dir',
    'SetEpochHook', 'SettingsCheckHook', 'merge_options', 'TADCheckpointHook',
    'TADOptimWrapperConstructor', 'TADTrainLoop', 'TADVisualizationHook',
    'TrainingCheckHook'
]
