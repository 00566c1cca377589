"""Methods to compare the networks with, one file each. All have the same face.

method = registry.build("ccdc", seed=0)
method.fit(train, validation)      # Samples; the validation part chooses the settings
labels = method.predict(test)      # (N, T) int8: every month of every series
method.setting                     # dict: what the validation part chose
method.reasons                     # (N,) str: why a series had less to go by, '' = fine

To add a method: write a class with `fit`, `predict`, `setting` and `reasons` in a file of this
folder, and give it a line in comparing/registry.py.

A series without any observation gets the most common class of the training part. No file can bring
in such a series; a caller from Python can.
"""
