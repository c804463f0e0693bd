"""The way out: from a trained model to one that TensorFlow Serving loads."""

# Batches that servers run: smaller ones are filled up to the next of these sizes, which
# a server has met before it answers anyone. The last is the most rows of a request.
BATCH_SIZES = (1, 8, 32, 64)
