"""Thinc shim of a backbone: trains it with a torch optimizer, moves it between devices, and serializes it.

A backbone is a base model with the changes of its settings, such as adapters, quantized weights and frozen layers.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import srsly
import torch
from thinc.api import Optimizer
from thinc.shims.shim import Shim
from thinc.util import xp2torch

from ..devices import encoder_device
from ..encoders.torch_interop import update_by_thinc
from ..errors import (
    Errors,
    PipelineError,
    SettingError,
    TrainingError,
)
from ..thread_safety import one_at_a_time
from ..untrusted import origin, parse_json, parse_msgpack, reading, require_type
from .backbone import Backbone, load_backbone, require_vocabulary
from .hub import read_config, read_tokenizer
from .micro_batching import MicroBatchRunner
from .optimizer_state import state_from_bytes, state_to_bytes
from .optimizers import EncoderOptimizer
from .serialization import from_bytes, pack, require_packable, to_bytes, unpack
from .settings import BackboneSettings
from .trimming import trim_vocabulary
from .wordpieces import WordpieceTable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")


class BackboneShim(Shim):
    """Holds a backbone (a base model with its adapters), its tokenizer, and the optimizer that trains it.

    settings (BackboneSettings): Settings of the config. The backbone is loaded by `load` or `from_bytes`.
    save (str): Weights that `to_bytes` saves: "full" for base model and adapters, "adapter" for the adapters only,
        "merged" for the base model with the adapters added to its weights.
    save_dtype (Optional[str]): Precision to which saved weights are rounded, "fp16" or "bf16"; None rounds nothing.
    max_wordpieces (int): Largest number of wordpieces of one token; further wordpieces are dropped.
    """

    def __init__(self, settings: BackboneSettings, *, save: str, save_dtype: str | None, max_wordpieces: int) -> None:
        super().__init__(None)
        self.settings, self.save, self.save_dtype, self.max_wordpieces = settings, save, save_dtype, max_wordpieces
        self._table: WordpieceTable | None = None
        self._runner: MicroBatchRunner | None = None
        self._scaler: torch.amp.GradScaler | None = None
        self._n_updates = 0

    @property
    def is_loaded(self) -> bool:
        """Return whether the backbone is loaded."""
        return self._model is not None

    @property
    def backbone(self) -> Backbone:
        """The base model with its adapters.

        RAISES (PipelineError): If it is not loaded yet.
        """
        return cast(Backbone, self._loaded(self._model))

    @property
    def table(self) -> WordpieceTable:
        """Cache that maps the norm and text of a token to the ids of its wordpieces.

        RAISES (PipelineError): If the tokenizer is not loaded yet.
        """
        return self._loaded(self._table)

    @property
    def runner(self) -> MicroBatchRunner:
        """Object that runs the backbone in micro-batches, and remembers how many wordpieces fit into memory.

        RAISES (PipelineError): If the backbone is not loaded yet.
        """
        return self._loaded(self._runner)

    def _loaded(self, part: T | None) -> T:
        if part is None:
            raise PipelineError(Errors.ZT313.format(name=self.settings.name))
        return part

    @property
    def device(self) -> torch.device:
        """The device of the weights. If they are spread over several devices, the device of inputs and outputs."""
        return self.backbone.device

    @one_at_a_time
    def load(self) -> None:
        """Load the base model and its tokenizer from the Hub, its cache or a folder, and keep both in this object.

        It also checks that `to_bytes` can save them, so that this does not fail after training.

        RAISES (ValueError): If the base model cannot be loaded or does not support a setting, has no embedding for a
            wordpiece of its tokenizer, or is too large to be saved.
        """
        tokenizer, config, kept = read_tokenizer(self.settings.name, self.settings.revision), None, None
        if self.settings.trim:
            config = read_config(self.settings.name, self.settings.revision)
            tokenizer, kept = trim_vocabulary(tokenizer, config)
        backbone = load_backbone(**vars(self.settings), config=config, kept=kept, device=encoder_device())
        require_vocabulary(backbone, tokenizer)
        require_packable(backbone, self.save, self.save_dtype)
        self.hold(backbone, tokenizer)

    def hold(self, backbone: Backbone, tokenizer: "PreTrainedTokenizerBase") -> None:
        """Replace the backbone and the tokenizer, and reset the optimizer and the gradient scaler for fp16."""
        self._model = backbone
        self._table = WordpieceTable(tokenizer, self.max_wordpieces, backbone.settings.lookup)
        self._runner = MicroBatchRunner(backbone, self._scale)
        self._optimizer = self._scaler = None

    def use_lookup(self, lookup: int) -> None:
        """Choose the rules by which tokens are split into wordpieces. The backbone must be loaded.

        A pipeline must keep the rules with which it was trained.

        lookup (int): The rules, see `TokenSplitter`.
        """
        if lookup != self.backbone.settings.lookup:
            self.backbone.settings = replace(self.backbone.settings, lookup=lookup)
            self._table = WordpieceTable(self.table.tokenizer, self.max_wordpieces, lookup)

    @property
    def scaler(self) -> torch.amp.GradScaler:
        """Gradient scaler against underflow in fp16 (Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740).

        It is disabled in other precisions.
        """
        if self._scaler is None:
            fp16 = self.backbone.precision == "fp16"
            self._scaler = torch.amp.GradScaler(self.device.type, enabled=fp16)
        return self._scaler

    def _scale(self, gradient: torch.Tensor) -> torch.Tensor:
        return self.scaler.scale(gradient)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the trainable parameters from their gradients, and clear the gradients.

        thinc calls it in `Model.finish_update`.

        optimizer (Optimizer): A `GroupedOptimizer`, whose settings create a torch optimizer for the backbone; or any
            optimizer of thinc, which then updates the parameters itself.
        RAISES (SettingError): For an optimizer of thinc and the precision fp16.
        """
        trained = {name: p for name, p in self.backbone.named_parameters() if p.grad is not None}
        if not trained:
            return
        encoder: EncoderOptimizer | None = getattr(optimizer, "encoder", None)
        if encoder is None:
            if self.scaler.is_enabled():
                raise SettingError(Errors.ZT314.format(precision=self.settings.memory.precision))
            for name, parameter in trained.items():
                update_by_thinc(self.id, name, parameter, optimizer)
                parameter.grad = None
            self._empty_cache()
            return
        if self._optimizer is None:
            self._optimizer = encoder.build(self.backbone.model)
        encoder.step(self._optimizer, self.scaler)
        self._empty_cache()

    def _empty_cache(self) -> None:
        """Return cached memory of a GPU to its driver, every `memory.empty_cache_steps` updates."""
        self._n_updates += 1
        steps = self.settings.memory.empty_cache_steps
        if steps and self._n_updates % steps == 0 and self.device.type == "cuda":
            torch.cuda.empty_cache()

    def optimizer_to_bytes(self) -> bytes:
        """Return the state of the torch optimizer and the gradient scaler; empty bytes before the first update."""
        if self._optimizer is None:
            return b""
        scale = json.dumps(self.scaler.state_dict()).encode()
        return cast(bytes, srsly.msgpack_dumps({"optimizer": state_to_bytes(self._optimizer), "scaler": scale}))

    def optimizer_from_bytes(self, data: bytes, optimizer: Optimizer) -> None:
        """Restore the state that `optimizer_to_bytes` returned.

        data (bytes): The state.
        optimizer (Optimizer): A `GroupedOptimizer`, whose settings create the torch optimizer.
        RAISES (ValueError): If the state was saved by another kind of optimizer, or for other parameters.
        """
        encoder: EncoderOptimizer | None = getattr(optimizer, "encoder", None)
        if encoder is None:
            raise TrainingError(Errors.ZT315.format(kind=type(optimizer).__name__))
        with reading(origin()):
            parts = require_type("the optimizer", parse_msgpack(data), dict)
            scale = require_type("scaler", parse_json(require_type("scaler", parts.get("scaler"), bytes)), dict)
            self._optimizer = encoder.build(self.backbone.model)
            state_from_bytes(self._optimizer, require_type("optimizer", parts.get("optimizer"), bytes))
            if scale:  # it is empty where the scaler was disabled, such as on a CPU
                self.scaler.load_state_dict(scale)

    @contextmanager
    def use_params(self, params: dict[tuple[int, str], Any]) -> Iterator[None]:
        """Context manager: use averages that thinc's optimizer has computed; restore the weights at the end.

        thinc calls it in `Model.use_params`.

        params (dict[tuple[int, str], Any]): (id of the shim, name of the parameter) → average. Parameters that are not
            in it keep their weights.
        """
        own = dict(self._model.named_parameters()) if self.is_loaded else {}
        kept = {name: own[name].data for name in own if (self.id, name) in params}
        for name in kept:
            own[name].data = xp2torch(params[self.id, name], device=own[name].device)
        try:
            yield
        finally:
            for name, value in kept.items():
                own[name].data = value

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the weights to the CPU or to a GPU. Weights in several places (`memory.device_map`) stay there.

        device_type (str): "cpu", or anything else for a GPU.
        device_id (int): Number of the GPU.
        """
        if self.is_loaded and self.backbone.main_device is None:
            device = torch.device("cpu" if device_type == "cpu" else f"cuda:{device_id}")
            self.backbone.to(device)
            wanted = self.backbone.settings.memory.precision
            if device.type == "cuda" and self.backbone.precision != wanted:
                # The CPU on which the backbone was loaded would have emulated the precision.
                self.backbone.precision, self._scaler = wanted, None

    def to_bytes(self) -> bytes:
        """Serialize the backbone and its tokenizer, as `save` and `save_dtype` determine; empty if they are not loaded.

        While a pipeline is saved to a folder, the weights are written to a file there, and the bytes have its name.
        """
        if not self.is_loaded:
            return b""
        return to_bytes(pack(self.backbone, self.table.tokenizer, save=self.save, save_dtype=self.save_dtype))

    @one_at_a_time
    def from_bytes(self, data: bytes) -> "BackboneShim":
        """Load the backbone that `to_bytes` serialized; empty bytes change nothing.

        The memory settings are taken from the config of the pipeline, not from the bytes. If only adapters were saved,
        the name of the base model is taken from the config, too.

        RETURNS (BackboneShim): This shim.
        """
        if data:
            s = self.settings
            with reading(origin()):
                parts = from_bytes(data)
                backbone, tokenizer = unpack(
                    parts, name=s.name, revision=s.revision, memory=s.memory, device=encoder_device()
                )
                self.hold(backbone, tokenizer)
        return self
