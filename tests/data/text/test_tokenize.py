import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import text
from sklearn.feature_extraction.text import CountVectorizer

from ae_lightning.data.text import tokenize
from ae_lightning.data.text.bag_of_words import bags_of_texts
from ae_lightning.data.text.sequences import sequences_of_texts
from ae_lightning.data.text.vocabulary import most_frequent

TEXTS = [
    "Crude OIL prices: oil, oil -- and OPEC's quota of 12.5 mln bpd.",
    "",
    "The bank's interest-rate rate; über die Bank naïve café x1 2nd a_b ab",
    "the of and 123 !",
    "wheat wheat grain\ngrain\twheat Ωmega ΩMEGA ωmega",
    "oil bank wheat zinc quota quota",
]


def vectorizer(stop_words, **options):
    return CountVectorizer(
        tokenizer=lambda text: tokenize.tokenize(text, stop_words), token_pattern=None, **options
    )


def test_tokens_by_hand():
    found = tokenize.tokenize("The U.S. Café's 3rd oil-price RISE of a_b x1 é in 1987", None)
    assert found == ["the", "café", "3rd", "oil", "price", "rise", "of", "a_b", "x1", "in"]
    assert tokenize.tokenize("The oil of the sea", "english") == ["oil", "sea"]


def nfd(text):
    return unicodedata.normalize("NFD", text)


WORDS = {
    "Hindi": ("हिन्दी समाचार", "हिन्दी समाचार"),
    "Hindi, words of one letter and a vowel sign": ("यह की है", "यह की है"),
    "Bengali": ("বাংলা ভাষা", "বাংলা ভাষা"),
    "Tamil": ("தமிழ், செய்திகள்", "தமிழ் செய்திகள்"),
    "Telugu": ("తెలుగు (వార్తలు)", "తెలుగు వార్తలు"),
    "Khmer, parted by zero-width spaces": ("ភាសា\u200bខ្មែរ", "ភាសា ខ្មែរ"),
    "Persian, with a joiner that is not seen": ("می\u200cخواهم", "میخواهم"),
    "Arabic, vowelled": ("كِتَاب جَدِيد", "كِتَاب جَدِيد"),
    "Arabic, forms for printing": ("\ufedb\ufe98\ufe8e\ufe8f", "كتاب"),
    "Hebrew, pointed": ("שָׁלוֹם עוֹלָם", "שָׁלוֹם עוֹלָם"),
    "French, NFD": (nfd("Résumé DÉJÀ é"), "résumé déjà"),
    "Vietnamese, NFD": (nfd("tiếng Việt"), "tiếng việt"),
    "Russian, NFD": (nfd("край российский"), "край российский"),
    "Yoruba, letters without a composed form": ("Ọ̀ṣun ẹ̀kọ́", "ọ̀ṣun ẹ̀kọ́"),
    "Turkish capitals": ("İstanbul DİYARBAKIR", "istanbul diyarbakir"),
    "Turkish, NFD": (nfd("İZMİR"), "izmir"),
    "German": ("STRASSE Straße", "strasse straße"),
    "Greek": ("ΟΔΟΣ Ωmega", "οδος ωmega"),
    "digits": ("covid19 mp3 python3 3rd 1980s G7", "covid19 mp3 python3 3rd 1980s g7"),
    "numbers": ("1987 1_000 12.5 ١٢٣ x² ½", "x2"),
    "underscores": ("user_id snake_case __init__ _so_ a_ _", "user_id snake_case init so"),
    "soft hyphen": ("infor\u00admation", "information"),
    "byte order mark": ("\ufeffoil price", "oil price"),
    "ligature": ("ﬁnance oﬃce", "finance office"),
    "full width": ("ＯＩＬ　Ｐｒｉｃｅ", "oil price"),
    "marks without a letter": ("\u0301ab \u0301 1\ufe0f\u20e3", "ab"),
    "an outlying plane": ("𝐨𝐢𝐥 𐐔𐐯𐑅", "oil 𐐼𐐯𐑅"),
}


@pytest.mark.parametrize("kind", WORDS)
def test_words_are_what_a_reader_calls_words(kind):
    text, expected = WORDS[kind]
    normal = unicodedata.normalize("NFC", expected)
    assert tokenize.tokenize(text, None) == normal.split()
    assert tokenize.tokenize(nfd(text), None) == normal.split()


@given(text())
def test_words_are_stable_and_time_is_bounded(any_text):
    words = tokenize.tokenize(any_text, None)
    assert tokenize.tokenize(" ".join(words), None) == words
    assert all(len(word) > 1 and any(map(str.isalpha, word)) for word in words if word.isascii())


@pytest.mark.parametrize("stop_words", ["english", None])
def test_bags_are_scikit_learns(stop_words):
    reference = vectorizer(stop_words)
    expected = reference.fit_transform(TEXTS).toarray()
    terms = sorted(reference.vocabulary_)
    new = [*TEXTS[::-1], "nothing known 1 2 3", "zinc zinc unheard"]
    matrix = bags_of_texts(new, terms, stop_words)
    assert np.array_equal(matrix.toarray()[: len(TEXTS)][::-1], expected)
    assert np.array_equal(matrix.toarray(), reference.transform(new).toarray())
    assert matrix.dtype == np.int32
    assert matrix.has_canonical_format
    assert matrix.nnz == np.count_nonzero(matrix.toarray())


def test_no_texts_and_no_words_make_empty_bags():
    assert bags_of_texts([], ["oil"], None).shape == (0, 1)
    assert bags_of_texts(["", "1"], ["oil"], None).toarray().tolist() == [[0], [0]]


def test_the_most_frequent_terms_are_scikit_learns():
    random = np.random.default_rng(0)
    # Word k occurs in all documents together k + 1 times: no two are equally frequent.
    words = ["".join(chr(97 + int(c)) for c in random.integers(0, 26, 6)) for _ in range(40)]
    stream = [word for k, word in enumerate(words) for _ in range(k + 1)]
    random.shuffle(stream)
    texts = [" ".join(stream[i : i + 9]) for i in range(0, len(stream), 9)]
    tokens = tokenize.WordIndexer()
    for one in texts:
        tokens.add(one.split())
    totals = np.bincount(tokens.ragged().values)
    best = most_frequent(tokens.numbers, totals, 15)
    assert best == words[:-16:-1]
    assert sorted(best) == sorted(vectorizer(None, max_features=15).fit(texts).vocabulary_)


def test_equally_frequent_words_come_by_alphabet_and_absent_ones_not_at_all():
    numbers = {"dd": 0, "bb": 1, "zz": 2, "aa": 3, "cc": 4}
    totals = np.array([2, 2, 5, 0, 2])
    assert most_frequent(numbers, totals, 3) == ["zz", "bb", "cc"]
    assert most_frequent(numbers, totals, 9) == ["zz", "bb", "cc", "dd"]


def test_sequences_by_hand():
    texts = ["Wheat, the OIL tin", "", "of", "zinc oil oil"]
    rows = sequences_of_texts(texts, ["oil", "wheat", "gold"], "english")
    assert rows.values.tolist() == [4, 3, 1, 1, 3, 3]
    assert rows.offsets.tolist() == [0, 3, 3, 3, 6]
    assert rows.values.dtype == np.int32
    assert rows.offsets.dtype == np.int64
    assert (tokenize.PADDING, tokenize.UNKNOWN, tokenize.END, tokenize.FIRST_WORD) == (0, 1, 2, 3)
    assert sequences_of_texts([], ["oil"], None).offsets.tolist() == [0]
    assert sequences_of_texts([""], ["oil"], None).values.tolist() == []


@pytest.mark.parametrize("seed", range(5))
def test_selected_rows_are_those_of_a_list_of_lists(seed):
    random = np.random.default_rng(seed)
    lists = [random.integers(0, 9, random.integers(0, 4)).tolist() for _ in range(12)]
    offsets = np.cumsum([0, *map(len, lists)])
    values = np.array([number for row in lists for number in row], dtype=np.int32)
    rows = np.sort(random.permutation(12)[: random.integers(0, 13)])
    chosen = tokenize.RaggedArray(values, offsets).select(rows)
    ends = chosen.offsets.tolist()
    assert len(chosen) == len(rows)
    assert [chosen.values[a:b].tolist() for a, b in itertools.pairwise(ends)] == [
        lists[row] for row in rows
    ]
