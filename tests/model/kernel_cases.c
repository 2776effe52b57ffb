/* Runs the native engine's kernel on random networks and texts, without Python: under the sanitizers of a compiler, and as
 * another processor's program under an emulator.
 *
 *   kernel_cases SET CASES [wild]
 *
 * compares integer sums with those of plain loops, and prints a digest of the bits of each case's scores. Cases are the same for
 * every instruction set. All memory is as large as what the kernel is told, and no larger. With ``wild``, weights and
 * scales may be huge, infinite or no numbers, and nothing is printed. The exit status is 2 where this processor has not
 * got the set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

static uint64_t state;
static const InstructionSet *set;
static int wild;

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

/* -1 to 1. */
static float real(void) { return (float)((int32_t)draw(1 << 21) - (1 << 20)) / (float)(1 << 20); }

static void *room(int64_t bytes) {
    void *found = malloc((size_t)bytes);
    if (!found) exit(3);
    return found;
}

static float strange(float x) {
    static const uint32_t bits[] = {0x7f800000, 0xff800000, 0x7fc00000, 0x00000001, 0x7f7fffff, 0x80000000};
    if (wild && !draw(40)) memcpy(&x, bits + draw(6), 4);
    return x;
}

static float *reals(int64_t n, float middle, float spread) {
    float *found = room(4 * n);
    for (int64_t i = 0; i < n; i++) found[i] = strange(middle + spread * real());
    return found;
}

/* Weights [k][n], of the whole range of int8 or its ends. */
static int8_t *weights(int64_t k, int64_t n) {
    int8_t *found = room(k * n);
    const uint32_t ends = !draw(4);
    for (int64_t i = 0; i < k * n; i++) found[i] = (int8_t)(ends ? (draw(2) ? 127 : -128) : (int)draw(256) - 128);
    return found;
}

/* Takes ``plain``; ``bias`` too. */
static Linear linear(int8_t *plain, int64_t k, int64_t n, int32_t zero, const float *scale, const float *bias) {
    int8_t *tiled = room(k * n);
    int32_t *compensation = room(4 * n);
    for (int64_t j = 0; j < n; j++) {
        int32_t sum = 0;
        for (int64_t i = 0; i < k; i++) {
            const int64_t at = j / set->columns * set->columns * k + i / set->group * set->columns * set->group;
            tiled[at + j % set->columns * set->group + i % set->group] = plain[i * n + j];
            sum += plain[i * n + j];
        }
        compensation[j] = (zero - (int32_t)set->zero) * sum;
    }
    free(plain);
    return (Linear){tiled, compensation, scale, bias, k, n};
}

static Linear drawn(int64_t k, int64_t n, int32_t zero) {
    float scale = 1.0f / (float)(64 + k);
    if (wild && !draw(9)) scale = draw(2) ? 1e30f : 1e-30f;
    int8_t *plain = weights(k, n);
    const float *scales = reals(n, scale, scale / 2);
    return linear(plain, k, n, zero, scales, reals(n, 0.0f, 0.25f));
}

static void let_go(Linear w) {
    free((void *)w.weight);
    free((void *)w.compensation);
    free((void *)w.scale);
    free((void *)w.bias);
}

static void try_product(void) {
    const int64_t rows = 1 + draw(40), k = 32 * (1 + draw(12)), n = 32 * (1 + draw(4));
    int8_t *plain = weights(k, n), *kept = room(k * n);
    memcpy(kept, plain, (size_t)(k * n));
    float *ones = room(4 * (n > rows ? n : rows)), *none = room(4 * n), *y = room(4 * rows * n);
    for (int64_t i = 0; i < (n > rows ? n : rows); i++) ones[i] = 1.0f;
    for (int64_t i = 0; i < n; i++) none[i] = 0.0f;
    uint8_t *a = room(rows * k);
    const uint32_t ends = !draw(3);
    for (int64_t i = 0; i < rows * k; i++) a[i] = (uint8_t)(ends ? 255 * draw(2) : draw(256));
    Linear w = linear(plain, k, n, 128, ones, none);
    char *memory = room(2 * rows * k + 64);
    set->product(&w, rows, a, ones, memory, y);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (int64_t i = 0; i < k; i++) sum += ((int64_t)a[r * k + i] - 128) * kept[i * n + j];
            if (y[r * n + j] != (float)sum) {
                fprintf(stderr, "%s: a sum is %.0f in place of %lld\n", set->name, y[r * n + j], (long long)sum);
                exit(1);
            }
        }
    free(kept), free(a), free(memory), free(y);
    let_go(w);
}

static void try_network(void) {
    const int64_t size = draw(2) ? 32 : 64, heads = 1 + draw(3), hidden = size * heads, inner = 32 * (1 + draw(9));
    const int64_t count = 1 + draw(2), vocabulary = 1 + draw(40), dense = draw(2), texts = 1 + draw(5);
    int64_t lengths[5], tokens = 0, longest = 0;
    for (int64_t t = 0; t < texts; t++) {
        lengths[t] = 1 + draw(draw(20) ? 40 : draw(4) ? 130 : MOST);
        tokens += lengths[t];
        longest = lengths[t] > longest ? lengths[t] : longest;
    }
    Layer *layers = room((int64_t)sizeof(Layer) * count);
    for (int64_t l = 0; l < count; l++) {
        layers[l].qkv = drawn(hidden, 3 * hidden, 128);
        layers[l].out = drawn(hidden, hidden, 128);
        layers[l].up = drawn(hidden, inner, 128);
        layers[l].down = drawn(inner, hidden, 0);
        layers[l].norm1 = reals(hidden, 1.0f, 0.5f);
        layers[l].shift1 = reals(hidden, 0.0f, 0.25f);
        layers[l].norm2 = reals(hidden, 1.0f, 0.5f);
        layers[l].shift2 = reals(hidden, 0.0f, 0.25f);
    }
    Network net = {
        .words = weights(vocabulary, hidden),
        .word_scale = reals(vocabulary, 0.01f, 0.005f),
        .positions = reals(longest * hidden, 0.0f, 0.25f),
        .types = reals(2 * hidden, 0.0f, 0.25f),
        .norm = reals(hidden, 1.0f, 0.5f),
        .shift = reals(hidden, 0.0f, 0.25f),
        .center = draw(2) ? reals(hidden, 0.0f, 0.1f) : NULL,
        .dense = dense ? reals(hidden * hidden, 0.0f, 0.1f) : NULL,
        .dense_bias = dense ? reals(hidden, 0.0f, 0.1f) : NULL,
        .head = reals((dense ? 1 : 2) * hidden * 3, 0.0f, 0.1f),
        .head_bias = reals(3, 0.0f, 0.1f),
        .layers = layers,
        .count = count,
        .hidden = hidden,
        .heads = heads,
        .inner = inner,
        .epsilon = draw(2) ? 1e-12f : 1e-5f,
    };
    int64_t *ids = room(8 * tokens), *types = room(8 * tokens);
    uint8_t *own = room(tokens);
    const uint32_t most_own = 1 + draw(4);
    for (int64_t i = 0; i < tokens; i++) {
        ids[i] = draw((uint32_t)vocabulary);
        types[i] = draw(2);
        own[i] = (uint8_t)!draw(most_own);
    }
    if (!draw(5)) memset(own, 0, (size_t)tokens);
    int64_t *given = room(8 * texts);
    memcpy(given, lengths, (size_t)(8 * texts));
    char *memory = room(set->scratch(&net, tokens, longest));
    float *logits = room(4 * 3 * texts), *embeddings = room(4 * hidden * texts);
    set->run(&net, texts, given, ids, types, own, memory, logits, embeddings);
    if (!wild) {
        uint64_t digest = 14695981039346656037u;
        for (int64_t i = 0; i < 3 * texts + hidden * texts; i++) {
            uint32_t bits;
            memcpy(&bits, i < 3 * texts ? logits + i : embeddings + i - 3 * texts, 4);
            digest = (digest ^ bits) * 1099511628211u;
        }
        printf("%lld x %lld, inner %lld, texts %lld, tokens %lld: %016llx %g\n", (long long)heads, (long long)size,
               (long long)inner, (long long)texts, (long long)tokens, (unsigned long long)digest, logits[0]);
    }
    for (int64_t l = 0; l < count; l++) {
        let_go(layers[l].qkv), let_go(layers[l].out), let_go(layers[l].up), let_go(layers[l].down);
        free((void *)layers[l].norm1), free((void *)layers[l].shift1);
        free((void *)layers[l].norm2), free((void *)layers[l].shift2);
    }
    const void *held[] = {net.words, net.word_scale, net.positions, net.types,     net.norm,   net.shift,
                          net.center, net.dense,     net.dense_bias, net.head,     net.head_bias, layers,
                          ids,        types,         own,            given,        memory,     logits,
                          embeddings};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) free((void *)held[i]);
}

int main(int count, char **words) {
    if (count < 3 || finsent_version() != VERSION) return 3;
    if (!(set = finsent_instruction_set(words[1]))) return 2;
    wild = count > 3;
    for (int number = 0; number < atoi(words[2]); number++) {
        state = (uint64_t)number * 7919 + 1;
        if (!wild) try_product();
        try_network();
    }
    return 0;
}
