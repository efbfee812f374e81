"""The prompt reader: English in, an embedding and slots out."""
