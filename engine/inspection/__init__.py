"""Finding out what is wrong with a file: one detector a file, all of them in one pass over the audio."""
