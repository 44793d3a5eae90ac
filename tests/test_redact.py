"""Secrets do not leave the process by what it prints, logs, raises or records."""

import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ae_lightning.errors import UserError
from ae_lightning.redact import redact
from pipelines.tracking import provenance, queries, store

ROOT = Path(__file__).parents[1]
HIDDEN = [
    ("http://bob:s3cretPW@127.0.0.1:9", "http://***@127.0.0.1:9"),
    ("http://bob:a/b@host/p", "http://***@host/p"),
    ("http://bob:12/34@host/p", "http://***@host/p"),
    ("http://bob:p@ss/w?d#@host:1", "http://***@host:1"),
    ("http://bob:p%40q@host/x?y=1", "http://***@host/x?y=1"),
    ("https://ghp_0123456789@host/x.git", "https://***@host/x.git"),
    ("postgresql+psycopg://u:p#w@db:5432/runs", "postgresql+psycopg://***@db:5432/runs"),
    ("mysql://u:p@[::1]:3306/runs", "mysql://***@[::1]:3306/runs"),
    ("ssh://u:p@host/path and http://a:b@c", "ssh://***@host/path and http://***@c"),
    ("http://h/x?a=1&token=abc&b=2", "http://h/x?a=1&token=***&b=2"),
    ("https://h/c?sv=1&sig=AbC%2F&se=2", "https://h/c?sv=1&sig=***&se=2"),
    ("s3://b/k?X-Amz-Signature=abc&x=1", "s3://b/k?X-Amz-Signature=***&x=1"),
    ("https://h/#access_token=abc", "https://h/#access_token=***"),
    ("host=h password='a b' user=u", "host=h password=*** user=u"),
    ("aws_secret_access_key = abc/d+e", "aws_secret_access_key = ***"),
    ("key AKIAIOSFODNN7EXAMPLE is wrong", "key *** is wrong"),
    ("DefaultEndpoints=x;AccountKey=ab==", "DefaultEndpoints=x;AccountKey=***"),
    ("Authorization: Bearer abc.def", "Authorization: ***"),
    ("{'password': 'x y', 'a': 1}", "{'password': \"***\", 'a': 1}"),
]
KEPT = [
    "http://127.0.0.1:5000/#/models/lsa-128@champion",
    "http://localhost:5000/#/models/a@b",
    "models:/lsa-128@champion",
    "https://host/pkg@1.2.3",
    "sqlite:////home/a:b@c/mlflow.db",
    "s3://bucket/key",
    "tokens: 12 of 40, precision@10 = 0.3",
    "see http://h:80, then mail x@y",
    "params.yaml: layers.a.input: must be prepared/mnist",
]
PASSWORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)
PASSWORDS = PASSWORDS.filter(lambda text: not set(text) & set('"<>') and text.split() == [text])


@pytest.mark.parametrize(("text", "said"), HIDDEN)
def test_secrets_are_hidden(text, said):
    assert redact(text) == said
    assert redact(f"error at {text}, twice: {text}").count("***") >= 2
    assert redact(said) == said


@pytest.mark.parametrize("text", KEPT)
def test_the_rest_stays(text):
    assert redact(text) == text


@given(PASSWORDS)
def test_any_password_of_an_address(password):
    assert (
        redact(f"no answer: http://bob:{password}@h:1/x (1)") == "no answer: http://***@h:1/x (1)"
    )


@given(st.text())
def test_any_text_passes(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("MLFLOW_TRACKING_URI", "http://bob:s3cret/PWpw@h", "nonnumeric port: 's3cret' PWpw"),
        ("HTTPS_PROXY", "bob:s3cretPW@proxy:3128", "cannot use s3cretPW"),
        ("DATABASE_URL", "postgresql://u:s3cret%40PW@h/d", "login of u by s3cret@PW failed"),
        ("MLFLOW_TRACKING_PASSWORD", "s3cretPW", "login by s3cretPW failed"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret+PW/x", "signed by s3cret+PW/x"),
    ],
)
def test_what_a_library_quotes_of_the_environment(monkeypatch, name, value, error):
    monkeypatch.setenv(name, value)
    assert "s3cret" not in redact(error)
    assert "PW" not in redact(error)


def test_errors_are_one_line_without_secrets():
    error = UserError("a\nb\x1b[31m\0 http://u:p@h")
    assert str(error) == r"a\nb\x1b[31m\x00 http://***@h"
    assert len(str(UserError("x" * 10**7))) < 2100


def test_what_is_recorded(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ae", "--remote=http://u:pw@h"])
    assert provenance.tags([])["mlflow.source.name"] == "ae --remote=http://***@h"
    assert provenance.as_text({"at": "http://u:pw@h"}) == '{"at": "http://***@h"}'
    assert [tag.value for tag in queries.run_tags({"a": "http://u:pw@h"})] == ["http://***@h"]
    assert queries.lacking({"a": "http://***@h"}, {"a": "http://u:pw@h"}) == {}


@pytest.mark.parametrize("password", ["pw12", "p/w1", "p@w1", "p%401", "p?w1", "p#w1"])
def test_a_store_is_shown_without_its_password(monkeypatch, password):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://bob:{password}@127.0.0.1:9")
    assert store.shown() == "http://127.0.0.1:9"
    long = ValueError(f"{'x' * 170} http://bob:{password}{'y' * 50}@h")
    assert password not in store.first_line(long)


def test_streams_loggers_and_tracebacks():
    code = (
        "import logging, sys\n"
        "from ae_lightning import redact\n"
        "redact.install(); redact.install()\n"
        "print('out http://u:s3cret@h', file=sys.stdout)\n"
        "logging.warning('log %s', 'http://u:s3cret@h')\n"
        "logging.warning('bad %d', 'arguments')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError as error:\n"
        "    error.add_note('http://u:s3cret@h'); logging.exception('note')\n"
        "raise RuntimeError('end http://u:s3cret@h')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "s3cret" not in done.stdout + done.stderr
    assert "out http://***@h" in done.stdout
    for said in ("log http://***@h", "RuntimeError: end http://***@h", "ZeroDivisionError"):
        assert said in done.stderr


def test_installing_leaves_other_records_alone():
    record = logging.getLogRecordFactory()("a", 20, "f", 1, "%s of %s", (1, 2), None)
    assert record.getMessage() == "1 of 2"
    assert "UserError" in "".join(traceback.format_exception_only(UserError("x")))
