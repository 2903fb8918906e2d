"""The text of a freeform tool, out of the JSON in which a provider sends it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.models.translation.freeform import FreeformText, freeform_input

TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\\n🌍ä{}u')), max_size=60
)


def streamed(arguments: str, cuts: list[int]) -> str:
    reader = FreeformText()
    bounds = sorted({0, len(arguments), *(cut % (len(arguments) + 1) for cut in cuts)})
    return "".join(reader.feed(arguments[begin:end]) for begin, end in pairwise(bounds))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, ascii=st.booleans(), cuts=st.lists(st.integers(0, 500)))
def test_however_it_is_cut_the_text_comes(text: str, ascii: bool, cuts: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii)
    assert streamed(arguments, cuts) == text
    assert streamed(arguments, list(range(500))) == text
    assert freeform_input(arguments) == text


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arguments=st.text(max_size=80), cuts=st.lists(st.integers(0, 100)))
def test_whatever_comes_is_read(arguments: str, cuts: list[int]) -> None:
    streamed(arguments, cuts)
    streamed('{"input": "' + arguments, cuts)
    freeform_input(arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": "a\nb"}', "a\nb"),
        ('{"patch": "a"}', "a"),
        ('"a"', "a"),
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"input": "a", "why": "b"}', "a"),
        ('{"a": "b", "c": "d"}', '{"a": "b", "c": "d"}'),
        ('{"input": "half', '{"input": "half'),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_the_ways_in_which_models_word_it(arguments: str, text: str) -> None:
    assert freeform_input(arguments) == text


def test_what_is_sure_comes_at_once() -> None:
    reader = FreeformText()
    pieces = ['{"inp', 'ut": "a', "b\\", "n\\ud83c", "\\udf0d c", '"', "}"]
    assert [reader.feed(piece) for piece in pieces] == ["", "a", "b", "\n", "🌍 c", "", ""]
