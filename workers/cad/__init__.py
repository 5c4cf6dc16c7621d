"""The kernel boundary: the only package that imports OpenCascade. What leaves it is plain numbers."""
