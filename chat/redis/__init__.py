"""Redis, as the engines of several workers use it: servers, partitions, channels."""
