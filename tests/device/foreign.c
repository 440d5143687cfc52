/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into the shells of the stand-in for a board: what the kernel of a board does with a
   program of its own architecture, and with one of another. ORK_FOREIGN is the command that runs
   programs of the board, "" when the board is of this computer's kind, "!" when nothing can run
   them, and "noexec" when programs in the folder of ork-board may not run. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*execve_fn)(const char *, char *const[], char *const[]);

enum { MOST = 64 };

static int machine_of(const char *path)
{
    unsigned char head[20] = {0};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = file >= 0 ? read(file, head, sizeof(head)) : 0;
    if (file >= 0)
        close(file);
    return size == sizeof(head) && memcmp(head, ELFMAG, SELFMAG) == 0 ? head[18] | head[19] << 8
                                                                      : EM_NONE;
}

__attribute__((visibility("default"))) int execve(const char *path, char *const argv[],
                                                  char *const envp[])
{
    const execve_fn real = __extension__(execve_fn) dlsym(RTLD_NEXT, "execve");
    const int machine = machine_of(path), own = machine_of("/proc/self/exe");
    const char *wanted = getenv("ORK_FOREIGN");
    char command[512], *all[MOST + 8], *rest = NULL;
    int count = 0;
    if (wanted && strcmp(wanted, "noexec") == 0 && strstr(path, "/ork-board-")) {
        errno = EACCES;
        return -1;
    }
    if (machine == EM_NONE || machine == own)
        return real(path, argv, envp);
    if (!wanted || !*wanted || strcmp(wanted, "!") == 0) {
        errno = ENOEXEC;
        return -1;
    }
    strncpy(command, wanted, sizeof(command) - 1);
    command[sizeof(command) - 1] = '\0';
    for (char *word = strtok_r(command, " ", &rest); word && count < 7;
         word = strtok_r(NULL, " ", &rest))
        all[count++] = word;
    all[count++] = (char *)path;
    for (int i = 1; argv[0] && argv[i] && count < MOST; i++)
        all[count++] = argv[i];
    all[count] = NULL;
    return real(all[0], all, envp);
}
