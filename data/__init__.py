"""Layer 0: vocabulary, storage, data sets and artifacts. Imports nothing else of Attune."""
