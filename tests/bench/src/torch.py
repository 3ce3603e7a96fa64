# The network of device.rs in PyTorch, as an expert writes it: embedding bags, one product per layer, the recurrence step by
# step, softmax, RMSprop. Prints events per second of each repeat, of the eager and of the compiled network, as JSON.
import json, sys, time
import torch
import torch.nn.functional as F

device, hidden, keys, steps, seconds, repeat = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5]), int(sys.argv[6])
layers, tables, symbols = 2, 3, 256
gates, rows = 3 * hidden, steps * keys
torch.manual_seed(1)
on = torch.device(device)


def weights(*shape, scale=0.1):
    return (torch.randn(*shape, device=on) * scale).requires_grad_()


embeddings = [weights(tables * symbols, gates) for _ in range(layers)]
biases = [weights(gates, scale=1.0) for _ in range(layers)]
below, output, offset = weights(hidden, gates), weights(layers * hidden, symbols), weights(symbols)
chunks = [
    ((torch.rand(rows, tables) ** 3 * symbols).long() + torch.arange(tables) * symbols, (torch.rand(rows) ** 3 * symbols).long())
    for _ in range(4)
]


def network(ids, targets, carried):
    lower, features, last = None, [], []
    for layer in range(layers):
        u = F.embedding_bag(ids, embeddings[layer], mode="sum") + biases[layer]
        if layer:
            u = torch.addmm(u, lower, below)
        uz, uc, uo = u.chunk(3, 1)
        z = torch.sigmoid(uz.clamp(-20, 20)).view(steps, keys, hidden)
        c = torch.tanh(uc).view(steps, keys, hidden)
        h, all_h = carried[layer], []
        for zt, ct in zip(z.unbind(0), c.unbind(0)):
            h = torch.lerp(h, ct, zt)
            all_h.append(h)
        last.append(h)
        lower = torch.sigmoid(uo) * torch.stack(all_h).view(rows, hidden)
        features.append(lower)
    logits = torch.addmm(offset, torch.cat(features, 1), output)
    return F.cross_entropy(logits, targets, reduction="sum"), last


def rates(run):
    optimiser = torch.optim.RMSprop(embeddings + biases + [below, output, offset], lr=5e-3, alpha=0.999, foreach=True)
    state = [[torch.zeros(keys, hidden, device=on) for _ in range(layers)], 0]

    def step():
        ids, targets = (x.to(on) for x in chunks[state[1] % len(chunks)])
        optimiser.zero_grad()
        loss, last = run(ids, targets, state[0])
        loss.backward()
        optimiser.step()
        state[:] = [[h.detach() for h in last], state[1] + 1]

    def wait():
        if on.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(4):
        step()
    out = []
    for _ in range(repeat):
        wait()
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds or done < 2:
            for _ in range(2):
                step()
            wait()
            done += 2
        out.append(done * rows / (time.perf_counter() - start))
    return out


result = {"torch": torch.__version__, "eager": rates(network)}
try:
    result["compiled"] = rates(torch.compile(network, dynamic=False))
except Exception as e:
    result["not_compiled"] = str(e).strip().split("\n")[0]
print(json.dumps(result))
