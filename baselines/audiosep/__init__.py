"""AudioSep: ResUNet30 behind CLAP (Liu et al., arXiv 2308.05037; MIT)."""
