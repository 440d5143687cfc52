/* SPDX-License-Identifier: Apache-2.0 */
/* Writes zip archives in memory: entries as they are, without checksums (those of stored entries
   are not compared). */
#ifndef ORK_TESTS_ZIP_WRITER_H
#define ORK_TESTS_ZIP_WRITER_H

#include "base/base.h"

#include <string.h>

static inline void zip_put(ork_str *out, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        char byte = i < 8 ? (char)(number >> 8 * i) : 0;
        ork_str_append(out, &byte, 1);
    }
}

static inline void zip_put_header(ork_str *out, bool is_central, const char *name, size_t size,
                                  size_t offset)
{
    zip_put(out, is_central ? 0x02014b50 : 0x04034b50, 4);
    zip_put(out, 20, is_central ? 4 : 2);
    zip_put(out, 0, 8); /* flags, method, time, date */
    zip_put(out, 0, 4); /* checksum */
    zip_put(out, size, 4);
    zip_put(out, size, 4);
    zip_put(out, strlen(name), 2);
    zip_put(out, 0, is_central ? 12 : 2); /* extra, comment, disk, attributes */
    if (is_central)
        zip_put(out, offset, 4);
    ork_str_append(out, name, strlen(name));
}

typedef struct zip_archive {
    ork_str bytes, central;
    int count;
} zip_archive;

static inline void zip_add(zip_archive *a, const char *name, const void *data, size_t size)
{
    zip_put_header(&a->central, true, name, size, a->bytes.length);
    zip_put_header(&a->bytes, false, name, size, 0);
    ork_str_append(&a->bytes, data, size);
    a->count++;
}

/* The beginning again, to go on in another way. */
static inline zip_archive zip_again(const zip_archive *begun)
{
    zip_archive a = {.count = begun->count};
    ork_str_append(&a.bytes, begun->bytes.text, begun->bytes.length);
    ork_str_append(&a.central, begun->central.text, begun->central.length);
    return a;
}

static inline void zip_finish(zip_archive *a)
{
    size_t offset = a->bytes.length;
    ork_str_append(&a->bytes, a->central.text, a->central.length);
    zip_put(&a->bytes, 0x06054b50, 4);
    zip_put(&a->bytes, 0, 4);
    zip_put(&a->bytes, (uint64_t)a->count, 2);
    zip_put(&a->bytes, (uint64_t)a->count, 2);
    zip_put(&a->bytes, a->central.length, 4);
    zip_put(&a->bytes, offset, 4);
    zip_put(&a->bytes, 0, 2);
}

static inline void zip_free(zip_archive *a)
{
    ork_str_free(&a->bytes);
    ork_str_free(&a->central);
}

#endif
