/* SPDX-License-Identifier: Apache-2.0 */
/* Reading bytes safely, mapping files, and writing files that appear whole or not at all. */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ork_reader ork_reader_new(ork_bytes bytes)
{
    return (ork_reader){bytes.data, bytes.size, 0, false};
}

const uint8_t *ork_read_bytes(ork_reader *reader, size_t size)
{
    if (reader->failed || size > reader->size - reader->offset) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->data + reader->offset;
    reader->offset += size;
    return bytes;
}

static uint64_t read_little_endian(ork_reader *reader, size_t size)
{
    const uint8_t *bytes = ork_read_bytes(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t ork_read_u8(ork_reader *reader)
{
    return (uint8_t)read_little_endian(reader, 1);
}

uint16_t ork_read_u16(ork_reader *reader)
{
    return (uint16_t)read_little_endian(reader, 2);
}

uint32_t ork_read_u32(ork_reader *reader)
{
    return (uint32_t)read_little_endian(reader, 4);
}

uint64_t ork_read_u64(ork_reader *reader)
{
    return read_little_endian(reader, 8);
}

bool ork_mul_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool ork_add_size(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

bool ork_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool ork_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool make_folder(ork_diag *diag, const char *path)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && ork_is_folder(path)))
        return true;
    const int reason = errno;
    ork_fail(diag, ORK_ERR_FILE_WRITE, "cannot make the folder '%s'", path);
    return ork_why(diag, "%s", strerror(reason));
}

bool ork_folder_make(ork_diag *diag, const char *path)
{
    ork_str part = {0};
    bool good = true;
    for (size_t i = 0; good && path[i]; i++) {
        if (path[i] == '/' && part.length && !ork_is_folder(part.text))
            good = make_folder(diag, part.text);
        ork_str_append(&part, path + i, 1);
    }
    good = good && make_folder(diag, path);
    ork_str_free(&part);
    return good;
}

static bool fail_open(ork_diag *diag, const char *path)
{
    int reason = errno;
    char folder[4096];
    ork_fail(diag, ORK_ERR_FILE_OPEN, "cannot read '%s'", path);
    ork_why(diag, "%s%s%s", strerror(reason), path[0] == '/' ? "" : "; looked from ",
            path[0] == '/' || !getcwd(folder, sizeof(folder)) ? "" : folder);
    return false;
}

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

bool ork_folder_read(ork_diag *diag, ork_arena *arena, const char *path, ork_names *names)
{
    DIR *folder = opendir(path);
    *names = (ork_names){0};
    if (!folder)
        return fail_open(diag, path);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            ork_vec_push(arena, names, ork_arena_strdup(arena, entry->d_name));
    closedir(folder);
    if (names->count)
        qsort(names->items, names->count, sizeof(*names->items), by_bytes);
    return true;
}

bool ork_file_map(ork_diag *diag, const char *path, ork_file *file)
{
    *file = (ork_file){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_open(diag, path);
    struct stat status;
    if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : errno;
        close(fd);
        return fail_open(diag, path);
    }
    if (status.st_size > 0) {
        file->mapping = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file->mapping == MAP_FAILED) {
            file->mapping = NULL;
            close(fd);
            return fail_open(diag, path);
        }
        file->bytes = (ork_bytes){file->mapping, (size_t)status.st_size};
    }
    close(fd);
    return true;
}

void ork_file_unmap(ork_file *file)
{
    if (file->mapping)
        munmap(file->mapping, file->bytes.size);
    *file = (ork_file){0};
}

struct ork_output {
    ork_diag *diag;
    char *path, *temporary;
    FILE *stream;
    bool failed;
};

static void free_output(ork_output *output)
{
    free(output->path);
    free(output->temporary);
    free(output);
}

static bool fail_write(ork_output *output)
{
    if (!output->failed) {
        int reason = errno;
        ork_fail(output->diag, ORK_ERR_FILE_WRITE, "cannot write '%s'", output->path);
        ork_why(output->diag, "%s", strerror(reason));
    }
    output->failed = true;
    return false;
}

ork_output *ork_output_open(ork_diag *diag, const char *path)
{
    ork_output *output = calloc(1, sizeof(*output));
    size_t size = strlen(path) + 32;
    char *temporary = malloc(size);
    if (!output || !temporary)
        abort();
    snprintf(temporary, size, "%s.%ld.part", path, (long)getpid());
    output->diag = diag;
    output->path = strdup(path);
    output->temporary = temporary;
    output->stream = fopen(temporary, "wb");
    if (output->stream)
        return output;
    fail_write(output);
    free_output(output);
    return NULL;
}

bool ork_output_write(ork_output *output, const void *data, size_t size)
{
    if (output->failed)
        return false;
    if (size && fwrite(data, 1, size, output->stream) != size)
        return fail_write(output);
    return true;
}

bool ork_output_commit(ork_output *output)
{
    if (fclose(output->stream) != 0)
        fail_write(output);
    if (!output->failed && rename(output->temporary, output->path) != 0)
        fail_write(output);
    bool good = !output->failed;
    if (!good)
        unlink(output->temporary);
    free_output(output);
    return good;
}

void ork_output_discard(ork_output *output)
{
    fclose(output->stream);
    unlink(output->temporary);
    free_output(output);
}
