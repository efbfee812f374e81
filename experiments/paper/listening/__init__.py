"""Table VI: a blind listening test as one web page, its small server and its analysis."""
