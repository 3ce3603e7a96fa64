"""Replay, the wrapper for River, the helper for pandas, and what notebooks show."""

from __future__ import annotations

import copy
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import surmise
from surmise import (
    AlarmList,
    Client,
    Daemon,
    Event,
    ExpectedNumber,
    ExpectedSymbols,
    Forecast,
    Prediction,
    ProgramError,
    ProgramMissingError,
    RefusedError,
    Why,
    replay,
)
from surmise.river import SurmiseClassifier

SMALL = {"network": "off"}


def test_a_recording_is_learnt_in_one_pass(tmp_path: Path) -> None:
    path = tmp_path / "events.tokens"
    path.write_text("a b c\n" * 300)
    found = replay(path, format="tokens", settings=SMALL)
    assert (found.events, found.keys) == (1200, 300)
    assert found.loss_bits_per_event < 0.3
    assert {expert.name for expert in found.experts} >= {"order-0"}
    assert found.fields["value"]["top1"] > 0.9
    assert found.state_hash
    assert "1200 events" in repr(found)
    assert "mixture" in found._repr_html_()
    again = replay([path], format="tokens", settings=SMALL, arguments=["--delay-chunks", "0"])
    assert again.state_hash == found.state_hash


def test_events_are_replayed_as_a_daemon_learns_them(daemon: Daemon, client: Client, stream: str) -> None:
    events = [Event({"page": "ab"[i % 2], "ms": i % 5}, key="k", time=1_700_000_000 + i) for i in range(500)]
    with daemon.producer(stream) as producer:
        producer.send_many(events)
    found = replay(events, settings={"network": "off", "memory_mib": 16})
    assert found.state_hash == client.state_hash(stream).state_hash


def test_faults_of_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgramError) as caught:
        replay(tmp_path / "missing.csv")
    assert caught.value.exit_code in (64, 65, 66, 74)
    assert "missing.csv" in str(caught.value)
    with pytest.raises(ProgramError, match="64"):
        replay(["a"], settings={"nonsense": 1})
    with pytest.raises(ProgramMissingError, match="cargo install"):
        replay(["a"], program="/nowhere/surmise")
    monkeypatch.setenv("SURMISE", "/nowhere/surmise")
    with pytest.raises(ProgramMissingError, match="SURMISE"):
        replay(["a"])


def examples(count: int) -> list[tuple[dict[str, Any], bool]]:
    chance, found = random.Random(1), list[tuple[dict[str, Any], bool]]()
    for _ in range(count):
        x: dict[str, Any] = {"a": chance.random(), "c": chance.choice("uv")}
        found.append((x, (x["a"] > 0.5) != (x["c"] == "u")))
    return found


def test_a_classifier_learns_what_follows_from_x() -> None:
    with SurmiseClassifier(options=SMALL) as model:
        assert model.predict_one({"a": 0.1, "c": "u"}) is None
        assert model.predict_proba_one({"a": 0.1, "c": "u"}) == {}
        hits = 0
        for i, (x, y) in enumerate(examples(1000)):
            if i >= 800:
                probabilities = model.predict_proba_one(x)
                assert set(probabilities) == {True, False}
                assert 0.99 < sum(probabilities.values()) < 1 + 1e-9
                hits += model.predict_one(x) == y
            model.learn_one(x, y)
        assert hits > 180
        assert model.predict_one(x) in (True, False)
        daemon = model._daemon
        assert daemon is not None
        assert daemon.client().status("river").offset == 1000
        with pytest.raises(ValueError, match="target"):
            model.learn_one({"y": 1}, True)
    assert not daemon.directory.exists()


def test_a_classifier_takes_fields_that_it_has_not_seen() -> None:
    """As River's own do: a new field says nothing in a question until it was learnt."""
    with SurmiseClassifier(options=SMALL) as model:
        hits = 0
        for i in range(600):
            x: dict[str, Any] = {"a": i % 7}
            if i >= 100:
                x = {"late": "uv"[i % 2], "vector": [1.0, 2.0], **x}
            if i == 300:
                x["a"] = "a text where numbers were"
            y = i % 2 == 0
            assert sum(model.predict_proba_one(x).values()) < 1 + 1e-9
            if i >= 500:
                hits += model.predict_one(x) == y
            model.learn_one(x, y)
        assert hits > 90
        assert model.predict_one({"never": 1}) in (True, False)


def test_a_classifier_learns_sequences_by_their_keys() -> None:
    with SurmiseClassifier(key="session", options=SMALL) as model:
        for i in range(600):
            for session, word in (("a", "xyz"), ("b", "pq")):
                if i > 580:
                    assert model.predict_one({"session": session}) == word[i % len(word)]
                model.learn_one({"session": session}, word[i % len(word)])


def test_a_key_that_is_not_a_number_is_none() -> None:
    with SurmiseClassifier(key="session", options=SMALL) as model:
        for i in range(600):
            # the latest outcome tells what follows without a key, which is not what follows the text
            for session, word in (("nan", "pq"), (math.nan, "rs")):
                if i > 580:
                    assert model.predict_one({"session": session}) == word[i % len(word)]
                model.learn_one({"session": session}, word[i % len(word)])
        model._catch_up()
        assert model._next_key is None


def test_many_are_scored_as_one_after_the_other_is() -> None:
    pairs = examples(400)
    with SurmiseClassifier(options=SMALL) as model:
        scored = list(model.score_many(pairs))
    with SurmiseClassifier(options=SMALL) as model:
        for i, (x, y) in enumerate(pairs):
            if i % 40 == 39:
                assert model.predict_proba_one(x)[y] == pytest.approx(scored[i], abs=0.01)
            model.learn_one(x, y)
    assert sum(scored[-100:]) > 80
    assert list(SurmiseClassifier().score_many([])) == []


def test_a_classifier_takes_what_comes() -> None:
    chance = random.Random(2)
    with SurmiseClassifier(time="at", fields={"n": "category"}, options=SMALL) as model:
        for i in range(300):
            n = chance.randrange(2)
            model.learn_one({"at": 1_700_000_000 + i, "n": n, "x": math.nan if i % 3 else 1.5, "z": None}, n)
        for n in (0, 1):
            assert model.predict_one({"at": 1_700_000_300, "n": n, "x": 1.5}) == n
        model.learn_one({"at": "no time", "n": 1}, 0)
        with pytest.raises(RefusedError):
            model.predict_one({"n": 1})
    unused = SurmiseClassifier()
    copy.deepcopy(unused).close()
    unused.close()


def test_a_classifier_uses_a_daemon_that_is_there(daemon: Daemon) -> None:
    chance = random.Random(3)
    model = SurmiseClassifier("kind", stream="plants", url=daemon.url, address=daemon.address)
    for _ in range(300):
        petals = chance.randrange(2)
        model.learn_one({"petals": petals}, "ab"[petals])
    assert model.predict_one({"petals": 1}) == "b"
    model.close()
    assert daemon.client().status("plants").offset == 300


def test_scores_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    from surmise.pandas import score  # noqa: PLC0415

    chance = random.Random(1)
    frame = pandas.DataFrame(
        {
            "at": pandas.date_range("2026-01-01", periods=900, freq="min"),
            "ms": [chance.gauss(10, 1) for _ in range(900)],
            "page": [chance.choice(["/a", "/b"]) for _ in range(900)],
            "note": ["x\ny,\"z'"] * 900,
        },
        index=range(100, 1000),
    )
    frame.loc[800, "ms"] = 99.0
    frame.loc[300:310, "ms"] = math.nan
    scores = score(frame, time="at", settings=SMALL)
    assert list(scores.index) == list(frame.index)
    assert scores["rarity_events"].idxmax() == 800
    assert scores.loc[800, "why"] == "ms"
    assert 5 < scores.loc[800, "ms_yhat_lower"] < scores.loc[800, "ms_yhat"] < scores.loc[800, "ms_yhat_upper"] < 15
    assert scores["anomaly_score"].between(0, 1).all()
    some = score(frame, columns=["page"], settings=SMALL)
    assert "ms_yhat" not in some.columns
    assert len(score(frame.iloc[:0])) == 0
    with pytest.raises(KeyError, match="nothing"):
        score(frame, key="nothing")


def test_frames_as_people_have_them() -> None:
    """Columns without names of their own, missing values of pandas, and two columns of one name."""
    pandas = pytest.importorskip("pandas")
    from surmise.pandas import score  # noqa: PLC0415

    chance = random.Random(3)
    rows = [["ab"[i % 2], chance.gauss(20.0, 1.0)] for i in range(300)]
    plain = pandas.DataFrame(rows)
    scores = score(plain, key=0, settings=SMALL)
    assert "1_yhat" in scores and scores["surprise_bits"].notna().all()
    # names that look like numbers are names all the same
    numbers = pandas.DataFrame([[1.5, 2.5]] * 50)
    assert len(score(numbers, settings=SMALL)) == 50
    nullable = plain.rename(columns=str).convert_dtypes()
    nullable.loc[7, "1"] = pandas.NA
    assert len(score(nullable, key="0", settings=SMALL)) == 300
    twice = pandas.DataFrame(rows, columns=["a", "a"])
    with pytest.raises(ValueError, match="two columns 'a'"):
        score(twice, settings=SMALL)


def test_a_class_of_a_frame_has_its_likeliest_value() -> None:
    pandas = pytest.importorskip("pandas")
    from surmise.pandas import score  # noqa: PLC0415

    chance = random.Random(5)
    fruit = [chance.choice(["apple", "melon"]) for _ in range(400)]
    frame = pandas.DataFrame({"weight": [150.0 if name == "apple" else 1200.0 for name in fruit], "fruit": fruit})
    scores = score(frame, target="fruit", settings=SMALL)
    assert (scores["fruit_yhat"][200:] == frame["fruit"][200:]).all()
    assert scores["fruit_probability"][200:].between(0.9, 1.0).all()
    assert "weight_yhat" not in scores


def test_scores_of_a_daemon(daemon: Daemon, stream: str) -> None:
    pandas = pytest.importorskip("pandas")
    from surmise.pandas import score_with  # noqa: PLC0415

    frame = pandas.DataFrame(
        {
            "at": pandas.date_range("2026-01-01", periods=400, freq="s"),
            "who": ["u", "v"] * 200,
            "page": ["/a", "/b", "/b", "/a"] * 100,
            "ms": [1.0, 2.0, math.nan, 4.0] * 100,
        }
    )
    frame.loc[390, "page"] = "/odd"
    with daemon.producer(stream, want=("next",)) as producer:
        producer.send({"page": "/a"})
        scores = score_with(producer, frame, key="who", time="at")
        assert producer.next_seq == 402
    assert len(scores) == 400
    assert scores["surprise_bits"].notna().all()
    assert scores["rarity_events"].iloc[50:].idxmax() == 390
    assert scores.loc[390, "why"] == "page"
    assert list(scores["page_expected"].iloc[300:304]) == ["/a", "/b", "/b", "/a"]
    assert "ms_expected" in scores
    with daemon.producer("strict-frame", want=("outcome",)) as producer:
        refused = score_with(producer, pandas.DataFrame({"page": ["/a", None, "/b"], "ms": [1.0, 2.0, 3.0]}))
    assert list(refused["surprise_bits"].notna()) == [True, False, True]


def test_pandas_and_river_are_not_needed() -> None:
    code = (
        "import sys; sys.modules.update(pandas=None, river=None, numpy=None); "
        "import surmise, surmise.river, surmise.pandas; print(surmise.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == surmise.__version__


NASTY = "<script>alert('&')</script>"


@pytest.mark.parametrize(
    "answer",
    [
        Prediction(NASTY, 7, key=NASTY, end=0.2, fields={NASTY: ExpectedSymbols([(NASTY, 0.5), (None, 0.0001)], 0.4)}),
        Prediction(fields={"n": ExpectedNumber(1.0, 2.0, {0.05: -1e9, 0.95: 3.0}, 0.1)}),
        ExpectedSymbols([(NASTY, 1.0)], 0.0),
        ExpectedNumber(1.0, 2.0, {0.05: 0.1, 0.95: 3.0}),
        Forecast(NASTY, steps=[Prediction(fields={NASTY: ExpectedSymbols([(NASTY, 1.0)])})]),
        Why.from_json(
            {
                "stream": NASTY,
                "rarity_events": 123456.7,
                "parts": [
                    {
                        "name": NASTY,
                        "value": NASTY * 50,
                        "expected": {"top": [[NASTY, 0.5]], "other": 0.5},
                        "last_seen": 3,
                    },
                    {"name": "end", "value": None, "excess_bits": -1.5},
                ],
            }
        ),
        AlarmList.from_json({"begun": 1, "alarms": [{"stream": NASTY, "kind": "new", "field": NASTY}, {}]}),
        AlarmList(),
        Forecast(),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_notebooks_show_tables_and_no_script(answer: Any) -> None:
    html = answer._repr_html_()
    assert "<table" in html
    assert "<script" not in html
    assert html.count("<td") == html.count("</td>")
    assert len(html) < 20_000
    assert repr(answer)
