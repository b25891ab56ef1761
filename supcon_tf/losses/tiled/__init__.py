"""The loss tile by tile. One door: `kernel`. Nobody else imports the other files."""
