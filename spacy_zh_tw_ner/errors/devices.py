"""Messages about the choice of a device."""


class DeviceMessages:
    """Part of `Errors`."""

    ZT700 = (
        "No GPU can be used ({reason}). Run on the CPU (without --gpu-id), or install a GPU driver and a torch built "
        "for its CUDA version: https://pytorch.org/get-started."
    )
    ZT701 = "There is no GPU {gpu_id}: torch finds {n}, numbered from 0. Give a number from 0 to {last}."
    ZT702 = (
        "CuPy {problem}: the encoder runs on {device}, the rest of spaCy on the CPU. To run all of it on the GPU, "
        "run `{hint}`."
    )
    ZT703 = (
        "{pipeline} is an exported model (`export-onnx`), which runs on CPUs only. Leave --gpu-id (or --gpu) out, or "
        "give the pipeline that it was exported from."
    )
