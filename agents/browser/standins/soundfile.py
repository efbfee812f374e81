"""soundfile in the page's worker, where the browser itself decodes files: the names that
`lcr.audio` mentions when it is imported."""


class LibsndfileError(RuntimeError):
    pass
