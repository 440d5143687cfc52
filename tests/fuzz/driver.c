/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for libFuzzer in builds without it: runs a fuzz target on every file given, on every
   file of every folder given, and on mutations of each.
     fuzz_zip [-mutations=N] file-or-folder... */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long mutations, inputs;
static uint64_t random_state = 88172645463325252u; /* fixed: a failure can be seen again */

static uint64_t random_number(void) /* xorshift64 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t random_below(size_t limit)
{
    return (size_t)(random_number() % limit);
}

/* A copy of exactly this size, so that a sanitizer sees a read of one byte too many. */
static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static size_t mutate(uint8_t *data, size_t size)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '(', '0'};
    for (size_t edits = 1 + random_below(4); edits && size; edits--) {
        size_t at = random_below(size), other = random_below(size);
        switch (random_below(5)) {
        case 0:
            data[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 1:
            data[at] = telling[random_below(sizeof(telling))];
            break;
        case 2:
            data[at] = data[other];
            break;
        case 3: /* drop a byte */
            memmove(data + at, data + at + 1, size - at - 1);
            size--;
            break;
        default: /* cut the end off, seldom */
            if (random_below(4) == 0)
                size = at;
        }
    }
    return size;
}

static void run_bytes(const uint8_t *data, size_t size)
{
    run_copy(data, size);
    uint8_t *changed = malloc(size ? size : 1);
    if (!changed)
        abort();
    for (long i = 0; i < mutations; i++) {
        memcpy(changed, data, size);
        run_copy(changed, mutate(changed, size));
    }
    free(changed);
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        if (file)
            fclose(file);
        return 1;
    }
    long size = ftell(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    rewind(file);
    int failed = size < 0 || !data || fread(data, 1, (size_t)size, file) != (size_t)size;
    fclose(file);
    if (!failed)
        run_bytes(data, (size_t)size);
    free(data);
    return failed;
}

static int run_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return run_file(path);
    DIR *folder = opendir(path);
    int failed = !folder;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        failed |= length >= (int)sizeof(inner) || run_path(inner);
    }
    if (folder)
        closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-mutations=", 11) == 0)
            mutations = atol(argv[i] + 11);
        else
            failed |= run_path(argv[i]);
    }
    printf("%ld inputs\n", inputs);
    return failed || inputs == 0;
}
