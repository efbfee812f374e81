"""What limits quality: measurements of single stages and of their failures."""
