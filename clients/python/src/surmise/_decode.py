"""Answers of the daemon as dataclasses: one plan for each class, made from its annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, Callable, Optional, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import ProtocolError

A = TypeVar("A", bound="Answer")

#: Turns a value of JSON into one of an answer; `None` where it stays as it is.
Turn = Optional[Callable[[Any], Any]]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The base of every answer: a dataclass that reads itself from JSON.

    A key that this version does not know is left in `raw`; one that an older daemon does not send has its default.
    """

    @property
    def raw(self) -> Mapping[str, Any]:
        """The answer as the daemon wrote it."""
        found: Mapping[str, Any] = self.__dict__.get("_raw", {})
        return found

    @classmethod
    def from_json(cls: type[A], json: Any) -> A:
        """Read an answer; `ProtocolError` says that it is none of this kind."""
        if not isinstance(json, dict):
            raise ProtocolError(f"expected a {cls.__name__}, got {type(json).__name__}")
        values = {}
        try:
            for name, turn in _PLANS.get(cls) or _plan(cls):
                if name in json:
                    value = json[name]
                    values[name] = value if turn is None or value is None else turn(value)
            answer = cls(**values)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise ProtocolError(f"not a {cls.__name__} as surmised writes it: {error}") from None
        answer.__dict__["_raw"] = json
        return answer


#: How each field of a class is read, made when the first answer of it comes.
_PLANS: dict[type[Any], tuple[tuple[str, Turn], ...]] = {}


def _plan(cls: type[Any]) -> tuple[tuple[str, Turn], ...]:
    hints = get_type_hints(cls)
    plan = tuple((field.name, _turn(hints[field.name])) for field in dataclasses.fields(cls) if field.init)
    _PLANS[cls] = plan
    return plan


def _turn(hint: Any) -> Turn:
    """Say how a value of a type is made from its JSON."""
    if isinstance(hint, type) and issubclass(hint, Answer):
        return hint.from_json
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Union:
        answers = [part for part in parts if part is not type(None)]
        if len(answers) == 1:
            return _turn(answers[0])
        # a union of answers is told apart by a class that all of them have
        chooser = getattr(answers[0], "choose", None)
        return chooser if callable(chooser) else None
    if origin is list:
        inner = _turn(parts[0])
        return list if inner is None else partial(_each_item, inner)
    if origin is dict:
        inner = _turn(parts[1])
        if parts[0] is float:
            return lambda values: {float(key): value for key, value in values.items()}
        return dict if inner is None else partial(_each_value, inner)
    if origin is tuple:
        return tuple
    return None


def _each_item(turn: Callable[[Any], Any], values: Any) -> list[Any]:
    return [turn(value) for value in values]


def _each_value(turn: Callable[[Any], Any], values: Any) -> dict[str, Any]:
    return {key: turn(value) for key, value in values.items()}
