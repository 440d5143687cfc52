/* SPDX-License-Identifier: Apache-2.0 */
/* What runs of the sample detector ask of the system: nothing at all once the session is there, and
   no more memory than the plan says. */
#include <openrknn/openrknn.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
    #if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
        #define HAS_SANITIZER
    #endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    #define HAS_SANITIZER
#endif

#define EYES ORK_TEST_DATA "/../../examples/eyes/"

enum { SIDE = 416 };
static const char *const types[] = {NULL, "asymmetric_quantized-u8", "dynamic_fixed_point-i8",
                                    "dynamic_fixed_point-i16"}; /* NULL: floats */

static void fail_if(const ork_model *model, bool failed)
{
    const ork_error *e = ork_model_error(model);
    if (failed)
        fail_msg("%s %s | %s | %s", e->id, e->what, e->where, e->why);
}

static ork_model *build(const char *type)
{
    const ork_input_size size = {3, {3, SIDE, SIDE}};
    ork_load_options load = ORK_OPTIONS_INIT(ork_load_options);
    load.input_sizes = &size;
    load.input_size_count = 1;
    char list[] = "/tmp/ork-resources-XXXXXX";
    int handle = mkstemp(list);
    assert_true(handle >= 0);
    FILE *file = fdopen(handle, "w");
    fprintf(file, EYES "test/00000.jpg\n");
    fclose(file);
    ork_build_options options = ORK_OPTIONS_INIT(ork_build_options);
    options.do_quantization = type != NULL;
    options.dataset = list;
    ork_model *model = ork_model_new();
    assert_true(ork_model_config(model, "vendor_exact", "1"));
    if (type)
        assert_true(ork_model_config(model, "quantized_dtype", type));
    fail_if(model, !ork_model_load(model, EYES "eyes.pt", &load));
    fail_if(model, !ork_model_build(model, &options));
    unlink(list);
    return model;
}

static ork_session *new_session(ork_model *model, int threads)
{
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = threads;
    ork_session *session = ork_session_new(model, &options);
    fail_if(model, !session);
    return session;
}

static void test_arena_is_tight(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        ork_model *model = build(types[i]);
        ork_session *session = new_session(model, 1);
        ork_session_stats stats;
        ork_session_get_stats(session, &stats);
        assert_true(stats.live_bytes > (size_t)SIDE * SIDE);
        assert_true(stats.arena_bytes >= stats.live_bytes);
        if (stats.arena_bytes > stats.live_bytes + stats.live_bytes / 10)
            fail_msg("%s: %zu bytes for %zu", types[i] ? types[i] : "floats", stats.arena_bytes,
                     stats.live_bytes);
        ork_session_free(session);
        ork_model_free(model);
    }
}

#if defined(__GLIBC__) && !defined(HAS_SANITIZER)

    #include <malloc.h>

static uint8_t pixels[SIDE * SIDE * 3];
static const size_t ALLOWANCE = 4 << 20; /* a session's memory beside weights and tensors */

static bool run(ork_session *session)
{
    const ork_input input = {
        .data = pixels, .dtype = ORK_U8, .format = ORK_NHWC, .rank = 3, .dims = {SIDE, SIDE, 3}};
    return ork_session_run(session, &input, 1);
}

/* Every allocation of the process comes through here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static atomic_long calls;
static atomic_size_t held, most_held;

static void *counted(void *memory)
{
    const size_t now =
        atomic_fetch_add(&held, malloc_usable_size(memory)) + malloc_usable_size(memory);
    size_t most = atomic_load(&most_held);
    while (now > most && !atomic_compare_exchange_weak(&most_held, &most, now))
        continue;
    atomic_fetch_add(&calls, 1);
    return memory;
}

static void forget(void *memory)
{
    atomic_fetch_sub(&held, malloc_usable_size(memory));
    atomic_fetch_add(&calls, 1);
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    forget(old);
    return counted(__libc_realloc(old, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

void *memalign(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = counted(__libc_memalign(alignment, size));
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    forget(memory);
    __libc_free(memory);
}

static void test_memory_is_what_the_plan_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        ork_model *model = build(types[i]);
        const size_t before = atomic_load(&held);
        atomic_store(&most_held, before);
        ork_session *session = new_session(model, 1);
        assert_true(run(session));
        ork_session_stats stats;
        ork_session_get_stats(session, &stats);
        const size_t taken = atomic_load(&most_held) - before;
        assert_true(taken > stats.arena_bytes + stats.weight_bytes); /* or nothing is counted */
        if (taken > stats.arena_bytes + stats.weight_bytes + ALLOWANCE)
            fail_msg("%s: %zu bytes, of which tensors %zu, weights %zu",
                     types[i] ? types[i] : "floats", taken, stats.arena_bytes, stats.weight_bytes);
        ork_session_free(session);
        assert_true(atomic_load(&held) <= before + 65536); /* the model keeps texts of errors */
        ork_model_free(model);
    }
}

    #if defined(__linux__)

        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <signal.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>

        #define ALLOW(call)                                                                        \
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),                                     \
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

enum { QUIET = 0, ALLOCATED = 3, CALLED = 4, NO_FILTER = 5, FAILED = 6 };
static volatile sig_atomic_t *forbidden; /* shared with the child: the call it made */

static void on_call(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    *forbidden = info->si_syscall;
    _exit(CALLED);
}

/* From now on threads may wait for each other, and the process may end; all else is caught. */
static bool forbid_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_futex),
        #if defined(SYS_futex_time64)
        ALLOW(SYS_futex_time64),
        #endif
        ALLOW(SYS_sched_yield),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {sizeof(rules) / sizeof(*rules), rules};
    const struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

/* In a process of its own: the last of several runs may neither allocate nor call the system. */
static int quiet_child(ork_model *model, int threads, bool speak)
{
    ork_session *session = new_session(model, threads);
    if (!run(session))
        return FAILED;
    if (!forbid_calls())
        return NO_FILTER;
    const long before = atomic_load(&calls);
    for (int i = 0; i < 3; i++)
        if (!run(session))
            return FAILED;
    if (speak)
        getppid();
    return atomic_load(&calls) == before ? QUIET : ALLOCATED;
}

static int outcome_of(ork_model *model, int threads, bool speak)
{
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(quiet_child(model, threads, speak));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_runs_are_quiet(void **state)
{
    (void)state;
    forbidden =
        mmap(NULL, sizeof(*forbidden), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(forbidden != MAP_FAILED);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        ork_model *model = build(types[i]);
        for (int threads = 1; threads <= 2; threads++) {
            const int outcome = outcome_of(model, threads, false);
            if (outcome == NO_FILTER) { /* as under emulators */
                ork_model_free(model);
                skip();
            }
            if (outcome != QUIET)
                fail_msg("%s, %d threads: outcome %d, system call %d",
                         types[i] ? types[i] : "floats", threads, outcome, (int)*forbidden);
        }
        if (i == 0) { /* and calls are noticed */
            assert_int_equal(outcome_of(model, 1, true), CALLED);
            assert_int_equal(*forbidden, SYS_getppid);
        }
        ork_model_free(model);
    }
}

    #endif
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_is_tight),
#if defined(__GLIBC__) && !defined(HAS_SANITIZER)
        cmocka_unit_test(test_memory_is_what_the_plan_says),
    #if defined(__linux__)
        cmocka_unit_test(test_runs_are_quiet),
    #endif
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
