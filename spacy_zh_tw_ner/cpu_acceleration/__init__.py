"""Linear layers that are faster on CPUs: in 8 bits (`int8_linear`), or in float32 with oneDNN (`onednn_linear`).

The layers use private operators of torch, which the module `probe` looks up. If an operator is missing, the layers use
public ones.
"""
