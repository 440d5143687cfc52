/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

/* One row per kind of first byte: the range of the second byte excludes overlong forms, surrogates
   and what lies beyond U+10FFFF (Unicode 15, table 3-7). */
static const struct {
    uint8_t first_low, first_high, second_low, second_high, length;
} forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t ork_utf8_step(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (length && bytes[0] < 0x80)
        return 1;
    for (size_t i = 0; i < ORK_COUNT(forms) && length; i++) {
        if (bytes[0] < forms[i].first_low || bytes[0] > forms[i].first_high)
            continue;
        if (length < forms[i].length || bytes[1] < forms[i].second_low ||
            bytes[1] > forms[i].second_high)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((bytes[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

bool ork_utf8_valid(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = ork_utf8_step(text + i, length - i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

size_t ork_utf8_encode(uint32_t code, char *out)
{
    static const uint8_t marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(marks[length] | code);
    return length;
}
