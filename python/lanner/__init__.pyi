from lanner import ops as ops
from lanner.detector import Detector as Detector, build as build, load as load

__version__: str
