/* SPDX-License-Identifier: Apache-2.0 */
/* The program adb of this computer. */
#define _GNU_SOURCE
#include "adb.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char *find_on_path(const char *name)
{
    const char *path = getenv("PATH");
    for (const char *folder = path ? path : ""; *folder;) {
        const size_t length = strcspn(folder, ":");
        char file[4096];
        snprintf(file, sizeof(file), "%.*s/%s", (int)length, folder, name);
        if (length > 0 && access(file, X_OK) == 0 && !ork_is_folder(file))
            return strdup(file);
        folder += length + (folder[length] == ':');
    }
    return NULL;
}

char *adb_program(void)
{
    const char *wanted = getenv("ORK_ADB");
    if (!wanted || !*wanted)
        return find_on_path("adb");
    return access(wanted, X_OK) == 0 && !ork_is_folder(wanted) ? strdup(wanted) : NULL;
}

/* A file, because a server that stays behind would keep a pipe open. */
static int open_output(void)
{
    char name[] = "/tmp/ork-adb-XXXXXX";
    const int fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static bool run_into(const char *program, const char *argument, int fd)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)argument, NULL};
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, 1);
    posix_spawn_file_actions_adddup2(&actions, fd, 2);
    bool good = posix_spawn(&pid, program, &actions, NULL, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    while (good && waitpid(pid, &status, 0) < 0)
        good = errno == EINTR;
    return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool adb_run(const char *program, const char *argument, ork_str *said)
{
    char text[512];
    const int fd = open_output();
    if (fd < 0)
        return false;
    const bool good = run_into(program, argument, fd);
    const ssize_t size = pread(fd, text, sizeof(text), 0);
    close(fd);
    for (ssize_t i = 0; i < size; i++)
        text[i] = (char)(text[i] < ' ' ? ' ' : text[i]);
    if (size > 0)
        ork_str_append(said, text, (size_t)size);
    return good;
}

int adb_program_version(const char *program)
{
    static const char before[] = "version 1.0.";
    ork_str said = {0};
    adb_run(program, "version", &said);
    const char *found = said.length ? strstr(said.text, before) : NULL;
    const int version = found ? (int)strtol(found + sizeof(before) - 1, NULL, 10) : -1;
    ork_str_free(&said);
    return version;
}
