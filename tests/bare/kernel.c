/* SPDX-License-Identifier: Apache-2.0 */
/* The least kernel that runs one statically linked Linux program on an emulated processor, so that
   tests of instruction sets that this machine lacks need no operating system there, only seconds.
   The program is the multiboot loader's module; words NAME=VALUE of its line become its
   environment. No interrupts, no protection, one thread. What is written, and at the end "exit N",
   goes to the emulator's port 0xe9; then the emulator is told to stop. */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STACK_TOP = 0x0c000000, /* 192 MiB; the program is linked at 128 MiB */
    MAPS_START = STACK_TOP,
    MAPS_END = 0x1f000000,
    DEBUG_PORT = 0xe9,
    STOP_PORT = 0x8900,
    MAX_WORDS = 16,
    PAGE = 4096
};

typedef struct multiboot_module {
    uint32_t start, end, line, unused;
} multiboot_module;

typedef struct multiboot_info {
    uint32_t flags, memory[2], device, line, module_count, modules;
} multiboot_info;

void kernel_main(const multiboot_info *info);
long system_call_run(long number, const long argument[6]);
void enter_program(uint64_t entry, uint64_t stack);

/* the compiler may call these */
void *memcpy(void *to, const void *from, size_t count)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
    return to;
}

void *memset(void *to, int value, size_t count)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
    return to;
}

static void out_byte(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void write_text(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out_byte(DEBUG_PORT, (uint8_t)text[i]);
}

static void write_line(const char *name, unsigned long value)
{
    char digits[24];
    size_t at = sizeof(digits), length = 0;
    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (name[length])
        length++;
    write_text(name, length);
    write_text(digits + at, sizeof(digits) - at);
}

static void stop(unsigned long status)
{
    static const char word[] = "Shutdown";
    write_line("\nexit ", status);
    for (size_t i = 0; i < sizeof(word) - 1; i++)
        out_byte(STOP_PORT, (uint8_t)word[i]);
    for (;;)
        __asm__ volatile("hlt");
}

/* ---- system calls ----------------------------------------------------------------------- */

enum {
    CALL_WRITE = 1,
    CALL_FSTAT = 5,
    CALL_MMAP = 9,
    CALL_MPROTECT = 10,
    CALL_MUNMAP = 11,
    CALL_BRK = 12,
    CALL_SIGACTION = 13,
    CALL_SIGPROCMASK = 14,
    CALL_WRITEV = 20,
    CALL_EXIT = 60,
    CALL_ARCH_PRCTL = 158,
    CALL_SET_TID_ADDRESS = 218,
    CALL_EXIT_GROUP = 231,
    SET_FS = 0x1002,
    FS_BASE = (int)0xc0000100,
    NO_SUCH_CALL = -38,
    NO_MEMORY = -12
};

static uint64_t break_at, break_start, maps_at = MAPS_START;

static long set_break(uint64_t wanted)
{
    if (wanted < break_start || wanted > STACK_TOP - 0x1000000)
        return (long)break_at;
    if (wanted > break_at)
        memset((void *)break_at, 0, wanted - break_at);
    return (long)(break_at = wanted);
}

/* Anonymous memory; what is given back is not used again. */
static long map_memory(uint64_t size)
{
    size = (size + PAGE - 1) / PAGE * PAGE;
    if (size > MAPS_END - maps_at)
        return NO_MEMORY;
    uint64_t at = maps_at;
    maps_at += size;
    memset((void *)at, 0, size);
    return (long)at;
}

static long write_vector(const long *parts, long count)
{
    long written = 0;
    for (long i = 0; i < count; i++) {
        write_text((const char *)parts[2 * i], (size_t)parts[2 * i + 1]);
        written += parts[2 * i + 1];
    }
    return written;
}

static long set_fs(uint64_t base)
{
    __asm__ volatile("wrmsr" : : "c"(FS_BASE), "a"((uint32_t)base), "d"((uint32_t)(base >> 32)));
    return 0;
}

long system_call_run(long number, const long argument[6])
{
    switch (number) {
    case CALL_WRITE:
        write_text((const char *)argument[1], (size_t)argument[2]);
        return argument[2];
    case CALL_WRITEV:
        return write_vector((const long *)argument[1], argument[2]);
    case CALL_MMAP:
        return map_memory((uint64_t)argument[1]);
    case CALL_BRK:
        return set_break((uint64_t)argument[0]);
    case CALL_ARCH_PRCTL:
        return argument[0] == SET_FS ? set_fs((uint64_t)argument[1]) : NO_SUCH_CALL;
    case CALL_MPROTECT:
    case CALL_MUNMAP:
    case CALL_SIGACTION:
    case CALL_SIGPROCMASK:
        return 0;
    case CALL_SET_TID_ADDRESS:
        return 1;
    case CALL_EXIT:
    case CALL_EXIT_GROUP:
        stop((unsigned long)argument[0] & 0xff);
        return 0;
    default:
        return NO_SUCH_CALL;
    }
}

/* ---- the program ------------------------------------------------------------------------ */

/* The address of its program headers. */
static uint64_t load(const char *image)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)(const void *)image;
    const Elf64_Phdr *part = (const Elf64_Phdr *)(const void *)(image + head->e_phoff);
    uint64_t headers = 0;
    for (int i = 0; i < head->e_phnum; i++, part++) {
        if (part->p_type != PT_LOAD)
            continue;
        char *to = (char *)part->p_vaddr;
        memcpy(to, image + part->p_offset, part->p_filesz);
        memset(to + part->p_filesz, 0, part->p_memsz - part->p_filesz);
        if (part->p_offset == 0)
            headers = part->p_vaddr + head->e_phoff;
        if (part->p_vaddr + part->p_memsz > break_start)
            break_start = part->p_vaddr + part->p_memsz;
    }
    break_at = break_start = (break_start + PAGE - 1) / PAGE * PAGE;
    return headers;
}

/* Splits a line at blanks. */
static int split(char *line, uint64_t words[MAX_WORDS])
{
    int count = 0;
    while (*line && count < MAX_WORDS) {
        while (*line == ' ')
            *line++ = 0;
        if (*line)
            words[count++] = (uint64_t)line;
        while (*line && *line != ' ')
            line++;
    }
    return count;
}

void kernel_main(const multiboot_info *info)
{
    const multiboot_module *module = (const multiboot_module *)(uint64_t)info->modules;
    if (info->module_count != 1)
        stop(99);
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)(uint64_t)module->start;
    uint64_t words[MAX_WORDS], *stack = (uint64_t *)(STACK_TOP - 2 * PAGE);
    int count = split((char *)(uint64_t)module->line, words), at = 0;
    stack[at++] = 1;
    stack[at++] = words[0];
    stack[at++] = 0;
    for (int i = 1; i < count; i++)
        stack[at++] = words[i];
    stack[at++] = 0;
    const uint64_t phnum = head->e_phnum, entry = head->e_entry;
    const uint64_t values[] = {AT_PHDR,   load((const char *)head),
                               AT_PHENT,  sizeof(Elf64_Phdr),
                               AT_PHNUM,  phnum,
                               AT_PAGESZ, PAGE,
                               AT_ENTRY,  entry,
                               AT_SECURE, 0,
                               AT_RANDOM, STACK_TOP - PAGE,
                               AT_NULL,   0};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        stack[at++] = values[i];
    enter_program(entry, (uint64_t)stack);
}
