"""The Python client of surmise, which always predicts what comes next and learns from how wrong it was.

* `Producer` and `AsyncProducer` send events over the event socket, so that none is lost and none is learnt twice.
* `Client` and `AsyncClient` ask a daemon over HTTP: what comes next, why an event was surprising, what is odd now.
* `replay` learns a recording in one pass, without a daemon.
* `Daemon` is a daemon of one's own, for as long as a `with` block.
* `surmise.river` has a classifier for River, and `surmise.pandas` scores the rows of a frame.

>>> from surmise import Client, Producer
>>> with Producer("web", producer="web-7") as producer:
...     producer.send({"page": "/cart", "ms": 132.5}, key="user-7")
>>> Client().next("web", key="user-7")
"""

from ._address import Address
from ._answers import Alarm, AlarmList, Drift, FieldOutcome, Forecast, Outcome, Part, Prediction, Session, Why
from ._async_client import AsyncClient
from ._async_producer import AsyncProducer
from ._client import Client
from ._daemon import Daemon
from ._expected import Expected, ExpectedNumber, ExpectedSymbols
from ._feed import FeedEvent, Glance, Lagged, Replaced
from ._options import ProducerOptions
from ._producer import Producer
from ._progress import SendProgress
from ._replay import ExpertLoss, Replay, replay
from ._state import (
    Accepted,
    Changed,
    Checkpoint,
    CheckpointList,
    Health,
    History,
    HistoryPoint,
    Keys,
    KnownKey,
    LineRefusal,
    LoggedEvent,
    LoggedEvents,
    LossWindow,
    RareEvent,
    RarityCount,
    StateHash,
    StreamList,
    StreamRow,
    StreamStatus,
    Surprises,
    Template,
    Templates,
)
from ._wire import Event, Refusal, Welcome
from .errors import (
    AddressError,
    ClosedError,
    ForgottenError,
    ProblemError,
    ProgramError,
    ProgramMissingError,
    ProtocolError,
    RecordError,
    RefusedError,
    RepliesUnreadError,
    SeqNotRisingError,
    SurmiseError,
    UnreachableError,
    UntrustedError,
)

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "Address",
    "AddressError",
    "Alarm",
    "AlarmList",
    "AsyncClient",
    "AsyncProducer",
    "Changed",
    "Checkpoint",
    "CheckpointList",
    "Client",
    "ClosedError",
    "Daemon",
    "Drift",
    "Event",
    "Expected",
    "ExpectedNumber",
    "ExpectedSymbols",
    "ExpertLoss",
    "FeedEvent",
    "FieldOutcome",
    "Forecast",
    "ForgottenError",
    "Glance",
    "Health",
    "History",
    "HistoryPoint",
    "Keys",
    "KnownKey",
    "Lagged",
    "LineRefusal",
    "LoggedEvent",
    "LoggedEvents",
    "LossWindow",
    "Outcome",
    "Part",
    "Prediction",
    "ProblemError",
    "Producer",
    "ProducerOptions",
    "ProgramError",
    "ProgramMissingError",
    "ProtocolError",
    "RareEvent",
    "RarityCount",
    "RecordError",
    "Refusal",
    "RefusedError",
    "Replaced",
    "Replay",
    "RepliesUnreadError",
    "SendProgress",
    "SeqNotRisingError",
    "Session",
    "StateHash",
    "StreamList",
    "StreamRow",
    "StreamStatus",
    "SurmiseError",
    "Surprises",
    "Template",
    "Templates",
    "UnreachableError",
    "UntrustedError",
    "Welcome",
    "Why",
    "replay",
]
