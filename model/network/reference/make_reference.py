#!/usr/bin/env python3
"""Writes glr.json: losses of the network and its tree head on a short text, by an implementation of its own.

JAX in float64; every gradient is JAX's. Nothing here is derived from the Rust code but the definition of the network,
the update rules and the initial weights, which are a hash of their place (src/start.rs).

    python3 -m venv venv && venv/bin/pip install "jax[cpu]" && venv/bin/python make_reference.py > glr.json
"""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

LAYERS, HIDDEN, TABLES, DENSE, CHUNK, CHUNKS, SEED = 2, 32, 3, 2, 16, 10, 2024
LR, BETA2, EPS, HEAD_LR = 5e-3, float(np.float32(0.999)), 1e-6, 2e-3
RATE = float(np.float32(1.0) - np.float32(0.999))
M64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
EMBEDDING, DENSE_PART, BELOW = 1, 2, 3


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def row(part, layer, table, r, n, scale):
    key = mix((SEED + GOLDEN) & M64)
    for x in (part, layer, table, r):
        key = mix(key ^ mix((x + GOLDEN) & M64))
    z = [mix((key + (i + 1) * GOLDEN) & M64) >> 40 for i in range(n)]
    return np.float32(scale) * np.array([np.float32(x) / np.float32(8388608) - np.float32(1) for x in z], np.float32)


def initial():
    g, h = 3 * HIDDEN, HIDDEN
    scale = np.float32(1.2) / np.sqrt(np.float32(h))
    bias = np.zeros(g)
    for i in range(h):
        bias[i] = -math.log(max(1e-3, 2 ** ((i + 0.5) / h * 6) - 0.999))
    layers = []
    for l in range(LAYERS):
        p = {"bias": np.float32(bias).astype(np.float64)}
        for k in range(TABLES):
            p[f"e{k}"] = np.stack([row(EMBEDDING, l, k, r, g, 0.3 if k == 0 else 0.02) for r in range(256)]).astype(np.float64)
        p["dense"] = np.stack([row(DENSE_PART, l, 0, i, g, scale) for i in range(DENSE)]).astype(np.float64)
        if l > 0:
            p["below"] = np.stack([row(BELOW, l, 0, i, g, scale) for i in range(h)]).astype(np.float64)
        layers.append(p)
    return layers


def forward(layers, h, ids, dense):
    """One step; ids of -1 are absent. Returns the new h of every layer and the features."""
    hs, ys, y = [], [], None
    for p, h0 in zip(layers, h):
        u = p["bias"] + dense @ p["dense"]
        for k in range(TABLES):
            u = u + jnp.where(ids[k] >= 0, p[f"e{k}"][ids[k]], 0.0)
        if y is not None:
            u = u + y @ p["below"]
        uz, uc, uo = jnp.split(u, 3)
        z, c, o = jax.nn.sigmoid(jnp.clip(uz, -20, 20)), jnp.tanh(uc), jax.nn.sigmoid(uo)
        hs.append(h0 + z * (c - h0))
        y = o * hs[-1]
        ys.append(y)
    return hs, jnp.concatenate(ys)


def boundary(layers, h, ids, dense, dy):
    """The features' inner product with dL/dfeatures: its gradient is the network's."""
    total = 0.0
    for t in range(CHUNK):
        h, y = forward(layers, h, ids[t], dense[t])
        total = total + y @ dy[t]
    return total


def decision(w, b, y, bit):
    """Surprise in nats of one bit."""
    x = w @ y + b
    return jax.nn.softplus(jnp.where(bit == 1, -x, x))


def text(n):
    words = "the net learns what comes next and says so before it sees it".split()
    out, x = "", 12345
    while len(out) < n:
        x = (x * 1103515245 + 12345) % 2**31
        out += words[(x >> 16) % len(words)] + (". " if (x >> 24) % 5 == 0 else " ")
    return out[:n]


def main():
    n = CHUNK * CHUNKS
    data = text(n).encode()
    layers = initial()
    first = {"l0.e0[0]": layers[0]["e0"][0, :4].tolist(), "l1.below[31]": layers[1]["below"][31, :4].tolist(), "l0.bias": layers[0]["bias"][:4].tolist()}
    second = jax.tree.map(np.zeros_like, layers)
    width = LAYERS * HIDDEN
    w, v = np.zeros((256, width)), np.zeros((256, width))
    b, bv, count = np.zeros(256), np.zeros(256), np.zeros(256)
    h = [np.zeros(HIDDEN) for _ in range(LAYERS)]
    step, chunk_grad = jax.jit(forward), jax.jit(jax.grad(boundary))
    bit_grad = jax.jit(jax.value_and_grad(decision, argnums=(0, 1, 2)))
    losses, decay = [], 1.0
    for c in range(CHUNKS):
        start, ids, dense, dys, loss = h, [], [], [], 0.0
        for t in range(c * CHUNK, (c + 1) * CHUNK):
            ids.append([data[t - 1 - k] if t > k else -1 for k in range(TABLES)])
            dense.append([(t % 7) / 8, -0.5 if t % 3 == 0 else 0.25])
            h, y = step(layers, h, jnp.array(ids[-1]), jnp.array(dense[-1]))
            dy, node = np.zeros(width), 1
            for s in range(7, -1, -1):
                bit = data[t] >> s & 1
                nats, (gw, gb, gy) = bit_grad(w[node], b[node], y, bit)
                loss += float(nats)
                dy += np.array(gy)
                count[node] += 1
                rate = max(0.001, 1 / (count[node] + 1))
                lr = HEAD_LR * (1 + 3 / (1 + 0.02 * count[node]))
                v[node] += rate * (np.array(gw) ** 2 - v[node])
                w[node] -= lr * np.array(gw) / np.sqrt(v[node] + 1e-7)
                bv[node] += rate * (float(gb) ** 2 - bv[node])
                b[node] -= lr * float(gb) / np.sqrt(bv[node] + 1e-7)
                node = node * 2 + bit
            dys.append(dy)
        losses.append(loss)
        grads = chunk_grad(layers, start, jnp.array(ids), jnp.array(dense), jnp.array(dys))
        decay *= 1 - RATE
        for p, m, g in zip(layers, second, grads):
            for name in p:
                d = np.array(g[name])
                rows = slice(None)
                if name[0] == "e":  # only rows that the chunk named
                    rows = sorted({i[int(name[1])] for i in ids} - {-1})
                m[name][rows] += RATE * (d[rows] ** 2 - m[name][rows])
                p[name][rows] -= LR * d[rows] / np.sqrt(m[name][rows] / (1 - decay) + EPS**2)
    print(json.dumps({
        "layers": LAYERS, "hidden": HIDDEN, "tables": TABLES, "dense": DENSE, "chunk": CHUNK, "seed": SEED, "head_lr": HEAD_LR,
        "text": data.decode(), "initial": first, "losses": losses, "h": [x for l in h for x in np.array(l).tolist()][:8],
    }, indent=1))


main()
