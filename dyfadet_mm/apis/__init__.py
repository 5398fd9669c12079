from .detector import init_detector
from .inferencer import TADInferencer, inference_detector
from .onnx_detector import METADATA, OnnxDetector

__all__ = [
    'METADATA', 'OnnxDetector', 'TADInferencer', 'inference_detector',
    'init_detector'
]
