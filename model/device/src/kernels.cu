// The kernels of the network for a graphics processor. ptx/kernels.ptx is compiled from them by `.ci/cuda --update`.
//
// The text is CUDA and C at once, as the emulation compiles it for the processor. A kernel is a function of the number
// of its thread and takes one structure of arguments. No thread waits for another, and none adds to what another one
// wrote: a long sum is one launch for its parts and one for their sum, so every sum has one order and equal launches
// give equal bits. Elementary functions and the update rule are those of surmise_lanes and surmise_network, with fused
// multiply-adds where those have them; the compilers may not fuse others (--fmad=false, -ffp-contract=off).
//
// Shapes: n rows of a chunk, H units, G = 3H gates in the order z, c, o; matrices are row-major.

typedef long long i64;
typedef unsigned int u32;

#define NONE 0xffffffffu

#ifdef __CUDACC__
#define INLINE static __device__ __forceinline__
#define KERNEL(name)                                                                                                   \
    INLINE void name##_at(const struct name *a, i64 at);                                                               \
    extern "C" __global__ void glr_##name(const struct name a) {                                                       \
        name##_at(&a, (i64)blockIdx.x * blockDim.x + threadIdx.x);                                                     \
    }                                                                                                                  \
    INLINE void name##_at(const struct name *a, i64 at)
INLINE u32 to_bits(float x) { return __float_as_uint(x); }
INLINE float from_bits(u32 x) { return __uint_as_float(x); }
#else
#include <math.h>
#include <string.h>
#define INLINE static inline
#define KERNEL(name)                                                                                                   \
    INLINE void name##_at(const struct name *a, i64 at);                                                               \
    void glr_##name(const struct name *a, i64 threads) {                                                               \
        for (i64 at = 0; at < threads; at++) name##_at(a, at);                                                         \
    }                                                                                                                  \
    INLINE void name##_at(const struct name *a, i64 at)
INLINE u32 to_bits(float x) { u32 b; memcpy(&b, &x, 4); return b; }
INLINE float from_bits(u32 b) { float x; memcpy(&x, &b, 4); return x; }
#endif

// ---- elementary functions, as in surmise_lanes ---------------------------------------------------------------------

// x held within [low, high]; NaN stays NaN
INLINE float within(float x, float low, float high) {
    if (x < low) x = low;
    if (x > high) x = high;
    return x;
}

INLINE float exp_(float x) {
    x = within(x, -87.0f, 87.0f);
    float k = fmaf(x, 1.44269504f, 12582912.0f), n = k - 12582912.0f;
    float r = fmaf(n, 2.1219444e-4f, fmaf(n, -0.6933594f, x));
    float p = 1.9875691e-4f;
    p = fmaf(p, r, 1.3981999e-3f);
    p = fmaf(p, r, 8.333452e-3f);
    p = fmaf(p, r, 4.1665796e-2f);
    p = fmaf(p, r, 1.6666665e-1f);
    p = fmaf(p, r, 5e-1f);
    float y = fmaf(p, r * r, r + 1.0f);
    return from_bits(to_bits(y) + (to_bits(k) << 23));
}

INLINE float sigmoid_(float x) { return 1.0f / (1.0f + exp_(-x)); }

INLINE float tanh_(float x) { return fmaf(2.0f, sigmoid_(2.0f * x), -1.0f); }

INLINE float ln_(float x) {
    u32 bits = to_bits(x);
    int e = (int)(bits - 0x3f3504f3u) >> 23;
    float m = from_bits(bits - ((u32)e << 23));
    float s = (m - 1.0f) / (m + 1.0f), q = s * s;
    float r = fmaf(q, 2.0f / 9.0f, 2.0f / 7.0f);
    r = fmaf(r, q, 2.0f / 5.0f);
    r = fmaf(r, q, 2.0f / 3.0f);
    r = fmaf(r, q, 2.0f);
    return fmaf((float)e, 0.69314718f, r * s);
}

INLINE float rsqrt_(float x) {
    float y = from_bits(0x5f375a86u - (to_bits(x) >> 1)), h = -0.5f * x;
    y = y * fmaf(h * y, y, 1.5f);
    return y * fmaf(h * y, y, 1.5f);
}

// ---- forward -------------------------------------------------------------------------------------------------------

// u[r] = bias + the table rows that ids[r] names. `weights` holds the tables, `rows` rows each, and then the bias:
// [tables * rows + 1, gates]. One thread for each (r, gate).
struct gather {
    i64 n, gates, tables, rows;
    const u32 *ids;
    const float *weights;
    float *u;
};
KERNEL(gather) {
    if (at >= a->n * a->gates) return;
    i64 r = at / a->gates, j = at - r * a->gates;
    float u = a->weights[a->tables * a->rows * a->gates + j];
    for (i64 k = 0; k < a->tables; k++) {
        u32 id = a->ids[r * a->tables + k];
        if (id != NONE) u += a->weights[(k * a->rows + id) * a->gates + j];
    }
    a->u[at] = u;
}

// Gate inputs become z, c, o in place; h' = h + z (c - h); y = o h'. Sequence q has the rows rows[starts[q] ..
// starts[q+1]], in the order of its steps; `carry` [sequences, H] is h before the first and becomes h after the last.
// y has rows of `width`, this layer's part at `offset`. One thread for each (sequence, unit).
struct scan {
    i64 sequences, hidden, width, offset;
    const u32 *starts, *rows;
    float *gates, *before, *h, *y, *carry;
};
KERNEL(scan) {
    i64 H = a->hidden;
    if (at >= a->sequences * H) return;
    i64 q = at / H, j = at - q * H;
    float h = a->carry[at];
    for (u32 i = a->starts[q]; i < a->starts[q + 1]; i++) {
        i64 r = a->rows[i];
        float *u = a->gates + r * 3 * H + j;
        float z = sigmoid_(within(u[0], -20.0f, 20.0f)), c = tanh_(u[H]), o = sigmoid_(u[2 * H]);
        a->before[r * H + j] = h;
        h = fmaf(z, c - h, h);
        u[0] = z, u[H] = c, u[2 * H] = o;
        a->h[r * H + j] = h;
        a->y[r * a->width + a->offset + j] = o * h;
    }
    a->carry[at] = h;
}

// ---- backward ------------------------------------------------------------------------------------------------------

// z, c, o become dL/du in place, each group of linked rows from its last to its first. dL/dh flows from a row to the
// one that its link names, through `dh` [n, H], which is zero before. A thread that finds a gradient that is not
// finite, or above 1e8, sets `spoilt` to 1; all threads that set it write the same. One thread for each (group, unit).
struct scan_back {
    i64 groups, hidden, width, offset;
    const u32 *starts, *rows, *links;
    float *gates;
    const float *before, *h, *dy;
    float *dh;
    u32 *spoilt;
};
KERNEL(scan_back) {
    i64 H = a->hidden;
    if (at >= a->groups * H) return;
    i64 q = at / H, j = at - q * H;
    for (u32 i = a->starts[q + 1]; i > a->starts[q]; i--) {
        i64 r = a->rows[i - 1];
        u32 link = a->links[r];
        float *u = a->gates + r * 3 * H + j;
        float z = u[0], c = u[H], o = u[2 * H], d = a->dy[r * a->width + a->offset + j];
        float g = fmaf(d, o, a->dh[r * H + j]), gz = g * z, keep = 1.0f - z;
        float dz = gz * keep * (c - a->before[r * H + j]);
        float dc = gz * fmaf(-c, c, 1.0f);
        float dout = d * a->h[r * H + j] * (o * (1.0f - o));
        float back = g * keep;
        float worst = fabsf(dz) + fabsf(dc) + fabsf(dout) + fabsf(back);
        if (!(worst <= 1e8f)) *a->spoilt = 1;
        u[0] = dz, u[H] = dc, u[2 * H] = dout;
        if (link != NONE) a->dh[link * H + j] += back;
    }
}

// out[s] = Σ x[rows[i]] over i in starts[s] .. starts[s+1], in that order; without `rows`, Σ x[i]. One thread for each
// (sum, column).
struct sum_rows {
    i64 sums, width;
    const u32 *starts, *rows;
    const float *x;
    float *out;
};
KERNEL(sum_rows) {
    if (at >= a->sums * a->width) return;
    i64 s = at / a->width, j = at - s * a->width;
    u32 i = a->starts[s], end = a->starts[s + 1];
    float t = 0.0f;
    if (i < end) {
        t = a->x[(i64)(a->rows ? a->rows[i] : i) * a->width + j];
        for (i++; i < end; i++) t += a->x[(i64)(a->rows ? a->rows[i] : i) * a->width + j];
    }
    a->out[at] = t;
}

// C[m, n] = (add ? C : 0) + op(A)[m, k] op(B)[k, n]; transposed_a, transposed_b: the operand is stored transposed. Used
// where there is no cuBLAS. One thread for each (row, column) of C.
struct product {
    i64 m, k, n, a_stride, b_stride, c_stride;
    const float *a, *b;
    float *c;
    u32 transposed_a, transposed_b, add, unused;
};
KERNEL(product) {
    if (at >= a->m * a->n) return;
    i64 i = at / a->n, j = at - i * a->n;
    const float *x = a->a + (a->transposed_a ? i : i * a->a_stride);
    const float *w = a->b + (a->transposed_b ? j * a->b_stride : j);
    i64 dx = a->transposed_a ? a->a_stride : 1, dw = a->transposed_b ? 1 : a->b_stride;
    float *c = a->c + i * a->c_stride + j;
    float t = a->add ? *c : 0.0f;
    for (i64 q = 0; q < a->k; q++) t = fmaf(x[q * dx], w[q * dw], t);
    *c = t;
}

// ---- a softmax over all symbols ------------------------------------------------------------------------------------

// Adds the bias to the logits [n, width]. Part p of a row is every 32nd logit from p on; `top` and `total` [n, 32] get
// the largest logit of each part and Σ exp(x - largest). One thread for each (row, part).
struct softmax_part {
    i64 n, width;
    float *logits;
    const float *bias;
    float *top, *total;
};
KERNEL(softmax_part) {
    if (at >= a->n * 32) return;
    i64 r = at / 32, p = at - r * 32;
    float *x = a->logits + r * a->width, top = -3e38f, total = 0.0f;
    for (i64 j = p; j < a->width; j += 32) {
        float v = x[j] + a->bias[j];
        x[j] = v;
        if (v > top) top = v;
    }
    for (i64 j = p; j < a->width; j += 32) total += exp_(x[j] - top);
    a->top[at] = top, a->total[at] = total;
}

// Joins the parts: the row's largest logit and sum go to its first part; `loss` [n] is in nats. One thread for each
// row.
struct softmax_join {
    i64 n, width;
    const float *logits;
    const u32 *targets;
    float *top, *total, *loss;
};
KERNEL(softmax_join) {
    if (at >= a->n) return;
    i64 parts = a->width < 32 ? a->width : 32;
    float *tops = a->top + at * 32, *totals = a->total + at * 32, top = tops[0], total = 0.0f;
    for (i64 p = 1; p < parts; p++)
        if (tops[p] > top) top = tops[p];
    for (i64 p = 0; p < parts; p++) total += totals[p] * exp_(tops[p] - top);
    tops[0] = top, totals[0] = total;
    a->loss[at] = top + ln_(total) - a->logits[at * a->width + a->targets[at]];
}

// Logits become dL/dlogits: p, less 1 at the target. One thread for each (row, symbol).
struct softmax_error {
    i64 n, width;
    float *logits;
    const u32 *targets;
    const float *top, *total;
};
KERNEL(softmax_error) {
    if (at >= a->n * a->width) return;
    i64 r = at / a->width, j = at - r * a->width;
    float p = exp_(a->logits[at] - a->top[r * 32]) / a->total[r * 32];
    a->logits[at] = p - (a->targets[r] == j ? 1.0f : 0.0f);
}

// ---- the update rule -----------------------------------------------------------------------------------------------

// The state that the updates of a network share.
struct progress {
    double decay;             // (1 - rate)^updates
    float unbias;             // 1 / (1 - decay)
    u32 spoilt;               // whether a gradient of this chunk is not finite
    u32 updates, rejected;
};

// Decides whether this chunk makes an update. One thread.
struct begin_update {
    struct progress *progress;
    float rate;
    u32 unused;
};
KERNEL(begin_update) {
    struct progress *p = a->progress;
    if (at > 0) return;
    if (p->spoilt) {
        p->rejected++;
        return;
    }
    p->decay *= 1.0 - (double)a->rate;
    p->unbias = (float)(1.0 / (1.0 - p->decay));
    p->updates++;
}

// v += rate (g² - v); w -= lr g / √(v unbias + floor), for gradients [sums, width]; gradient s belongs to row to[s] of
// the weights, or to row s without `to`. One thread for each (gradient row, column).
struct update {
    i64 sums, width;
    const u32 *to;
    const float *gradient;
    float *w, *v;
    const struct progress *progress;
    float lr, rate, floor;
    u32 unused;
};
KERNEL(update) {
    if (at >= a->sums * a->width || a->progress->spoilt) return;
    i64 s = at / a->width, j = at - s * a->width;
    i64 i = (a->to ? a->to[s] : s) * a->width + j;
    float g = a->gradient[at], v = a->v[i], m = fmaf(a->rate, fmaf(g, g, -v), v);
    a->v[i] = m;
    a->w[i] = fmaf(-(a->lr * g), rsqrt_(fmaf(m, a->progress->unbias, a->floor)), a->w[i]);
}
