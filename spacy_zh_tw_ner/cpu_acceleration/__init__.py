"""CPU accelerations that use private names of torch, each with a fallback to public operators."""
