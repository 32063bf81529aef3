"""A small web service of the standard library alone, to be described as a PythonBoot."""
