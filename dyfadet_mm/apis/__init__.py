from .onnx_detector import METADATA, OnnxDetector

__all__ = ['METADATA', 'OnnxDetector']
