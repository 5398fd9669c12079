"""Hooks of the runner."""
from .checkpoint_hook import TADCheckpointHook
from .class_names_hook import ClassNamesHook
from .empty_classes_hook import EmptyClassesHook
from .finite_check_hook import FiniteCheckHook
from .gate_watch_hook import GateWatchHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .positives_check_hook import PositivesCheckHook
from .progress_hook import ProgressHook
from .raw_predictions_hook import RawPredictionsHook
from .runner_parts import built_train_loop, unwrap_datasets
from .score_fusion_hook import ScoreFusionHook
from .set_epoch_hook import SetEpochHook
from .settings_check_hook import SettingsCheckHook
from .training_check_hook import TrainingCheckHook
from .visualization_hook import TADVisualizationHook

__all__ = [
    'EmptyClassesHook', 'FiniteCheckHook', 'GateWatchHook',
    'PositivesCheckHook', 'PlainCheckpointHook', 'ProgressHook',
    'RawPredictionsHook', 'ScoreFusionHook', 'SetEpochHook', 'ClassNamesHook',
    'SettingsCheckHook', 'TADCheckpointHook', 'TADVisualizationHook',
    'TrainingCheckHook', 'built_train_loop', 'unwrap_datasets'
]
