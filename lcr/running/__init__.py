"""Any system on any recording: chunks, high bands, files."""
