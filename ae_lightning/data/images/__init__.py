"""Image files and arrays: decoding, augmentation, preparation."""
