/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale; /* made once, kept for good */

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Switches this thread only. Without memory for a locale the thread's own stays in force. */
static locale_t enter_c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return uselocale(c_locale);
}

double ork_number_read(const char *text, char **end)
{
    locale_t before = enter_c_locale();
    double value = strtod(text, end);
    uselocale(before);
    return value;
}

/* 1 would read back as an integer. */
static void mark_as_real(char text[ORK_NUMBER_TEXT])
{
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
}

void ork_number_write_double(double value, char text[ORK_NUMBER_TEXT])
{
    locale_t before = enter_c_locale();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, ORK_NUMBER_TEXT - 2, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(before);
    mark_as_real(text);
}

void ork_number_write_float(float value, char text[ORK_NUMBER_TEXT])
{
    locale_t before = enter_c_locale();
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, ORK_NUMBER_TEXT - 2, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    uselocale(before);
    mark_as_real(text);
}
