"""A classifier for River that learns in a daemon: `learn_one`, `predict_one`, `predict_proba_one`.

>>> from surmise.river import SurmiseClassifier
>>> with SurmiseClassifier() as model:
...     for x, y in stream:
...         model.predict_proba_one(x)
...         model.learn_one(x, y)

River itself is not needed; where it is installed, the class is one of River's, so pipelines, metrics and
`progressive_val_score` take it.
"""

from __future__ import annotations

import itertools
import json
import numbers
import time as clock
import weakref
from collections.abc import Hashable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional

from ._address import Trust
from ._answers import Prediction
from ._client import Client
from ._daemon import Daemon
from ._expected import ExpectedSymbols
from ._producer import BATCH_EVENTS, Producer
from ._wire import EncodedEvent, encoded
from .errors import ClosedError, ProblemError, RefusedError

if TYPE_CHECKING:

    class _Classifier:
        """What River's classifiers have in common, which this module needs nothing of."""

else:
    try:
        from river.base import Classifier as _Classifier
    except ImportError:
        _Classifier = object

__all__ = ["SurmiseClassifier"]

#: The type that names of fields have.
_TEXT = frozenset((str,))

#: Classes whose probabilities are asked for.
_CLASSES_MAX = 1000


class SurmiseClassifier(_Classifier):
    """Predicts the class of an event, given its other fields and everything before it.

    `x` may be empty: then the class is predicted from those before it. `key` and `time` name the fields of `x` that
    tell the sequence and the time of the event. Without `url` and `address` the model has a daemon of its own, which
    ends with the model (`close`, or the end of a `with` block); otherwise it learns in a stream of that daemon, whose
    configuration gives it the target: `[streams."river"] model = { target = "y" }`.

    The fields of `x` may be others from event to event, as for River's own classifiers. One that comes for the first
    time is learnt from then on; in a question it is left out until an event with it was learnt, as it says nothing
    before. So is a value of another kind than its field has held.

    A prediction reflects every event that was learnt before it: it waits until the daemon answers from that state,
    which takes some milliseconds. With `exact=False` it may lack the latest few. `score_many` is exact and waits for
    nothing.
    """

    def __init__(
        self,
        target: str = "y",
        key: Optional[str] = None,
        time: Optional[str] = None,
        fields: Optional[Mapping[str, str]] = None,
        options: Optional[Mapping[str, Any]] = None,
        stream: str = "river",
        url: Optional[str] = None,
        address: Optional[str] = None,
        token: Optional[str] = None,
        trust: Trust = None,
        exact: bool = True,
    ) -> None:
        self.target = target
        self.key = key
        self.time = time
        self.fields = fields
        self.options = options
        self.stream = stream
        self.url = url
        self.address = address
        self.token = token
        self.trust = trust
        self.exact = exact
        self._daemon: Optional[Daemon] = None
        self._client: Optional[Client] = None
        self._producer: Optional[Producer] = None
        self._labels: dict[str, Hashable] = {}
        self._address: Optional[str] = None
        self._waiting = 0
        self._next: Optional[Prediction] = None
        self._next_key: Optional[str] = None
        self._offset = 0

    @property
    def _multiclass(self) -> bool:
        return True

    # ---- the daemon

    @property
    def _is_private(self) -> bool:
        return self.url is None and self.address is None

    def _open(self, first: Mapping[str, Any]) -> Producer:
        """Connect, to a daemon of its own if no other is given; `first` shows which fields there are."""
        if self._producer is not None:
            return self._producer
        url, address = self.url, self.address
        if self._is_private:
            self._daemon = Daemon(config=self._config(first))
            # a model that is dropped without being closed leaves no daemon behind
            weakref.finalize(self, self._daemon.close)
            self._daemon.start()
            url, address = self._daemon.url, self._daemon.address
        self._client = Client(url, token=self.token, trust=self.trust)
        self._address = address
        self._producer = self._connect("next")
        return self._producer

    def _connect(self, want: str) -> Producer:
        return Producer(self.stream, self._address, token=self.token, trust=self.trust, want=(want,))

    def _config(self, first: Mapping[str, Any]) -> str:
        """Write the configuration of a private daemon: what its stream predicts, given which fields."""
        known = dict(self.fields or {})
        kinds = {name: known.pop(name, _kind(value)) for name, value in self._split(first)[0].items()}
        # the target comes last, as it is predicted given the fields before it
        kinds = {**kinds, **known, self.target: "category"}
        fields = ", ".join(f"{{ name = {_toml(name)}, kind = {_toml(kind)} }}" for name, kind in kinds.items())
        model = {"target": self.target, **(self.options or {})}
        options = ", ".join(f"{name} = {_toml(value)}" for name, value in model.items())
        return f"\n[streams.{_toml(self.stream)}]\nfields = [{fields}]\nmodel = {{ {options} }}\n"

    def close(self) -> None:
        """End the model, and its daemon if it is its own."""
        if self._producer is not None:
            self._producer.abort()
        if self._client is not None:
            self._client.close()
        if self._daemon is not None:
            self._daemon.close()
        self._producer = self._client = self._daemon = None

    def __enter__(self) -> SurmiseClassifier:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    # ---- learning and predicting

    def learn_one(self, x: Mapping[str, Any], y: Any) -> None:
        """Learn an event: what was known of it, and what its class turned out to be."""
        producer = self._open(x)
        event, key = self._encoded(x, y)
        # outcomes are read before they fill the window, in which each has a place
        if self._waiting >= producer.options.window_events // 2:
            self._catch_up()
        producer._put(event)
        self._waiting += 1
        self._next_key = key

    def _encoded(self, x: Mapping[str, Any], y: Any) -> tuple[EncodedEvent, Optional[str]]:
        """Write an event for the window, and give its key."""
        if self.target in x:
            raise ValueError(f"x has a field {self.target!r}, which is the name of the target")
        data, key, time = self._split(x)
        label = str(y)
        self._labels.setdefault(label, y)
        data[self.target] = label
        return encoded(data, key, time), key

    def predict_proba_one(self, x: Mapping[str, Any]) -> dict[Any, float]:
        """Give the probability of every class; what they leave of one is for classes that never came."""
        if self._producer is None and self._is_private:
            return {}
        self._open(x)
        self._catch_up()
        data, key, time = self._split(x)
        expected = self._ask(data, key, time)
        if not isinstance(expected, ExpectedSymbols):
            return {}
        return {self._labels.get(name, name): p for name, p in expected.top if name is not None}

    def predict_one(self, x: Mapping[str, Any]) -> Any:
        """Give the likeliest class; `None` before anything was learnt."""
        probabilities = self.predict_proba_one(x)
        return max(probabilities, key=probabilities.__getitem__) if probabilities else None

    def score_many(self, pairs: Iterable[tuple[Mapping[str, Any], Any]]) -> Iterator[float]:
        """Predict the class of each pair of `x` and `y` before learning it, and give the probability that `y` had.

        This is what `predict_proba_one` and `learn_one` do one after the other, without waiting in between. Some
        hundred pairs are taken ahead of the one that is answered.
        """
        chain = iter(pairs)
        first = next(chain, None)
        if first is None:
            return
        self._open(first[0])
        self._catch_up()
        # what comes next is not asked for here, which is half of the work
        with self._connect("outcome") as producer:
            chain = itertools.chain([first], chain)
            batches = iter(lambda: [self._encoded(x, y)[0] for x, y in itertools.islice(chain, BATCH_EVENTS)], [])
            producer._link.read_outcome = self._read_probability
            for offset, probability in producer._exchanged(batches):
                self._next, self._offset = None, offset + 1
                yield probability
            _check_refused(producer)

    def _read_probability(self, outcome: Mapping[str, Any]) -> tuple[int, float]:
        """Read the offset of an event and the probability that its class had."""
        field = outcome.get("fields", {}).get(self.target, outcome)
        return outcome["offset"], 2.0 ** -field["surprise_bits"]

    def _ask(self, data: dict[str, Any], key: Optional[str], time: Any) -> Any:
        assert self._client is not None, "a model that is open has a client"
        if not data and time is None and self._next is not None and self._next_key == key:
            # the outcome of the latest event told already what comes after it
            return self._next.fields.get(self.target)
        if not self._labels and not self.exact:
            return None
        pause = 0.0005
        while True:
            answer = self._answer(data, key, time)
            if answer is None or not self.exact or answer.offset >= self._offset:
                return None if answer is None else answer.fields.get(self.target)
            # readers are answered from a copy of the state, which the daemon renews as long as it is asked
            clock.sleep(pause)
            pause = min(2 * pause, 0.004)

    def _answer(self, data: dict[str, Any], key: Optional[str], time: Any) -> Optional[Prediction]:
        """Ask once; gives nothing of a stream that has no events."""
        assert self._client is not None and self._producer is not None, "a model that is open has both"
        for is_last in (False, True):
            try:
                return self._answer_known(dict(data), key, time)
            except ProblemError as error:
                if error.status != 404 or (is_last and self._labels):
                    raise
            # a stream is known once its first event is durable
            self._producer.flush()
        return None

    def _answer_known(self, data: dict[str, Any], key: Optional[str], time: Any) -> Prediction:
        """Ask with those of the fields that the stream knows."""
        assert self._client is not None, "a model that is open has a client"
        while data or time is not None:
            try:
                return self._client.predict(self.stream, data, key=key, time=time, top=_CLASSES_MAX)
            except ProblemError as error:
                unknown = _field_of(error, data) if error.code == "unknown_field" else None
                if unknown is None:
                    raise
                del data[unknown]
        return self._client.next(self.stream, key=key, top=_CLASSES_MAX)

    def _catch_up(self) -> None:
        """Wait until the daemon has learnt everything that was sent."""
        producer = self._producer
        assert producer is not None, "a model that is open has a producer"
        while self._waiting:
            outcome = producer._take(lambda: bool(producer._link.progress.refused))
            if outcome is None:
                _check_refused(producer)
                raise ClosedError()
            self._next, self._offset = outcome.next, outcome.offset + 1
            self._waiting -= 1

    def _split(self, x: Mapping[str, Any]) -> tuple[dict[str, Any], Optional[str], Any]:
        """Take the key and the time out of the fields that are known."""
        # what is not finite is missing; the difference tells it in a third of the time that a call takes
        data = {name: None if isinstance(v, float) and v - v != 0.0 else v for name, v in x.items()}
        key = data.pop(self.key, None) if self.key is not None else None
        time = data.pop(self.time, None) if self.time is not None else None
        if not _TEXT.issuperset(map(type, data)):
            data = {str(name): value for name, value in data.items()}
        return data, None if key is None else str(key), time


def _check_refused(producer: Producer) -> None:
    """Raise what the daemon has against an event: it has no outcome, and the model would lack it."""
    refusals = producer.progress.refusals
    if refusals:
        raise RefusedError(refusals[0].code, refusals[0].field, refusals[0].reason)


def _field_of(error: ProblemError, data: Mapping[str, Any]) -> Optional[str]:
    """Name the field of an event that the daemon does not know: itself, or where it would put its value."""
    told = error.field or ""
    # what does not fit a field stands beside it, and a vector is as many fields
    names = (told, told.rpartition(".")[0], told.partition("[")[0])
    return next((name for name in names if name in data), None)


def _kind(value: Any) -> str:
    """Tell the kind of a field by a value of it."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return "number" if is_number or value is None else "category"


def _toml(value: Any) -> str:
    # texts, numbers and truth values are written in TOML as in JSON
    return json.dumps(value, ensure_ascii=False)
