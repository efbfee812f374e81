"""The paper's remixers: LCR-C, LCR-T and LCR-M."""
