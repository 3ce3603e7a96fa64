#!/usr/bin/env python3
"""Works out what the simple predictors of `surmise eval` reach on the made recordings, independently of their code.

It is written from the definitions (of the books and papers that the predictors cite, with the settings that
`daemon/evaluation` states) in the plainest way there is: regressions solve their normal equations anew for every row,
contexts are tuples in dictionaries, the distribution of a gap is an integral by `math.erf`, the score of alarms tries
every threshold. `tests/tests/eval.rs` holds the product to what this prints.

  cargo run --release -p surmise-fixtures --example recordings -- DIR
  tests/reference/baselines.py DIR > tests/reference/baselines.json      (some minutes; standard library only)
"""

import csv
import json
import math
import sys
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

DAY = 86_400


def seconds(text):
    """Seconds since 1970 of a time in a table."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()


# ---- symbols: orders 0 to 6, each alone and mixed ------------------------------------------------------------------

ORDERS = 7
DISCOUNT = 0.75


class Orders:
    """Counts of what followed every context of up to six symbols.

    An order alone is Witten and Bell's estimate, which leaves as many counts to order 0 as there are distinct
    followers. The mixture discounts each count of the longest contexts by .75 and leaves what it takes to the next
    shorter one; a symbol is counted down to the longest context that knew it already (update exclusion).
    """

    def __init__(self, alphabet):
        self.alphabet = alphabet
        self.all = [defaultdict(lambda: defaultdict(int)) for _ in range(ORDERS)]
        self.novel = [defaultdict(lambda: defaultdict(int)) for _ in range(ORDERS)]

    def contexts(self, history):
        padded = (None,) * (ORDERS - 1) + tuple(history)
        return [padded[len(padded) - k :] if k else () for k in range(ORDERS)]

    def order_0(self, symbol):
        counts = self.all[0][()]
        if self.alphabet:
            spare, below = self.alphabet / 2, 1 / self.alphabet
        else:
            spare = sum(1 for n in counts.values() if n == 1) + 1
            below = 0 if symbol in counts else 1
        return (counts.get(symbol, 0) + spare * below) / (sum(counts.values()) + spare)

    def probabilities(self, history, symbol):
        """Of each order, and of the mixture."""
        zero = self.order_0(symbol)
        orders, mixture = [zero] * ORDERS, zero
        for k, context in enumerate(self.contexts(history)):
            if k == 0:
                continue
            if context not in self.all[k]:
                break
            counts, novel = self.all[k][context], self.novel[k][context]
            orders[k] = (counts.get(symbol, 0) + len(counts) * zero) / (sum(counts.values()) + len(counts))
            total = sum(novel.values())
            if total:
                mixture = (max(novel.get(symbol, 0) - DISCOUNT, 0) + DISCOUNT * len(novel) * mixture) / total
        return orders, mixture

    def learn(self, history, symbol):
        known = False
        contexts = self.contexts(history)
        for k in reversed(range(ORDERS)):
            counts = self.all[k][contexts[k]]
            novel = self.novel[k][contexts[k]]
            known_here = symbol in counts
            counts[symbol] += 1
            if not known:
                novel[symbol] += 1
            known = known or known_here

    def mixture_of_all(self, history, symbols):
        """What the mixture says of each symbol, up to a factor."""
        counts = self.all[0][()]
        total = sum(counts.values())
        said = {s: counts.get(s, 0) / total for s in symbols}
        for k, context in enumerate(self.contexts(history)):
            if k == 0 or context not in self.all[k]:
                continue
            novel = self.novel[k][context]
            total = sum(novel.values())
            if total:
                left = DISCOUNT * len(novel) / total
                said = {s: max(novel.get(s, 0) - DISCOUNT, 0) / total + left * p for s, p in said.items()}
        return said


def bits_of_symbols(sequences, alphabet):
    """Mean bits of every order and of the mixture, over sequences that share their counts."""
    orders, bits, count = Orders(alphabet), [0.0] * (ORDERS + 1), 0
    for sequence in sequences:
        history = []
        for symbol in sequence:
            alone, mixture = orders.probabilities(history, symbol)
            for i, p in enumerate([*alone, mixture]):
                bits[i] -= math.log2(p)
            count += 1
            orders.learn(history, symbol)
            history = (history + [symbol])[-(ORDERS - 1) :]
    names = [f"order-{k}" for k in range(ORDERS)] + ["mixture of orders 0-6"]
    return dict(zip(names, (b / count for b in bits)))


def hits_of_symbols(sequences, end):
    """How often the likeliest symbol came, by frequency, by what came last in the sequence, and by the mixture."""
    orders, frequency = Orders(None), defaultdict(int)
    hits, count = [0, 0, 0], 0
    for sequence in sequences:
        history, latest = [], None
        for symbol in sequence:
            if symbol != end:
                count += 1
                hits[1] += latest == symbol
                if symbol in frequency:
                    others = [s for s in frequency if s != end]
                    hits[0] += all(frequency[s] <= frequency[symbol] for s in others)
                    said = orders.mixture_of_all(history, frequency)
                    hits[2] += all(said[s] <= said[symbol] for s in others)
                latest = symbol
            orders.learn(history, symbol)
            frequency[symbol] += 1
            history = (history + [symbol])[-(ORDERS - 1) :]
    names = ["most frequent", "latest of the key", "mixture of orders 0-6"]
    return dict(zip(names, (h / count for h in hits)))


# ---- numbers -------------------------------------------------------------------------------------------------------

FORGET = 0.9999
LAGS = 26


def solve(matrix, columns):
    """Solutions of a symmetric positive system by Cholesky's factors, one for each right-hand side."""
    n = len(matrix)
    low = [[0.0] * n for _ in range(n)]
    for i in range(n):
        row = low[i]
        for j in range(i + 1):
            other = low[j]
            left = matrix[i][j] - sum(a * b for a, b in zip(row[:j], other[:j]))
            row[j] = math.sqrt(left) if i == j else left / other[j]
    solutions = []
    for column in columns:
        y = [0.0] * n
        for i in range(n):
            y[i] = (column[i] - sum(a * b for a, b in zip(low[i][:i], y))) / low[i][i]
        x = [0.0] * n
        for i in reversed(range(n)):
            x[i] = (y[i] - sum(low[k][i] * x[k] for k in range(i + 1, n))) / low[i][i]
        solutions.append(x)
    return solutions


class Ridge:
    """Least squares with forgetting and a penalty of 1 that is forgotten as well, by its normal equations."""

    def __init__(self, outputs):
        self.matrix, self.sides, self.outputs, self.weights = None, None, outputs, None

    def learn(self, x, targets):
        n = len(x)
        if self.matrix is None:
            self.matrix = [[float(i == j) for j in range(n)] for i in range(n)]
            self.sides = [[0.0] * n for _ in range(self.outputs)]
        for i, row in enumerate(self.matrix):
            self.matrix[i] = [FORGET * a + x[i] * b for a, b in zip(row, x)]
        self.sides = [[FORGET * a + b * y for a, b in zip(side, x)] for side, y in zip(self.sides, targets)]
        self.weights = None

    def forecast(self, x):
        if self.matrix is None:
            return [0.0] * self.outputs
        if self.weights is None:
            self.weights = solve(self.matrix, self.sides)
        return [sum(a * b for a, b in zip(w, x)) for w in self.weights]


class Column:
    """Mean, deviation and usual step of a column's values so far."""

    def __init__(self):
        self.values, self.mean, self.squares, self.step = 0, 0.0, 0.0, 0.0

    def deviation(self):
        d = math.sqrt(self.squares / max(self.values, 1))
        return d if d > 1e-12 * abs(self.mean) and d > 0 else 1.0

    def standard(self, x):
        return (x - self.mean) / self.deviation() if self.values else 0.0

    def learn(self, x, last):
        self.values += 1
        off = x - self.mean
        self.mean += off / self.values
        self.squares += off * (x - self.mean)
        if last is not None:
            rate = min(max(2 / self.values, 0.002), 1.0)
            self.step += rate * (abs(x - last) - self.step)


class Smoothing:
    """Averages of several rates, with trends or without; the one with the least discounted squared error speaks."""

    def __init__(self, rates):
        self.rates, self.states = rates, None

    def forecast(self):
        if self.states is None:
            return 0.0
        best = min(self.states, key=lambda s: s["error"])
        return best["level"] + best["trend"]

    def learn(self, x):
        if self.states is None:
            self.states = [{"level": x, "trend": 0.0, "error": 0.0} for _ in self.rates]
            return
        for (alpha, beta), s in zip(self.rates, self.states):
            expected = s["level"] + s["trend"]
            s["error"] = 0.99 * s["error"] + (x - expected) ** 2
            level = expected + alpha * (x - expected)
            s["trend"] = s["trend"] + beta * (level - s["level"] - s["trend"]) if beta else s["trend"]
            s["level"] = level


def season_of(times):
    """For each row, the rows of a season as far as it is known from the first 64 intervals before the row."""
    intervals, found = [], None
    for i, time in enumerate(times):
        yield found
        if i and len(intervals) < 64 and time > times[i - 1]:
            intervals.append(time - times[i - 1])
            if len(intervals) == 64:
                a_day = round(DAY / sorted(intervals)[32])
                found = a_day if 2 <= a_day <= 1440 else 7 if a_day == 1 else None


def features(rows, now, columns, time, season):
    """One, the time of day, the latest rows in their columns' deviations, and the row of a season before `now`."""
    angle = 2 * math.pi * (time % DAY) / DAY
    x = [1.0, math.sin(angle), math.cos(angle)]
    for back in [*range(1, LAGS + 1), season]:
        there = back is not None and now - back >= 0
        x += [c.standard(rows[now - back][i]) if there else 0.0 for i, c in enumerate(columns)]
    return x


def clip(x, most):
    return max(-most, min(most, x))


def errors(missed, units):
    """Mean squared and absolute errors in units of columns, averaged over columns."""
    squares = [sum(m * m for m in column) / len(column) / unit**2 for column, unit in zip(missed, units)]
    distances = [sum(map(abs, column)) / len(column) / unit for column, unit in zip(missed, units)]
    return sum(squares) / len(squares), sum(distances) / len(distances)


def deviations(rows):
    """The population's deviation of each column."""
    found = []
    for column in zip(*rows):
        mean = sum(column) / len(column)
        found.append(math.sqrt(sum((x - mean) ** 2 for x in column) / len(column)))
    return found


def one_step(times, rows, first):
    """Errors of the forecasts of each next row, from row `first` on."""
    n = len(rows[0])
    columns = [Column() for _ in range(n)]
    averages = [Smoothing([(0.05, 0), (0.2, 0), (0.5, 0), (0.8, 0)]) for _ in range(n)]
    trends = [Smoothing([(0.3, 0.05), (0.5, 0.1), (0.8, 0.1), (0.9, 0.3)]) for _ in range(n)]
    ridge = Ridge(n)
    missed = {k: [[] for _ in range(n)] for k in ("persistence", "seasonal", "moving average", "Holt", "linear RLS")}
    for now, (row, season) in enumerate(zip(rows, season_of(times))):
        last = rows[now - 1] if now else [0.0] * n
        before = rows[now - season] if season and now >= season else last
        x = features(rows, now, columns, times[now], season)
        if now >= first:
            changes = ridge.forecast(x)
            for c in range(n):
                change = clip(changes[c] * columns[c].deviation(), 6 * columns[c].step)
                missed["persistence"][c].append(row[c] - last[c])
                missed["seasonal"][c].append(row[c] - before[c])
                missed["moving average"][c].append(row[c] - averages[c].forecast())
                missed["Holt"][c].append(row[c] - trends[c].forecast())
                missed["linear RLS"][c].append(row[c] - last[c] - change)
        if now and columns[0].values >= 24:
            ridge.learn(x, [clip((row[c] - last[c]) / columns[c].deviation(), 20.0) for c in range(n)])
        for c in range(n):
            averages[c].learn(row[c])
            trends[c].learn(row[c])
            columns[c].learn(row[c], last[c] if now else None)
    units = deviations(rows)
    return {name: errors(m, units) for name, m in missed.items()}


def several_steps(times, rows, first, steps):
    """Errors of the forecasts of the next `steps` rows, each judged when its row has come, from row `first` on."""
    n = len(rows[0])
    columns = [Column() for _ in range(n)]
    ridge = Ridge(n * steps)
    missed = {k: [[] for _ in range(n)] for k in ("persistence", "seasonal", "direct RLS")}
    seen, said = {}, {}
    for now, (row, season) in enumerate(zip(rows, season_of(times))):
        for step in range(1, steps + 1):
            if now < first or now < step:
                continue
            origin = rows[now - step]
            back = season * math.ceil(step / season) if season else None
            before = rows[now - back] if back and now >= back else origin
            for c in range(n):
                missed["persistence"][c].append(row[c] - origin[c])
                missed["seasonal"][c].append(row[c] - before[c])
                missed["direct RLS"][c].append(row[c] - said[now - step][step - 1][c])
        for c in range(n):
            columns[c].learn(row[c], rows[now - 1][c] if now else None)
        if now >= steps:
            origin = rows[now - steps]
            truth = [
                clip((rows[now - steps + step][c] - origin[c]) / columns[c].deviation(), 20.0)
                for step in range(1, steps + 1)
                for c in range(n)
            ]
            ridge.learn(seen[now - steps], truth)
        # what is seen ends with this row; the row that is seen besides lies a season before the next one
        seen[now] = features(rows, now + 1, columns, times[now], season)
        changes = ridge.forecast(seen[now]) if now + steps >= first else [0.0] * (n * steps)
        said[now] = []
        for step in range(1, steps + 1):
            scaled = [changes[(step - 1) * n + c] * columns[c].deviation() for c in range(n)]
            most = [6 * columns[c].step * math.sqrt(step) for c in range(n)]
            said[now].append([row[c] + clip(scaled[c], most[c]) for c in range(n)])
    units = deviations(rows)
    return {name: errors(m, units) for name, m in missed.items()}


# ---- a class, given the rest of its event --------------------------------------------------------------------------


def classes(rows):
    """Bits and accuracy of predictors of the last cell of each row, given numbers, one name and the cell before it.

    Logistic regression learns at several rates side by side, which Bayes' rule mixes.
    """
    names = ["no change", "majority", "logistic regression", "naive Bayes"]
    bits, hits = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    known, counts, again, last = [], defaultdict(int), [0.5, 0.5], None
    given, columns = [], [Column(), Column()]
    rates = [0.002, 0.01, 0.03, 0.1, 0.3, 1.0]
    weights, moments, trust = [defaultdict(list) for _ in rates], {}, [1 / len(rates)] * len(rates)
    for events, (*numbers, name, label) in enumerate(rows):
        x = [1.0] + [clip(c.standard(v), 10.0) for c, v in zip(columns, numbers)]
        present = [name] + ([("last", last)] if last is not None else [])
        given += [p for p in present if p not in given]
        x += [float(g in present) for g in given]
        majority = {c: (counts[c] + 0.5) / (events + 0.5 * len(known)) for c in known}
        no_change = dict(majority)
        if last is not None:
            stays = again[1] / sum(again) if len(known) > 1 else 1.0
            rest = 1 - majority[last]
            no_change = {c: stays if c == last else p / rest * (1 - stays) for c, p in majority.items()}
        each = [softmax({c: sum(a * b for a, b in zip(w[c], x)) for c in known}) for w in weights]
        logistic = {c: sum(t * p[c] for t, p in zip(trust, each)) for c in known}
        bayes = softmax({c: log_normal_of(moments[c], x) for c in known})
        new = (len(known) + 1) / (events + len(known) + 1)
        for predictor, p in zip(names, [no_change, majority, logistic, bayes]):
            bits[predictor] -= math.log2((1 - new) * p[label] if label in p else new)
            # of equally likely classes the latest one is taken
            hits[predictor] += bool(p) and max(reversed(known), key=lambda c: p[c]) == label
        if last is not None:
            again[last == label] += 1
        if label in known:
            trust = [t * p[label] for t, p in zip(trust, each)]
            trust = [0.999 * t / sum(trust) + 0.001 / len(rates) for t in trust]
        else:
            known.append(label)
            moments[label] = [0, [], []]
        counts[label] += 1
        last = label
        for rate, w, p in zip(rates, weights, each):
            for c in known:
                step = rate * ((c == label) - p.get(c, 0.0))
                padded = w[c] + [0.0] * (len(x) - len(w[c]))
                w[c] = [a + step * v for a, v in zip(padded, x)]
        learn_moments(moments[label], x)
        for c, v in zip(columns, numbers):
            c.learn(v, None)
    return {m: {k: v / len(rows) for k, v in of.items()} for m, of in (("bits", bits), ("accuracy", hits))}


def softmax(scores):
    if not scores:
        return {}
    most = max(scores.values())
    p = {c: max(math.exp(s - most), 1e-9) for c, s in scores.items()}
    return {c: v / sum(p.values()) for c, v in p.items()}


def log_normal_of(moments, x):
    """ln of a class's count times the normal densities of its inputs, up to a constant; the prior is one unit row."""
    count, means, squares = moments
    score = math.log(count)
    for v, mean, square in zip(x, means, squares):
        variance = (square + 1) / (count + 1)
        score -= ((v - mean) ** 2 / variance + math.log(variance)) / 2
    return score


def learn_moments(moments, x):
    moments[0] += 1
    for values in moments[1:]:
        values.extend([0.0] * (len(x) - len(values)))
    for i, v in enumerate(x):
        off = v - moments[1][i]
        moments[1][i] += off / moments[0]
        moments[2][i] += off * (v - moments[1][i])


# ---- gaps ----------------------------------------------------------------------------------------------------------


def normal(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def gaps(times):
    """Mean bits of a quarter octave of each gap, by laws of gaps and by counts."""
    bits = dict.fromkeys(["exponential", "log-normal", "counts of bins"], 0.0)
    zero, counts = [0.5, 0.5], defaultdict(lambda: 0.5)
    mean = log_mean = 0.0
    log_square, seen = 1.0, 0
    for before, time in zip(times, times[1:]):
        gap = (time - before) * 1e6
        assert gap > 0
        quarter = math.floor(4 * math.log2(gap) + 0.5)
        low, high = 2 ** ((quarter - 0.5) / 4), 2 ** ((quarter + 0.5) / 4)
        share = zero[1] / sum(zero)
        scale = mean if seen else 1.0
        exponential = math.exp(-low / scale) - math.exp(-high / scale)
        deviation = math.sqrt(max(log_square, 1e-4))
        log_normal = normal((math.log(high) - log_mean) / deviation) - normal((math.log(low) - log_mean) / deviation)
        total = 0.5 * 256 + seen
        for name, p in (
            ("exponential", share * (0.999 * exponential + 0.001 / 256)),
            ("log-normal", share * (0.999 * log_normal + 0.001 / 256)),
            ("counts of bins", counts[quarter] / total),
        ):
            bits[name] -= math.log2(p)
        zero[1] += 1
        counts[quarter] += 1
        seen += 1
        rate = max(0.02, 1 / seen)
        mean += rate * (gap - mean)
        off = math.log(gap) - log_mean
        log_mean += rate * off
        if seen > 1:
            log_square += rate * (off * off - log_square)
    # the first event has no gap and is counted all the same
    return {name: b / len(times) for name, b in bits.items()}


# ---- alarms --------------------------------------------------------------------------------------------------------


def windowed_gaussian(values):
    """One minus the tail of each value under the 6,400 values before it (here: all of them), as NAB's detector."""
    scores = []
    for i, x in enumerate(values):
        assert i < 6400
        window = values[:i]
        if not window:
            scores.append(0.0)
            continue
        mean = sum(window) / i
        deviation = math.sqrt(sum((v - mean) ** 2 for v in window) / i) or 1e-6
        scores.append(1 - normal(-abs(x - mean) / deviation))
    return scores


def static_z(values):
    """Deviations from the mean of the first 15 %, at most 750 values."""
    first = values[: min(len(values) * 15 // 100, 750)]
    mean = sum(first) / len(first)
    deviation = max(math.sqrt(sum((x - mean) ** 2 for x in first) / len(first)), 1e-6)
    return [abs(x - mean) / deviation for x in values]


def relative_entropy(values):
    """1 where the last 52 values, in five bins, agree with no earlier such window by a test of one in a hundred."""
    low, step = min(values), (max(values) - min(values)) / 5
    scores, known = [], []
    for i in range(len(values)):
        if step == 0 or i < 51:
            scores.append(0.0)
            continue
        bins = [min(math.ceil((x - low) / step), 4) for x in values[i - 51 : i + 1]]
        window = [bins.count(b) for b in range(5)]

        def apart(other):
            if any(p and not q for p, q in zip(window, other)):
                return math.inf
            return 2 * sum(p * math.log(p / q) for p, q in zip(window, other) if p)

        agrees = any(apart(other) < 13.276704135987623 for other in known)
        scores.append(float(bool(known) and not agrees))
        if not agrees:
            known.append(window)
    return scores


def knn_cad(values):
    """How many earlier points of 19 values lay nearer to their 27 nearest, by the metric of the points themselves.

    The metric is the inverse of the sum of the points' outer products, which is the plain distance between solutions of
    its lower factor.
    """
    trial, dimension = min(len(values) * 15 // 100, 750), 19
    training, calibration, distances, scores, quiet, factor = [], [], [], [], 0, None

    def turned(point):
        solution = []
        for i, row in enumerate(factor):
            solution.append((point[i] - sum(a * b for a, b in zip(row, solution))) / row[i])
        return solution

    def distance(point, neighbours):
        return sum(sorted(math.dist(point, other) ** 2 for _, other in training)[:neighbours])

    for i in range(len(values)):
        point = values[max(i - dimension + 1, 0) : i + 1]
        if i + 1 < trial or len(point) < dimension:
            if len(point) == dimension:
                training.append((point, point))
            scores.append(0.0)
            continue
        if (i + 1) % trial in (0, trial // 2):
            factor = [[0.0] * dimension for _ in range(dimension)]
            for a in range(dimension):
                for b in range(a + 1):
                    square = math.fsum(p[a] * p[b] for p, _ in training)
                    left = square - sum(x * y for x, y in zip(factor[a][:b], factor[b]))
                    factor[a][b] = math.sqrt(left) if a == b else left / factor[b][b]
            training = [(p, turned(p)) for p, _ in training]
        distances = distances or [distance(p, 28) for _, p in training]
        apart = distance(turned(point), 27)
        share = sum(d < apart for d in distances) / len(distances)
        if i + 1 >= 2 * trial:
            training = training[1:] + [(calibration[0], turned(calibration[0]))]
            calibration.pop(0)
        calibration.append(point)
        distances = distances[1:] + [apart]
        scores.append(0.5 if quiet else share)
        quiet = quiet - 1 if quiet else trial // 5 if share >= 0.9965 else 0
    return scores


def sigmoid(y):
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def nab(files, false_alarm, miss):
    """NAB's score of the best threshold; a file is its times, its scores and its windows, which lie apart."""
    rows, count = [], 0
    for times, scores, windows in files:
        spans = [[i for i, t in enumerate(times) if start <= t <= end] for start, end in windows]
        first_that_counts = min(len(times) * 15 // 100, 750)
        for i in range(first_that_counts, len(times)):
            inside = [w for w, span in enumerate(spans) if span[0] <= i <= span[-1]]
            if inside:
                span = spans[inside[0]]
                place = -(span[-1] - i + 1) / len(span)
                rows.append((scores[i], count + inside[0], sigmoid(place) / sigmoid(-1)))
            else:
                ended = [span for span in spans if span[-1] < i]
                value = sigmoid((i - ended[-1][-1]) / (len(ended[-1]) - 1)) if ended else -1.0
                rows.append((scores[i], None, value))
        count += len(spans)
    rows.sort(key=lambda row: -row[0])
    best = -miss * count
    found, spent = {}, 0.0
    for i, (score, window, value) in enumerate(rows):
        if window is None:
            spent += false_alarm * value
        else:
            found[window] = max(found.get(window, -9), value)
        if i + 1 == len(rows) or rows[i + 1][0] != score:
            best = max(best, spent + sum(found.values()) - miss * (count - len(found)))
    return 100 * (best + miss * count) / (count + miss * count)


# ---- all together --------------------------------------------------------------------------------------------------


def table(path):
    """The rows of a table, without its header."""
    with open(path, newline="") as file:
        return list(csv.reader(file))[1:]


def measured(errors_by_name, squared, absolute):
    """Two measures, by predictor."""
    split = {squared: {}, absolute: {}}
    for name, (square, distance) in errors_by_name.items():
        split[squared][name], split[absolute][name] = square, distance
    return split


def main():
    folder = Path(sys.argv[1])
    result = {}
    sessions = [line.split() + ["\n"] for line in (folder / "sessions.tokens").read_text().splitlines()]
    result["sessions"] = {"bits": bits_of_symbols(sessions, None), "accuracy": hits_of_symbols(sessions, "\n")}
    result["words"] = {"bits": bits_of_symbols([(folder / "words.txt").read_bytes()], 256)}
    season = table(folder / "season.csv")
    times, rows = [seconds(r[0]) for r in season], [[float(x) for x in r[1:]] for r in season]
    result["season"] = measured(one_step(times, rows, 1000), "MSE", "MAE")
    result["season ahead"] = measured(several_steps(times, rows, 1000, 3), "MSE ahead", "MAE ahead")
    labels = table(folder / "labels.csv")
    result["labels"] = classes([[float(r[0]), float(r[1]), r[2], r[3]] for r in labels])
    arrivals = table(folder / "arrivals.csv")
    kinds = [[r[1] for r in arrivals]]
    result["arrivals"] = {
        "gap: bits": gaps([float(r[0]) for r in arrivals]),
        "kind: bits": bits_of_symbols(kinds, None),
        "kind: accuracy": hits_of_symbols(kinds, None),
    }
    windows = json.loads((folder / "alarms-windows.json").read_text())
    series = {name: table(folder / name) for name in windows}
    result["alarms"] = {}
    detectors = {
        "KNN-CAD": knn_cad,
        "relative entropy": relative_entropy,
        "windowed Gaussian": windowed_gaussian,
        "static z-score": static_z,
    }
    for detector, scores in detectors.items():
        files = []
        for name, rows in series.items():
            spans = [(seconds(start), seconds(end)) for start, end in windows[name]]
            files.append(([seconds(r[0]) for r in rows], scores([float(r[1]) for r in rows]), spans))
        for profile, false_alarm, miss in (("NAB standard", 0.11, 1), ("NAB low FP", 0.22, 1), ("NAB low FN", 0.11, 2)):
            result["alarms"].setdefault(profile, {})[detector] = nab(files, false_alarm, miss)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
