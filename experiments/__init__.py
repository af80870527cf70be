"""Programs that measure. They run as modules from the root: python -m experiments.reproduce"""
