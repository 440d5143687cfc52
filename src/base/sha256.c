/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): by it people tell each other which file they have. */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 64, ROUNDS = 64 };

typedef struct constants {
    uint32_t start[8], round[ROUNDS];
} constants;

static bool is_prime(int number)
{
    for (int i = 2; i * i <= number; i++)
        if (number % i == 0)
            return false;
    return true;
}

/* The first 32 bits behind the point. A double keeps 53, of which a root of a number below 400 uses
   5 in front: enough. */
static uint32_t fraction_bits(double root)
{
    return (uint32_t)((root - floor(root)) * 0x1p32);
}

/* The standard's tables: square and cube roots of the first primes. */
static constants make_constants(void)
{
    constants made;
    for (int number = 2, count = 0; count < ROUNDS; number++) {
        if (!is_prime(number))
            continue;
        if (count < 8)
            made.start[count] = fraction_bits(sqrt(number));
        made.round[count++] = fraction_bits(cbrt(number));
    }
    return made;
}

static uint32_t rotate(uint32_t word, int right)
{
    return word >> right | word << (32 - right);
}

/* Letters are those of the standard, h[0] is its a. */
static void add_block(const constants *table, uint32_t hash[8], const uint8_t *block)
{
    uint32_t w[ROUNDS], h[8];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (int t = 16; t < ROUNDS; t++)
        w[t] = w[t - 16] + w[t - 7] +
               (rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3) +
               (rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10);
    memcpy(h, hash, sizeof(h));
    for (int t = 0; t < ROUNDS; t++) {
        uint32_t one = h[7] + (rotate(h[4], 6) ^ rotate(h[4], 11) ^ rotate(h[4], 25)) +
                       ((h[4] & h[5]) ^ (~h[4] & h[6])) + table->round[t] + w[t];
        uint32_t two = (rotate(h[0], 2) ^ rotate(h[0], 13) ^ rotate(h[0], 22)) +
                       ((h[0] & h[1]) ^ (h[0] & h[2]) ^ (h[1] & h[2]));
        memmove(h + 1, h, sizeof(*h) * 7);
        h[4] += one;
        h[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        hash[i] += h[i];
}

void ork_sha256(ork_bytes bytes, char text[ORK_SHA256_TEXT])
{
    const constants table = make_constants();
    uint32_t hash[8];
    uint8_t last[2 * BLOCK] = {0};
    memcpy(hash, table.start, sizeof(hash));
    size_t whole = bytes.size / BLOCK * BLOCK, rest = bytes.size - whole;
    for (size_t at = 0; at < whole; at += BLOCK)
        add_block(&table, hash, bytes.data + at);
    if (rest)
        memcpy(last, bytes.data + whole, rest);
    last[rest] = 0x80;
    size_t end = rest + 9 > BLOCK ? 2 * BLOCK : BLOCK;
    for (size_t i = 0; i < 8; i++)
        last[end - 1 - i] = (uint8_t)((uint64_t)bytes.size * 8 >> (8 * i));
    for (size_t at = 0; at < end; at += BLOCK)
        add_block(&table, hash, last + at);
    for (int i = 0; i < 8; i++)
        snprintf(text + 8 * i, 9, "%08x", hash[i]);
}
