"""Linear layers that are faster on CPUs: in 8 bits (`int8_linear`), or in float32 with oneDNN (`onednn_linear`).

They use private names of torch, which `probe` looks up. If a name is missing, they use public operators.
"""
