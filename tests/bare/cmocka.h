/* SPDX-License-Identifier: Apache-2.0 */
/* The few words of cmocka that the tests of kernels use, for a machine without shared libraries and
   signals: a fault ends the program with status 1. */
#ifndef ORK_TESTS_BARE_CMOCKA_H
#define ORK_TESTS_BARE_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define print_message printf
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf(__VA_ARGS__);                                                                       \
        printf("\n%s:%d: failed\n", __FILE__, __LINE__);                                           \
        fflush(stdout);                                                                            \
        exit(1);                                                                                   \
    } while (0)
#define assert_true(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("not true: %s", #condition);                                                  \
    } while (0)
#define assert_non_null(pointer)              assert_true((pointer) != NULL)
#define assert_int_equal(got, want)           assert_true((long long)(got) == (long long)(want))
#define assert_memory_equal(got, want, count) assert_true(memcmp(got, want, count) == 0)

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(function)                                                                 \
    {                                                                                              \
        #function, function                                                                        \
    }
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    run_all(tests, sizeof(tests) / sizeof(*tests))

static inline int run_all(const struct CMUnitTest *tests, size_t count)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    for (size_t i = 0; i < count; i++) {
        tests[i].run(NULL);
        printf("ok      %s\n", tests[i].name);
        fflush(stdout);
    }
    return 0;
}

#endif
