"""Put the pipelines of a command on the device that its `--gpu-id` names."""

from .printer import msg


def use_gpu(gpu_id: int) -> None:
    """Choose the device of pipelines that are loaded from now on, and print a line if only encoders run there.

    gpu_id (int): Number of the GPU, or -1 for the CPU.
    RAISES (DeviceError): If there is no such GPU.
    """
    if gpu_id >= 0:
        from ..devices import require_gpu

        require_gpu(gpu_id, notify=msg.info)
