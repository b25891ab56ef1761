"""What a run leaves behind, for everybody: its directory, its files, the records of its epochs, its software."""
