"""Words that carry no topic, in a module of its own: scikit-learn takes long to import."""

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

STOP_WORDS: dict[str | None, frozenset[str]] = {"english": ENGLISH_STOP_WORDS, None: frozenset()}
