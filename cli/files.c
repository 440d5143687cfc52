/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders by name, and child processes. */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool ork_cli_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_ending(const char *path, const char *const *endings)
{
    while (*endings && !ork_cli_ends_with(path, *endings))
        endings++;
    return *endings;
}

bool ork_cli_is_picture_name(const char *path)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp", NULL};
    return has_ending(path, endings);
}

bool ork_cli_is_video_name(const char *path)
{
    static const char *const endings[] = {".mp4",  ".m4v", ".mkv", ".mov", ".avi", ".webm", ".mpg",
                                          ".mpeg", ".ts",  ".wmv", ".flv", ".gif", NULL};
    return has_ending(path, endings);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool ork_cli_list_pictures(const char *folder, ork_cli_list *pictures)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    int first = pictures->count;
    size_t length = strlen(folder);
    const char *slash = length && folder[length - 1] == '/' ? "" : "/";
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && ork_cli_is_picture_name(entry->d_name))
            ork_cli_list_add(pictures, ork_cli_format("%s%s%s", folder, slash, entry->d_name));
    closedir(dir);
    if (pictures->count > first)
        qsort(pictures->items + first, (size_t)(pictures->count - first), sizeof(*pictures->items),
              by_name);
    return true;
}

/* A device or a pipe, which is written as it stands. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

FILE *ork_cli_create(const char *path, char **temporary)
{
    *temporary = is_special(path) ? NULL : ork_cli_format("%s.%ld.part", path, (long)getpid());
    return fopen(*temporary ? *temporary : path, "w");
}

bool ork_cli_finish(FILE *file, const char *path, const char *temporary, bool good)
{
    good = fclose(file) == 0 && good;
    if (temporary)
        good = good && rename(temporary, path) == 0;
    if (temporary && !good)
        unlink(temporary);
    return good;
}

static bool can_write_file(const char *path)
{
    if (is_special(path))
        return access(path, W_OK) == 0;
    int folder = (int)(ork_cli_base_name(path) - path);
    if (access(folder ? ork_cli_format("%.*s", folder, path) : ".", W_OK | X_OK) != 0)
        return false;
    errno = EISDIR;
    return !ork_cli_is_folder(path);
}

static bool can_write_into(const char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    if (ork_cli_is_folder(folder))
        return access(folder, W_OK | X_OK) == 0;
    errno = ENOTDIR; /* it will be made, unless a file has its name */
    return access(folder, F_OK) != 0 && can_write_file(ork_cli_format("%.*s", (int)length, folder));
}

int ork_cli_check_output(ork_cli *cli, const char *path, bool is_folder)
{
    if (!path || (is_folder ? can_write_into(path) : can_write_file(path)))
        return 0;
    return ork_cli_fail(cli, "E0102", NULL, strerror(errno), NULL, "cannot write '%s'", path);
}

int ork_cli_make_folder(ork_cli *cli, const char *folder)
{
    if (mkdir(folder, 0777) == 0 || ork_cli_is_folder(folder))
        return 0;
    return ork_cli_fail(cli, "E0102", folder, strerror(errno), NULL, "the folder cannot be made");
}

bool ork_cli_names_add(ork_cli_list *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return false;
    ork_cli_list_add(names, name);
    return true;
}

/* ---- child processes ---- */

bool ork_cli_program_exists(const char *name)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        if (access(ork_cli_format("%.*s/%s", (int)length, path, name), X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

/* In the child: the pipe becomes stdin or stdout, the other goes to /dev/null. A child in its own
   group is not hit by Ctrl-C, so that it can finish its file. */
static void become(const char *const *argv, int end, bool writes)
{
    int nothing = open("/dev/null", O_RDWR);
    setpgid(0, 0);
    dup2(writes ? end : nothing, STDIN_FILENO);
    dup2(writes ? nothing : end, STDOUT_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

bool ork_cli_child_start(ork_cli_child *child, const char *const *argv, bool writes)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    int ours = ends[writes], theirs = ends[!writes];
    fcntl(ours, F_SETFD, FD_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, theirs, writes);
    close(theirs);
    child->pid = pid;
    child->pipe = pid > 0 ? fdopen(ours, writes ? "wb" : "rb") : NULL;
    if (!child->pipe)
        close(ours);
    return child->pipe;
}

bool ork_cli_child_finish(ork_cli_child *child, bool stop)
{
    if (stop)
        kill((pid_t)child->pid, SIGTERM);
    bool good = fclose(child->pipe) == 0;
    int status = 0;
    while (waitpid((pid_t)child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int ork_cli_read_labels(ork_cli *cli, const char *path, ork_cli_list *labels)
{
    FILE *file = path ? fopen(path, "r") : NULL;
    if (path && !file)
        return ork_cli_fail(cli, "E0101", path, strerror(errno), NULL, "the labels cannot be read");
    if (file) {
        ork_cli_list_add_lines(labels, file);
        fclose(file);
    }
    return 0;
}

int ork_cli_write_text(ork_cli *cli, const char *path, const char *text)
{
    char *temporary;
    FILE *file = text ? ork_cli_create(path, &temporary) : NULL;
    const bool written = file && fputs(text, file) >= 0;
    if (!file || !ork_cli_finish(file, path, temporary, written))
        return ork_cli_fail(cli, "E0102", path, text ? strerror(errno) : NULL, NULL,
                            "the file cannot be written");
    ork_cli_say(cli, "wrote %s (%s)", path, ork_cli_bytes(strlen(text)));
    return 0;
}
