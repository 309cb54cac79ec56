from lanner import ops as ops
from lanner.detector import Detector as Detector, build as build, load as load
from lanner.detector import enable_cpu_cache as enable_cpu_cache
from lanner.jobs import check_data as check_data
from lanner.jobs import convert_data as convert_data
from lanner.jobs import detect as detect
from lanner.jobs import evaluate as evaluate
from lanner.jobs import pretrain as pretrain
from lanner.jobs import quantize as quantize
from lanner.jobs import select as select
from lanner.jobs import synth as synth
from lanner.jobs import train as train
from lanner.jobs import tune as tune
from lanner.onnx_export import export_onnx as export_onnx
from lanner.torchvision import from_torchvision as from_torchvision
from lanner.torchvision import resnet_state_dict as resnet_state_dict

__version__: str
