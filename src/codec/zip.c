/* SPDX-License-Identifier: Apache-2.0 */
/* Zip archives, read through the central directory. Everything that an index may be asked for later
   is checked when the archive is opened, so that an entry's bytes are always inside the file. */
#include "codec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    DIRECTORY_SIZE = 46,
    LOCAL_SIZE = 30,
    LONGEST_COMMENT = 65535,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 1,
};

#define SIGNATURE_LOCAL     0x04034b50u
#define SIGNATURE_DIRECTORY 0x02014b50u
#define SIGNATURE_END       0x06054b50u
#define SIGNATURE_END64     0x06064b50u
#define SIGNATURE_LOCATOR64 0x07064b50u

#define LARGEST_INFLATED ((uint64_t)1 << 31)
#define MOST_ENTRIES     ((uint64_t)1 << 22) /* keeps products in 32 bits */
#define LARGEST_RATIO    1032u               /* 258 bytes from 2 bits, the best deflate can do */

struct ork_zip {
    ork_bytes bytes;
    ork_zip_entry *entries;
    const ork_zip_entry **by_name;
    size_t count;
};

/* Where the central directory lies. */
typedef struct directory {
    uint64_t count, size, offset;
    size_t end; /* of the space that entries and directory may take */
} directory;

/* The part of the file that an entry takes with its local header. */
typedef struct extent {
    uint64_t begin, end;
    const ork_zip_entry *entry;
} extent;

static ork_reader reader_at(ork_bytes bytes, size_t offset)
{
    ork_reader reader = ork_reader_new(bytes);
    reader.offset = offset;
    return reader;
}

static uint32_t u32_at(ork_bytes bytes, size_t offset)
{
    ork_reader reader = reader_at(bytes, offset);
    return ork_read_u32(&reader);
}

bool ork_zip_is(ork_bytes bytes)
{
    return bytes.size >= 4 &&
           (u32_at(bytes, 0) == SIGNATURE_LOCAL || u32_at(bytes, 0) == SIGNATURE_END);
}

/* ---- finding the directory ---- */

static bool begins_with(ork_bytes bytes, const char *text)
{
    return bytes.size >= strlen(text) && memcmp(bytes.data, text, strlen(text)) == 0;
}

static bool is_web_page(ork_bytes bytes)
{
    size_t i = 0;
    while (i < bytes.size && strchr(" \t\r\n", bytes.data[i]) && bytes.data[i])
        i++;
    return i < bytes.size && bytes.data[i] == '<';
}

/* People hand in what a failed download left behind; say so rather than "bad signature". */
static bool fail_no_end(ork_diag *diag, ork_bytes bytes)
{
    ork_fail(diag, ORK_ERR_ZIP, "this is not a whole zip archive: it has no end record (%zu bytes)",
             bytes.size);
    if (bytes.size == 0)
        ork_why(diag, "the file is empty");
    else if (ork_zip_is(bytes))
        ork_why(diag, "it begins as a zip archive, but its end is missing: the copy was cut short");
    else if (is_web_page(bytes))
        ork_why(diag, "the file is a web page: the download got a page instead of the file");
    else if (begins_with(bytes, "version https://git-lfs"))
        ork_why(diag, "the file is a Git LFS pointer, not the content it points to");
    else
        ork_why(diag, "it does not begin as a zip archive either: it is a file of another kind");
    return false;
}

static bool find_end(ork_bytes bytes, size_t *offset)
{
    if (bytes.size < END_SIZE)
        return false;
    size_t last = bytes.size - END_SIZE;
    size_t first = last > LONGEST_COMMENT ? last - LONGEST_COMMENT : 0;
    for (size_t i = last + 1; i-- > first;) {
        if (bytes.data[i] != 'P' || u32_at(bytes, i) != SIGNATURE_END)
            continue;
        ork_reader reader = reader_at(bytes, i + 20);
        if (ork_read_u16(&reader) <= bytes.size - i - END_SIZE) {
            *offset = i;
            return true;
        }
    }
    return false;
}

static bool fail_parts(ork_diag *diag)
{
    ork_fail(diag, ORK_ERR_ZIP, "this archive is one of several parts");
    return ork_fix(diag, "join the parts into one zip file");
}

static bool read_end64(ork_diag *diag, ork_bytes bytes, size_t locator, directory *dir)
{
    ork_reader reader = reader_at(bytes, locator + 8);
    uint64_t offset = ork_read_u64(&reader);
    if (locator < END64_SIZE || offset > locator - END64_SIZE ||
        u32_at(bytes, (size_t)offset) != SIGNATURE_END64)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "the zip64 end record should be at byte %" PRIu64 " and is not", offset);
    reader = reader_at(bytes, (size_t)offset + 16);
    uint32_t part = ork_read_u32(&reader), directory_part = ork_read_u32(&reader);
    uint64_t here = ork_read_u64(&reader);
    dir->count = ork_read_u64(&reader);
    dir->size = ork_read_u64(&reader);
    dir->offset = ork_read_u64(&reader);
    dir->end = (size_t)offset;
    return part == directory_part && here == dir->count ? true : fail_parts(diag);
}

static bool read_end(ork_diag *diag, ork_bytes bytes, directory *dir)
{
    size_t end;
    if (!find_end(bytes, &end))
        return fail_no_end(diag, bytes);
    if (end >= LOCATOR64_SIZE && u32_at(bytes, end - LOCATOR64_SIZE) == SIGNATURE_LOCATOR64)
        return read_end64(diag, bytes, end - LOCATOR64_SIZE, dir);
    ork_reader reader = reader_at(bytes, end + 4);
    uint16_t part = ork_read_u16(&reader), directory_part = ork_read_u16(&reader);
    uint16_t here = ork_read_u16(&reader);
    dir->count = ork_read_u16(&reader);
    dir->size = ork_read_u32(&reader);
    dir->offset = ork_read_u32(&reader);
    dir->end = end;
    return part == directory_part && here == dir->count ? true : fail_parts(diag);
}

static bool check_directory(ork_diag *diag, const directory *dir)
{
    if (dir->offset > dir->end || dir->size > dir->end - dir->offset)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "the directory (%" PRIu64 " bytes at byte %" PRIu64
                        ") does not fit before the end record at byte %zu",
                        dir->size, dir->offset, dir->end);
    if (dir->count > dir->size / DIRECTORY_SIZE)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "the archive claims %" PRIu64 " entries; its directory of %" PRIu64
                        " bytes cannot hold them",
                        dir->count, dir->size);
    if (dir->count > MOST_ENTRIES)
        return ork_fail(diag, ORK_ERR_ZIP, "the archive has %" PRIu64 " entries, beyond the limit",
                        dir->count);
    return true;
}

/* ---- reading the directory ---- */

typedef struct extra_field {
    uint64_t *value;
    bool is_wanted; /* the 32-bit field holds all ones */
} extra_field;

/* The zip64 field holds only those of the numbers that did not fit, in this order. */
static bool read_extra(ork_reader *reader, size_t length, const extra_field *fields, size_t count)
{
    size_t end = reader->offset + length;
    while (!reader->failed && end - reader->offset >= 4) {
        uint16_t id = ork_read_u16(reader), size = ork_read_u16(reader);
        if (size > end - reader->offset)
            break;
        ork_reader field = ork_reader_new((ork_bytes){reader->data + reader->offset, size});
        for (size_t i = 0; id == EXTRA_ZIP64 && i < count; i++)
            if (fields[i].is_wanted)
                *fields[i].value = ork_read_u64(&field);
        if (field.failed)
            return false;
        reader->offset += size;
    }
    reader->offset = end;
    return true;
}

static bool fail_entry(ork_diag *diag, size_t index, const char *what)
{
    return ork_fail(diag, ORK_ERR_ZIP, "entry %zu of the zip archive %s", index, what);
}

static bool read_name(ork_diag *diag, ork_arena *arena, ork_reader *reader, size_t length,
                      size_t index, ork_zip_entry *entry)
{
    const char *name = (const char *)ork_read_bytes(reader, length);
    if (!name || length == 0)
        return fail_entry(diag, index, "has no name");
    if (memchr(name, 0, length) || !ork_utf8_valid(name, length))
        return fail_entry(diag, index, "has a name that is not UTF-8 text");
    entry->name = ork_arena_strndup(arena, name, length);
    return true;
}

/* Reads one record of the directory; `local` receives where the entry's local header is. */
static bool read_entry(ork_diag *diag, ork_arena *arena, ork_reader *reader, size_t index,
                       ork_zip_entry *entry, uint64_t *local)
{
    if (ork_read_u32(reader) != SIGNATURE_DIRECTORY)
        return fail_entry(diag, index, "is damaged: its directory record has a wrong signature");
    ork_read_u32(reader); /* versions */
    entry->is_encrypted = ork_read_u16(reader) & FLAG_ENCRYPTED;
    entry->method = ork_read_u16(reader);
    ork_read_u32(reader); /* time and date */
    entry->crc32 = ork_read_u32(reader);
    entry->stored_size = ork_read_u32(reader);
    entry->size = ork_read_u32(reader);
    uint16_t name_length = ork_read_u16(reader), extra_length = ork_read_u16(reader);
    uint16_t comment_length = ork_read_u16(reader);
    ork_read_bytes(reader, 8); /* part and attributes */
    *local = ork_read_u32(reader);
    if (!read_name(diag, arena, reader, name_length, index, entry))
        return false;
    if (reader->failed || extra_length > reader->size - reader->offset)
        return fail_entry(diag, index, "ends beyond the directory");
    const extra_field fields[] = {
        {&entry->size, entry->size == UINT32_MAX},
        {&entry->stored_size, entry->stored_size == UINT32_MAX},
        {local, *local == UINT32_MAX},
    };
    if (!read_extra(reader, extra_length, fields, ORK_COUNT(fields)))
        return fail_entry(diag, index, "has a zip64 field that is too short");
    ork_read_bytes(reader, comment_length);
    return reader->failed ? fail_entry(diag, index, "ends beyond the directory") : true;
}

/* The local header tells only where the data begins; the rest must agree with the directory. */
static bool read_local(ork_diag *diag, ork_bytes space, uint64_t local, ork_zip_entry *entry,
                       extent *taken)
{
    if (space.size < LOCAL_SIZE || local > space.size - LOCAL_SIZE ||
        u32_at(space, (size_t)local) != SIGNATURE_LOCAL)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "entry '%s' should begin at byte %" PRIu64 " and does not", entry->name,
                        local);
    ork_reader reader = reader_at(space, (size_t)local + 8);
    uint16_t method = ork_read_u16(&reader);
    ork_read_bytes(&reader, 16);
    uint16_t name_length = ork_read_u16(&reader), extra_length = ork_read_u16(&reader);
    const uint8_t *name = ork_read_bytes(&reader, name_length);
    ork_read_bytes(&reader, extra_length);
    if (reader.failed || method != entry->method || name_length != strlen(entry->name) ||
        memcmp(name, entry->name, name_length) != 0)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "entry '%s' and its header at byte %" PRIu64 " do not agree", entry->name,
                        local);
    if (entry->stored_size > space.size - reader.offset)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "entry '%s' (%" PRIu64 " bytes at byte %zu) reaches into the directory",
                        entry->name, entry->stored_size, reader.offset);
    if (entry->method == ORK_ZIP_STORED && entry->size != entry->stored_size)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "entry '%s' is not compressed, yet has two sizes: %" PRIu64 " and %" PRIu64
                        " bytes",
                        entry->name, entry->stored_size, entry->size);
    entry->offset = reader.offset;
    *taken = (extent){local, reader.offset + entry->stored_size, entry};
    return true;
}

static int compare_extents(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int compare_names(const void *a, const void *b)
{
    const ork_zip_entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Overlapping entries make small files that unpack to enormous ones. */
static bool check_overlap(ork_diag *diag, extent *taken, size_t count)
{
    qsort(taken, count, sizeof(*taken), compare_extents);
    for (size_t i = 1; i < count; i++)
        if (taken[i].begin < taken[i - 1].end)
            return ork_fail(diag, ORK_ERR_ZIP, "entries '%s' and '%s' overlap",
                            taken[i - 1].entry->name, taken[i].entry->name);
    return true;
}

static bool sort_names(ork_diag *diag, ork_arena *arena, ork_zip *zip)
{
    zip->by_name = ORK_NEW_ARRAY(arena, const ork_zip_entry *, zip->count);
    for (size_t i = 0; i < zip->count; i++)
        zip->by_name[i] = &zip->entries[i];
    if (zip->count)
        qsort(zip->by_name, zip->count, sizeof(zip->by_name[0]), compare_names);
    for (size_t i = 1; i < zip->count; i++)
        if (strcmp(zip->by_name[i - 1]->name, zip->by_name[i]->name) == 0)
            return ork_fail(diag, ORK_ERR_ZIP, "two entries are called '%s'",
                            zip->by_name[i]->name);
    return true;
}

static bool read_directory(ork_diag *diag, ork_arena *arena, const directory *dir, ork_zip *zip)
{
    zip->count = (size_t)dir->count;
    zip->entries = ORK_NEW_ARRAY(arena, ork_zip_entry, zip->count);
    extent *taken = ORK_NEW_ARRAY(arena, extent, zip->count);
    ork_reader reader =
        ork_reader_new((ork_bytes){zip->bytes.data + (size_t)dir->offset, (size_t)dir->size});
    ork_bytes space = {zip->bytes.data, (size_t)dir->offset};
    for (size_t i = 0; i < zip->count; i++) {
        uint64_t local;
        if (!read_entry(diag, arena, &reader, i, &zip->entries[i], &local) ||
            !read_local(diag, space, local, &zip->entries[i], &taken[i]))
            return false;
    }
    return check_overlap(diag, taken, zip->count) && sort_names(diag, arena, zip);
}

ork_zip *ork_zip_open(ork_diag *diag, ork_arena *arena, ork_bytes bytes)
{
    directory dir = {0};
    if (!read_end(diag, bytes, &dir) || !check_directory(diag, &dir))
        return NULL;
    ork_zip *zip = ORK_NEW(arena, ork_zip);
    zip->bytes = bytes;
    return read_directory(diag, arena, &dir, zip) ? zip : NULL;
}

/* ---- entries ---- */

size_t ork_zip_count(const ork_zip *zip)
{
    return zip->count;
}

const ork_zip_entry *ork_zip_entry_at(const ork_zip *zip, size_t index)
{
    return &zip->entries[index];
}

const char *ork_zip_name(const ork_zip *zip, size_t index)
{
    return zip->entries[index].name;
}

bool ork_zip_find(const ork_zip *zip, const char *name, size_t *index)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, zip->by_name[middle]->name);
        if (order == 0) {
            *index = (size_t)(zip->by_name[middle] - zip->entries);
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static ork_bytes stored_bytes(const ork_zip *zip, const ork_zip_entry *entry)
{
    return (ork_bytes){zip->bytes.data + entry->offset, (size_t)entry->stored_size};
}

static bool check_crc(ork_diag *diag, const ork_zip_entry *entry, ork_bytes bytes)
{
    uint32_t crc = (uint32_t)crc32_z(0, bytes.data, bytes.size);
    if (crc == entry->crc32)
        return true;
    ork_fail(diag, ORK_ERR_ZIP, "entry '%s' is damaged", entry->name);
    return ork_why(diag, "its CRC-32 is %08" PRIx32 " and should be %08" PRIx32, crc, entry->crc32);
}

static bool check_inflated_size(ork_diag *diag, const ork_zip_entry *entry)
{
    if (entry->size > LARGEST_INFLATED)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "entry '%s' claims to unpack to %" PRIu64
                        " bytes; compressed entries may have 2 GiB",
                        entry->name, entry->size);
    if (entry->size / LARGEST_RATIO > entry->stored_size || entry->stored_size > UINT32_MAX)
        return ork_fail(diag, ORK_ERR_ZIP,
                        "entry '%s' cannot be true: %" PRIu64 " bytes that unpack to %" PRIu64,
                        entry->name, entry->stored_size, entry->size);
    return true;
}

static bool run_inflate(ork_diag *diag, const ork_zip_entry *entry, ork_bytes packed, uint8_t *out)
{
    z_stream stream = {
        .next_in = (z_const Bytef *)(uintptr_t)packed.data,
        .avail_in = (uInt)packed.size,
        .next_out = out,
        .avail_out = (uInt)entry->size,
    };
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to unpack entry '%s'", entry->name);
    int status = inflate(&stream, Z_FINISH);
    bool is_whole = status == Z_STREAM_END && !stream.avail_out && !stream.avail_in;
    if (!is_whole) {
        ork_fail(diag, ORK_ERR_ZIP, "entry '%s' cannot be unpacked", entry->name);
        ork_why(diag, "after %lu bytes: %s", stream.total_out,
                stream.msg ? stream.msg : "its length is not the one in the directory");
    }
    inflateEnd(&stream);
    return is_whole;
}

static bool inflate_entry(ork_diag *diag, const ork_zip *zip, const ork_zip_entry *entry,
                          ork_arena *arena, ork_bytes *out)
{
    if (!check_inflated_size(diag, entry))
        return false;
    uint8_t *memory = ork_arena_alloc_data(arena, (size_t)entry->size);
    if (!memory)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY,
                        "no memory for the %" PRIu64 " bytes of entry '%s'", entry->size,
                        entry->name);
    *out = (ork_bytes){memory, (size_t)entry->size};
    return run_inflate(diag, entry, stored_bytes(zip, entry), memory) &&
           check_crc(diag, entry, *out);
}

static bool check_readable(ork_diag *diag, const ork_zip_entry *entry)
{
    if (entry->is_encrypted) {
        ork_fail(diag, ORK_ERR_ZIP, "entry '%s' is encrypted", entry->name);
        return ork_fix(diag, "unpack it with its password and pack it again without one");
    }
    if (entry->method == ORK_ZIP_STORED || entry->method == ORK_ZIP_DEFLATE)
        return true;
    ork_fail(diag, ORK_ERR_ZIP, "entry '%s' is compressed by method %u", entry->name,
             (unsigned)entry->method);
    return ork_fix(diag, "pack it again with deflate or without compression");
}

bool ork_zip_entry_bytes(ork_diag *diag, const ork_zip *zip, size_t index, ork_arena *inflate_into,
                         ork_bytes *out)
{
    const ork_zip_entry *entry = &zip->entries[index];
    if (!check_readable(diag, entry))
        return false;
    if (entry->method == ORK_ZIP_DEFLATE)
        return inflate_entry(diag, zip, entry, inflate_into, out);
    *out = stored_bytes(zip, entry);
    return true;
}

bool ork_zip_verify(ork_diag *diag, const ork_zip *zip, size_t index)
{
    const ork_zip_entry *entry = &zip->entries[index];
    if (!check_readable(diag, entry))
        return false;
    return entry->method == ORK_ZIP_DEFLATE || check_crc(diag, entry, stored_bytes(zip, entry));
}
