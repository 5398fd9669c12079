from .detector import init_detector
from .encoder_extractor import EncoderExtractor
from .feature_extractor import FeatureExtractor
from .feature_output import Extraction
from .inferencer import TADInferencer, inference_detector
from .inspection import encode_video, record_gates
from .onnx_detector import METADATA, OnnxDetector
from .preprocessing import Preprocessing
from .recognizers import build_recognizer, features_of
from .stream import DetectionStream, StreamDetection, stream_features

__all__ = [
    'DetectionStream', 'EncoderExtractor', 'Extraction', 'FeatureExtractor',
    'METADATA', 'OnnxDetector', 'Preprocessing', 'StreamDetection',
    'TADInferencer', 'build_recognizer', 'encode_video', 'features_of',
    'inference_detector', 'init_detector', 'record_gates', 'stream_features'
]
