"""Messages of choosing a device."""


class DeviceMessages:
    """Part of `Errors`."""

    ZT700 = (
        "There is no GPU ({reason}). Leave the GPU out to run on the CPU, or install a driver, and a torch built for "
        "its CUDA: https://pytorch.org/get-started."
    )
    ZT701 = "There is no GPU {gpu_id}: torch finds {n}, numbered from 0. Give a number from 0 to {last}."
    ZT702 = (
        "CuPy {problem}: the encoder runs on {device}, the rest of spaCy on the CPU. To run all of it on the GPU, "
        "run `{hint}`."
    )
    ZT703 = (
        "{pipeline} was written by `export-onnx`, for CPUs. Leave --gpu-id out, or name the pipeline it was made from."
    )
