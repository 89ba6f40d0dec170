"""On the PYTHONPATH of a process, `sitecustomize` here sets its clock ahead."""
