"""The network of the part `network` in PyTorch: steps of one second of one thread, each learnt from.

    python3 torch_network.py SECONDS  ->  {"torch": "2.9", "rates": [{"sequences": 1, "form": "...", "steps": 1234.5}, ...]}

Two layers of a gated linear recurrence of 64 units over 256 symbols, a softmax over 256 symbols behind both, chunks of
16 steps; forward, backward, and an update by Adam without momentum. Every form is the same network: the recurrence step
by step or as a triangular product, run as it stands or by torch.compile.
"""
import json
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
LAYERS, HIDDEN, SYMBOLS, STEPS = 2, 64, 256, 16


def learner(sequences, triangular, compiled):
    """A function that learns one chunk of so many sequences."""
    torch.manual_seed(1)
    rows, gates = STEPS * sequences, 3 * HIDDEN

    def weights(*shape, scale=0.1):
        return (torch.randn(*shape) * scale).requires_grad_()

    embedding = [weights(SYMBOLS, gates) for _ in range(LAYERS)]
    bias = [weights(gates, scale=1.0) for _ in range(LAYERS)]
    below = weights(HIDDEN, gates)
    head, head_bias = weights(LAYERS * HIDDEN, SYMBOLS), weights(SYMBOLS)
    inputs = [(torch.rand(rows) ** 3 * SYMBOLS).long() for _ in range(16)]
    targets = [(torch.rand(rows) ** 3 * SYMBOLS).long() for _ in range(16)]
    lower = torch.tril(torch.ones(STEPS, STEPS))
    state = [torch.zeros(sequences, HIDDEN) for _ in range(LAYERS)]

    def loss(ids, wanted, before):
        y, features, last = None, [], []
        for layer in range(LAYERS):
            u = F.embedding(ids, embedding[layer]) + bias[layer]
            u = torch.addmm(u, y, below) if layer else u
            z, c, o = u.chunk(3, 1)
            if triangular:
                kept = lower @ F.logsigmoid(-z).clamp(min=-4.0).reshape(STEPS, sequences * HIDDEN)
                new = torch.exp(-kept) * (torch.sigmoid(z) * torch.tanh(c)).reshape(STEPS, sequences * HIDDEN)
                h = (torch.exp(kept) * torch.addmm(before[layer].reshape(1, -1), lower, new)).view(rows, HIDDEN)
                last.append(h[-sequences:])
            else:
                shape = (STEPS, sequences, HIDDEN)
                now, steps = before[layer], []
                for share, value in zip(torch.sigmoid(z).view(shape).unbind(0), torch.tanh(c).view(shape).unbind(0)):
                    now = torch.lerp(now, value, share)
                    steps.append(now)
                h = torch.stack(steps).view(rows, HIDDEN)
                last.append(now)
            y = torch.sigmoid(o) * h
            features.append(y)
        return F.cross_entropy(torch.addmm(head_bias, torch.cat(features, 1), head), wanted), last

    run = torch.compile(loss, dynamic=False) if compiled else loss
    parameters = embedding + bias + [below, head, head_bias]
    rule = torch.optim.Adam(parameters, lr=3e-3, betas=(0.0, 0.999), fused=True)
    chunks = 0

    def learn():
        nonlocal chunks
        rule.zero_grad()
        value, last = run(inputs[chunks % 16], targets[chunks % 16], state)
        value.backward()
        rule.step()
        state[:] = [x.detach() for x in last]
        chunks += 1

    return learn


def rate(learn, steps, seconds):
    """Steps a second of processor time, by the median chunk."""
    for _ in range(3):
        learn()
    took, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(took) < 5:
        at = time.process_time_ns()
        learn()
        took.append(time.process_time_ns() - at)
    return steps / statistics.median(took) * 1e9


def main():
    seconds, rates = float(sys.argv[1]), []
    for sequences in (1, 64):
        for triangular in (False, True):
            for compiled in (False, True):
                form = ("triangular" if triangular else "step by step") + (", compiled" if compiled else "")
                try:
                    steps = rate(learner(sequences, triangular, compiled), STEPS * sequences, seconds)
                    rates.append({"sequences": sequences, "form": form, "steps": steps})
                except Exception as e:  # without a compiler torch.compile does not work
                    print(f"{form}: {e}", file=sys.stderr)
    print(json.dumps({"torch": torch.__version__, "rates": rates}))


main()
