"""Training: corpus reader, data augmentation, optimizers and schedules, resumable loop, and progress logger."""
