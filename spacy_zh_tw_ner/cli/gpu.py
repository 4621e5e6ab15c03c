"""Select the device of a command's pipelines from its `--gpu-id` option."""

from .printer import msg


def use_gpu(gpu_id: int) -> None:
    """Select the device of pipelines that are loaded from now on; print a line if only the encoders run on the GPU.

    gpu_id (int): Number of the GPU, or -1 for the CPU.
    RAISES (DeviceError): If there is no such GPU.
    """
    if gpu_id >= 0:
        from ..devices import require_gpu

        require_gpu(gpu_id, notify=msg.info)
