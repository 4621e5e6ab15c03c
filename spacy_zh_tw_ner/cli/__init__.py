"""Commands of `zh-tw-ner`: one file per command, each a thin layer over a function of the package."""

from .adapt import adapt_cli
from .annotate import annotate_cli
from .calibrate import calibrate_cli
from .convert import convert_cli
from .distill import distill_cli
from .ensemble import ensemble_cli
from .evaluate import evaluate_cli
from .export import export_cli
from .export_onnx import export_onnx_cli
from .fetch_base import fetch_base_cli
from .find_errors import find_errors_cli
from .from_hf import from_hf_cli
from .init_config import init_config_cli
from .learning_curve import learning_curve_cli
from .main import zh_tw_ner_cli
from .mask import mask_cli
from .model_card import model_card_cli
from .plan import plan_cli
from .propose import propose_cli
from .quantize import quantize_cli
from .serve import serve_cli
from .train import train_cli
from .trim import trim_cli
from .try_ import try_cli
from .unmask import unmask_cli
from .validate import validate_cli
from .visualize import visualize_cli

__all__ = [
    "adapt_cli",
    "annotate_cli",
    "calibrate_cli",
    "convert_cli",
    "distill_cli",
    "ensemble_cli",
    "evaluate_cli",
    "export_cli",
    "export_onnx_cli",
    "fetch_base_cli",
    "find_errors_cli",
    "from_hf_cli",
    "init_config_cli",
    "learning_curve_cli",
    "mask_cli",
    "model_card_cli",
    "plan_cli",
    "propose_cli",
    "quantize_cli",
    "serve_cli",
    "train_cli",
    "trim_cli",
    "try_cli",
    "unmask_cli",
    "validate_cli",
    "visualize_cli",
    "zh_tw_ner_cli",
]
